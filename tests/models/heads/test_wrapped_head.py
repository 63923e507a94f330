"""Heads around heads: weights find their places, and nobody sees what they watched."""

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.pose_function import PoseFunction
from posescope.models.heads.wrapped_head import maps_computed_by
from tests.models.heads.small_heads import CATEGORICAL, CODEC, HEATMAP, MSE, build, features

CALIBRATED = {'type': 'CalibratedHead', 'in_channels': 5, 'hidden_channels': 4}
SUPERVISED = {'type': 'DeepSupervisionHead', 'in_channels': ()}


@pytest.mark.parametrize('inner', [HEATMAP, CATEGORICAL], ids=lambda config: config['type'])
@pytest.mark.parametrize('load', ['torch', 'mmengine'])
def test_weights_of_the_head_alone_fit(inner, load):
    alone = build(inner, seed=3)
    around = build({**SUPERVISED, 'pose_head': {**CALIBRATED, 'pose_head': inner}})
    state = {f'head.{name}': value for name, value in alone.state_dict().items()}
    model = torch.nn.ModuleDict({'head': around})
    if load == 'torch':
        found = model.load_state_dict(state, strict=False)
        assert found.unexpected_keys == []
        assert all(key.startswith('head.pose_head.branch.') for key in found.missing_keys)
    else:
        load_state_dict(model, state)
    assert torch.equal(around((features(),)), alone((features(),)))
    again = torch.nn.ModuleDict({'head': build({**SUPERVISED, 'pose_head': {**CALIBRATED, 'pose_head': inner}})})
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.head((features(),)), alone((features(),)))


def test_watching_ends_and_others_may_watch_too():
    head = build(HEATMAP)
    with maps_computed_by(head) as outer:
        with maps_computed_by(head) as inner:
            head.forward((features(),))
        head.forward((features(seed=1),))
    head.forward((features(),))
    assert (len(outer), len(inner)) == (2, 1)
    assert 'forward' not in vars(head)


def explained(head: dict) -> PoseFunction:
    """A model with this head, of COCO's joints."""
    torch.manual_seed(0)
    backbone = {'type': 'SlimResNet', 'widths': (5,), 'blocks': (1,)}
    model = MODELS.build({'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head})
    return PoseFunction(model, skeleton_of_file('coco'))


@pytest.mark.parametrize('inner', [HEATMAP, CATEGORICAL], ids=lambda config: config['type'])
def test_explained_as_the_head_inside(inner):
    codec = {key: value for key, value in inner['decoder'].items() if key != 'sigmas'}
    inner = {**inner, 'out_channels': 17, 'decoder': codec}
    plain, around = explained(inner), explained({**SUPERVISED, 'pose_head': {**CALIBRATED, 'pose_head': inner}})
    around.model.load_state_dict(plain.model.state_dict(), strict=False)
    crops = torch.randn(2, 3, 48, 32)
    assert type(around.readout) is type(plain.readout)
    assert around.kind == 'heatmap'
    one, other = plain.decode(plain(crops)), around.decode(around(crops))
    assert torch.equal(one.places, other.places)
    assert torch.equal(one.scores, other.scores)


SIMCC = {
    'type': 'SimCCHead', 'in_channels': 5, 'out_channels': 3, 'input_size': (32, 48), 'in_featuremap_size': (8, 12),
    'deconv_out_channels': None, 'decoder': {'type': 'SimCCLabel', 'input_size': (32, 48)},
}  # fmt: skip
COMBINED = {
    **HEATMAP, 'out_channels': 9, 'loss': {'type': 'CombinedTargetMSELoss', 'use_target_weight': True},
    'decoder': {'type': 'UDPHeatmap', 'input_size': (32, 48), 'heatmap_size': (8, 12), 'heatmap_type': 'combined'},
}  # fmt: skip
REGRESSION = {
    'type': 'RegressionHead',
    'in_channels': 5,
    'num_joints': 3,
    'decoder': {'type': 'RegressionLabel', 'input_size': (32, 48)},
}
MSPN = {
    'type': 'MSPNHead', 'out_shape': (12, 8), 'unit_channels': 4, 'out_channels': 3, 'num_stages': 1, 'num_units': 2,
    'loss': [MSE] * 2, 'level_indices': [0, 1], 'decoder': CODEC,
}  # fmt: skip


@pytest.mark.parametrize('inner', [SIMCC, COMBINED, REGRESSION, MSPN, {**HEATMAP, 'decoder': None}])
@pytest.mark.parametrize(
    'around', [{'type': 'CalibratedHead', 'in_channels': 5}, {'type': 'DeepSupervisionHead', 'in_channels': (4,)}]
)
def test_heads_without_one_map_a_joint_are_refused(around: dict, inner: dict) -> None:
    if inner is COMBINED and around['type'] == 'DeepSupervisionHead':
        build({**around, 'pose_head': inner})
        return
    with pytest.raises(InputError, match=f'{around["type"]} around {inner["type"]} with .*one heatmap a joint'):
        build({**around, 'pose_head': inner})
