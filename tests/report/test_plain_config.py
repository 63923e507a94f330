"""What a config of ours is without our settings."""

import copy

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.transforms import RandomBBoxTransform

from posescope.errors import InputError
from posescope.report.plain_config import plain, plain_config
from tests.conftest import ROOT

RENDERED = ROOT / 'configs/selection/rendered'


@pytest.fixture(scope='module')
def ours() -> Config:
    return Config.fromfile(RENDERED / 'td-hm_res18_rendered-128x96.py')


def test_same_training_without_our_settings(ours: Config) -> None:
    before = copy.deepcopy(ours.to_dict())
    theirs = plain_config(ours)
    assert ours.to_dict() == before, 'the config itself is left as it is'
    for key in ('model', 'param_scheduler', 'train_cfg', 'randomness'):
        assert theirs.to_dict()[key] == before[key]
    assert theirs.optim_wrapper == {**before['optim_wrapper'], 'type': 'OptimWrapper'}
    assert theirs.custom_hooks == []
    assert 'custom_imports' not in theirs
    loader, mine = theirs.train_dataloader.to_dict(), before['train_dataloader']
    pipeline, my_pipeline = loader['dataset'].pop('pipeline'), mine['dataset'].pop('pipeline')
    assert loader == {**mine, 'num_workers': 2, 'persistent_workers': True}, "as in MMPose's configs"
    types = [step['type'] for step in my_pipeline if step['type'] not in ('CachedImage', 'ContiguousImage')]
    assert len(types) == len(my_pipeline) - 2
    types[types.index('UniformBBoxTransform')] = 'RandomBBoxTransform'
    assert [step['type'] for step in pipeline] == types
    assert pipeline[-1] == {'type': 'PackPoseInputs'}
    encoder = my_pipeline[-2]['encoder']
    assert encoder['type'] == 'QuickUDPHeatmap'
    assert pipeline[-2] == {**my_pipeline[-2], 'encoder': {**encoder, 'type': 'UDPHeatmap'}}, 'the same targets'


def test_boxes_change_within_the_same_limits() -> None:
    ours = {'type': 'UniformBBoxTransform', 'shift_factor': 0.02, 'scale_range': (0.9, 1.2), 'rotate_prob': 0.6}
    theirs = plain(ours)
    assert theirs.pop('type') == 'RandomBBoxTransform'
    np.random.seed(0)  # noqa: NPY002  MMPose draws from the global generator
    boxes = {'bbox_center': np.full((4000, 2), 50.0), 'bbox_scale': np.full((4000, 2), 10.0)}
    changed = RandomBBoxTransform(**theirs).transform(boxes)
    shift, scale = changed['bbox_center'] / 10 - 5, changed['bbox_scale'] / 10
    turn = changed['bbox_rotation']
    assert np.abs(shift).max() == pytest.approx(0.02, rel=0.01)
    assert [scale.min(), scale.max()] == pytest.approx([0.9, 1.2], abs=0.002)
    assert np.abs(turn).max() == pytest.approx(20, rel=0.01), 'the default of both'
    assert (turn != 0).mean() == pytest.approx(0.6, abs=0.03)
    assert (shift != 0).all(), 'as ours, it shifts every box'


def test_other_imports_of_a_config_stay() -> None:
    imports = {'imports': ['posescope', 'mine'], 'allow_failed_imports': False}
    cfg = Config({'custom_imports': imports, 'train_dataloader': {}})
    assert plain_config(cfg).custom_imports.imports == ['mine']


@pytest.mark.parametrize(
    ('changes', 'name'),
    [
        ({'model.backbone.type': 'SlimResNet'}, 'SlimResNet'),
        ({'model.head.loss.type': 'mmpose.OKSHeatmapLoss'}, 'mmpose.OKSHeatmapLoss'),
        ({'custom_hooks': [{'type': 'StepSeedHook'}]}, 'StepSeedHook'),
    ],
)
def test_what_mmpose_does_not_have_is_refused(ours: Config, changes: dict, name: str) -> None:
    cfg = copy.deepcopy(ours)
    cfg.merge_from_dict(changes)
    with pytest.raises(InputError, match=f"nothing in the place of type='{name}'"):
        plain_config(cfg)
