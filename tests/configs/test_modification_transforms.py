"""Configs that change the data, the weights of joints, or what is done at test time."""

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
from mmpose.registry import DATA_SAMPLERS, DATASETS, HOOKS, KEYPOINT_CODECS, METRICS, MODELS

from posescope.engine.codec_check import refuse_other_codec
from posescope.errors import InputError
from tests.conftest import ROOT
from tests.drawn_people import JOINTS, write_drawn_coco

FOLDER = ROOT / 'configs/modification'
DATA = {
    'keypoint-removal': 'train_dataloader',
    'keypoint-removal-anywhere': 'train_dataloader',
    'region-colour': 'train_dataloader',
    'error-targeted': 'train_dataloader',
    'error-driven-weights': 'custom_hooks',
}
"""Changes of the default training, and where they are."""
TEST_TIME = (
    'quarter-offset', 'dark', 'no-flip', 'flip', 'flip-shift', 'score-box', 'score-all-joints', 'expected-ks',
)  # fmt: skip


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


@pytest.mark.parametrize('name', TEST_TIME)
def test_choices_at_test_time_take_the_weights_as_they_are(name):
    plain, config = config_of('msra_res18'), config_of(f'test_time/{name}_res18')
    refuse_other_codec(config, checkpoint_of('msra_res18'), 'epoch_14.pth')
    for same in ('train_dataloader', 'test_dataloader', 'optim_wrapper', 'train_cfg'):
        assert config[same] == plain[same], same
    decoder, test_cfg = config.model.head.pop('decoder'), config.model.pop('test_cfg')
    assert decoder != plain.model.head.pop('decoder') or name not in ('dark', 'expected-ks')
    assert test_cfg.flip_test == (name != 'no-flip')
    plain.model.pop('test_cfg')
    assert config.model == plain.model
    KEYPOINT_CODECS.build(decoder)
    changed = config.test_evaluator != plain.test_evaluator
    assert changed == name.startswith('score')


def test_scores_of_people_are_settings_of_the_metric():
    found = {}
    for name in ('score-box', 'score-all-joints'):
        config = config_of(f'test_time/{name}_res18').test_evaluator[0]
        found[name] = METRICS.build({**config, 'ann_file': None})
    assert found['score-box'].score_mode == 'bbox'
    assert found['score-all-joints'].score_mode == 'bbox_keypoint'
    assert found['score-all-joints'].keypoint_score_thr == 0


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
