"""Configs that change the data, the weights of joints, or the codec."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import DATA_SAMPLERS, DATASETS, HOOKS, KEYPOINT_CODECS, MODELS
from numpy.typing import NDArray

from posescope.engine import error_driven_joint_weights
from posescope.engine.codec_check import refuse_other_codec
from posescope.engine.error_driven_joint_weights import ErrorDrivenJointWeights
from posescope.errors import InputError
from tests.conftest import ROOT
from tests.drawn_people import JOINTS, write_drawn_coco
from tools.train import main

FOLDER = ROOT / 'configs/modification'
DATA = {
    'keypoint-removal': 'train_dataloader',
    'keypoint-removal-anywhere': 'train_dataloader',
    'region-colour': 'train_dataloader',
    'error-targeted': 'train_dataloader',
    'error-driven-weights': 'custom_hooks',
}
"""Changes of the default training, and where they are."""


@cache
def read(name: str) -> Config:
    return Config.fromfile(FOLDER / f'{name}_rendered-128x96.py')


def config_of(name: str) -> Config:
    return copy.deepcopy(read(name))


@cache
def checkpoint_of(name: str) -> dict[str, Any]:
    """What a checkpoint says of its training; formatting the text takes a second."""
    return {'meta': {'cfg': read(name).pretty_text}}


@pytest.fixture(scope='module')
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of three drawn people; a diagnosis and a dependency matrix lie beside it."""
    path = write_drawn_coco(tmp_path_factory.mktemp('people'), num_images=3, people=1)
    value = np.where(np.eye(17, k=1) > 0, 0.5, 0.1).tolist()
    matrix = {'joints': list(JOINTS), 'value': value}
    (path.parent / 'dependency.json').write_text(json.dumps({'matrices': {'ks': matrix}}))
    families = read('error-targeted').sampler.families
    rows = [
        {'family': family, 'population': 'large', 'class': 'miss', 'count': 4, 'of': 50} for family in families
    ]  # fmt: skip
    classes = {'good': {'count': 90, 'of': 100}, 'miss': {'count': 10, 'of': 100}}
    (path.parent / 'diagnosis.json').write_text(json.dumps({'classes': classes, 'slices': rows}))
    return path


def train_data(config: Config, annotations: Path) -> Any:
    """The training data on drawn people, who have no part maps: their forearms are found by joints."""
    dataset = config.train_dataloader.dataset
    for step in dataset.pipeline:
        if 'dependency' in step:
            step.dependency = str(annotations.parent / 'dependency.json')
        if step.pop('parts', None):
            step.bones = [('left_elbow', 'left_wrist')]
    place = {'data_root': '', 'ann_file': str(annotations), 'data_prefix': {'img': str(annotations.parent)}}
    return DATASETS.build({**dataset, **place})


@pytest.mark.parametrize('name', DATA)
def test_a_change_is_all_that_its_control_does_not_have(name):
    nothing, config = config_of('nothing'), config_of(name)
    for same in ('model', 'optim_wrapper', 'param_scheduler', 'randomness', 'val_dataloader', 'load_from'):
        assert config.get(same) == nothing.get(same), same
    assert config.train_cfg.max_epochs == nothing.train_cfg.max_epochs
    assert config[DATA[name]] != nothing[DATA[name]]
    if DATA[name] == 'custom_hooks':
        assert config.train_dataloader == nothing.train_dataloader
        assert config.custom_hooks[:-1] == nothing.custom_hooks
        assert isinstance(HOOKS.build(config.custom_hooks[-1]), HOOKS.get('ErrorDrivenJointWeights'))
    elif name != 'error-targeted':
        added = [step for step in config.train_pipeline if step not in nothing.train_pipeline]
        assert len(added) == 1
        assert [step for step in config.train_pipeline if step not in added] == nothing.train_pipeline
        assert config.train_dataloader.dataset.pipeline == config.train_pipeline


@pytest.mark.parametrize(
    ('name', 'option'),
    [
        ('keypoint-removal', {'train_dataloader.dataset.pipeline.5.permute': 0}),
        ('region-colour', {'train_dataloader.dataset.pipeline.1.where': 'anywhere'}),
        ('error-targeted', {'train_dataloader.sampler.permute': 0}),
        ('error-driven-weights', {'custom_hooks.1.permute': 0}),
    ],
)
def test_placebos_are_where_the_comments_say(name, option):
    config = config_of(name)
    config.merge_from_dict(option)
    changed = config.train_dataloader.dataset.pipeline if 'pipeline' in next(iter(option)) else None
    if changed is not None:
        step = next(step for step in changed if step['type'] in ('GroupKeypointRemoval', 'RandomiseRegionColour'))
        assert next(iter(option.values())) in (step.get('permute'), step.get('where'))
    else:
        part = config.custom_hooks[1] if 'custom_hooks.1.permute' in option else config.train_dataloader.sampler
        assert part.permute == 0
    assert f'{next(iter(option))}=' in (FOLDER / f'{name}_rendered-128x96.py').read_text()


@pytest.mark.parametrize('name', [name for name in DATA if DATA[name] == 'train_dataloader'])
def test_a_model_trains_two_steps_on_what_the_config_makes(name, drawn):
    config = config_of(name)
    data = train_data(config, drawn)
    if name == 'error-targeted':
        config.train_dataloader.sampler.diagnosis = str(drawn.parent / 'diagnosis.json')
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': data, 'seed': 0})
    set_random_seed(0)
    batch = pseudo_collate([data[index] for index in sampler])
    model = MODELS.build(config.model)
    model.init_weights()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(2):
        inputs = model.data_preprocessor(batch, training=True)
        losses = model(**inputs, mode='loss')
        loss, _ = model.parse_losses(losses)
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


ON_DRAWN_PEOPLE = """
_base_ = {config!r}
place = dict(data_root='', ann_file={annotations!r}, data_prefix=dict(img={pictures!r}))
train_dataloader = dict(dataset=place)
val_dataloader = dict(dataset=place, num_workers=0, persistent_workers=False)
test_dataloader = val_dataloader
val_evaluator = [
    dict(each, ann_file={annotations!r}) if 'ann_file' in each else each for each in _base_.val_evaluator
]
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2)
default_hooks = dict(checkpoint=None)
"""


def test_a_training_weighs_labels_by_what_was_diagnosed_after_the_epoch_before(drawn, tmp_path, monkeypatch):
    """Two steps of tools/train.py on drawn people, with a diagnosis after each."""
    read_headroom, weigh = error_driven_joint_weights.read_headroom, ErrorDrivenJointWeights.before_train_iter
    labels: list[NDArray[np.float32]] = []

    def planted(path: Path, kinds: object) -> dict[str, float]:
        # A model that has learnt nothing has no headroom at any single joint.
        return {name: 0.01 * (1 + place) for place, name in enumerate(read_headroom(path, kinds))}

    def watched(self: ErrorDrivenJointWeights, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        weigh(self, runner, batch_idx, data_batch)
        labels.append(np.concatenate([one.gt_instance_labels.keypoint_weights for one in data_batch['data_samples']]))

    monkeypatch.setattr(error_driven_joint_weights, 'read_headroom', planted)
    monkeypatch.setattr(ErrorDrivenJointWeights, 'before_train_iter', watched)
    config = tmp_path / 'drawn.py'
    base = FOLDER / 'error-driven-weights_rendered-128x96.py'
    config.write_text(ON_DRAWN_PEOPLE.format(config=str(base), annotations=str(drawn), pictures=str(drawn.parent)))
    assert main([str(config), '--work-dir', str(tmp_path / 'work')]) == 0
    decided = json.loads((tmp_path / 'work/joint_weights.json').read_text())
    assert [one['epoch'] for one in decided] == [1, 2]
    assert decided[0]['joints'] == list(JOINTS)
    # Half from before, where all weigh 1; half of the rest is shared out, n / 9 of it to the n-th of 17 joints.
    expected = 0.5 + 0.5 * (0.5 + 0.5 * np.arange(1, 18) / 9)
    assert decided[0]['used'] == pytest.approx(expected)
    before, after = labels
    assert set(before.ravel()) == {0, 1}
    np.testing.assert_allclose(after, expected * (after > 0), rtol=1e-6)
    assert (after > 0).any(0).all()


def test_joints_are_hidden_on_the_crop_and_before_targets_are_made(drawn):
    with DefaultScope.overwrite_default_scope('mmpose'):
        hidden = train_data(config_of('keypoint-removal'), drawn).pipeline.transforms
    kinds = [type(step).__name__ for step in hidden]
    assert kinds.index('TopdownAffine') < kinds.index('GroupKeypointRemoval') < kinds.index('GenerateTarget')


def test_udp_is_another_codec_and_another_crop_and_nothing_else():
    biased, unbiased = config_of('msra_res18'), config_of('udp_res18')
    assert unbiased.model == Config.fromfile(ROOT / 'configs/selection/rendered/td-hm_res18_rendered-128x96.py').model
    assert biased.model.head.pop('decoder').type == 'MSRAHeatmap'
    assert unbiased.model.head.pop('decoder').type == 'UDPHeatmap'
    assert biased.model.test_cfg.pop('shift_heatmap')
    assert not unbiased.model.test_cfg.pop('shift_heatmap')
    assert biased.model == unbiased.model
    for same in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'randomness', 'val_evaluator'):
        assert biased[same] == unbiased[same], same
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        steps = [each[loader].dataset.pipeline for each in (biased, unbiased)]
        differ = [one.type for one, other in zip(*steps, strict=True) if one != other]
        assert set(differ) <= {'TopdownAffine', 'GenerateTarget'}


@pytest.mark.parametrize(('tested', 'trained'), [('udp_res18', 'msra_res18'), ('msra_res18', 'udp_res18')])
def test_a_model_of_one_is_refused_by_the_other(tested, trained):
    with pytest.raises(InputError, match='use_udp='):
        refuse_other_codec(config_of(tested), checkpoint_of(trained), 'epoch_14.pth')
    refuse_other_codec(config_of(trained), checkpoint_of(trained), 'epoch_14.pth')


def decoded_with_flip(codec: dict[str, Any], shift: bool, joint: float, mirrored: float) -> float:
    """Where a model with perfect maps is found to see a joint at x = ``joint``, mirrored at ``mirrored``."""
    made = KEYPOINT_CODECS.build(codec)
    maps = [
        torch.as_tensor(made.encode(np.array([[[x, 60.0]]], np.float32))['heatmaps'])[None] for x in (joint, mirrored)
    ]
    flipped = flip_heatmaps(maps[1], flip_indices=[0], shift_heatmap=shift)
    mean = (maps[0] + flipped) / 2
    return float(made.decode(mean[0].numpy())[0][0, 0, 0])


def test_shifting_is_right_for_one_codec_and_wrong_for_the_other():
    codecs = {kind: dict(config_of(f'{kind}_res18').codec) for kind in ('msra', 'udp')}
    codecs['msra']['unbiased'] = True
    found: dict[tuple[str, bool], float] = {}
    for kind, codec in codecs.items():
        for shift in (False, True):
            # A plain crop of a mirrored picture has pixel x at 95 - x; so has one that maps centres. MMPose's UDP codec
            # gives places in a scale of 96 / 95.
            errors = [decoded_with_flip(codec, shift, x, 95 - x) - x for x in np.linspace(30, 65, 15)]
            found[kind, shift] = float(np.abs(np.mean(errors)))
    assert found['msra', True] == pytest.approx(4 * 0.25 / 2, abs=0.1), 'half of a quarter of a cell of four pixels'
    assert found['msra', False] == pytest.approx(4 * 0.75 / 2, abs=0.2)
    assert found['udp', True] == pytest.approx(4 * 1.0 / 2, abs=0.6)
    assert found['udp', False] < 0.6
