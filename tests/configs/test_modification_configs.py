"""Configs that change a model: each changes one thing, starts where its control starts, learns, and predicts."""

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
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed
from mmpose.registry import DATASETS, MODELS

from tests.configs.test_modification_transforms import DATA
from tests.conftest import ROOT
from tests.drawn_people import JOINTS, write_drawn_coco

FOLDER = ROOT / 'configs/modification'
NEW = {
    'bypass-stage': (),
    'calibrated': ('head.branch.',),
    'deep-supervision': ('head.taps.',),
    'inversion-margin': (),
    'joint-weights': (),
    'oks-loss': (),
    'pruned-channels': (),
}
"""Changes of the default model, and which of their weights a default model does not have."""
SAME_POSE = sorted(set(NEW) - {'bypass-stage', 'pruned-channels'})
FROM_NOTHING = (
    'hourglass-skip-gate', 'hourglass-skip-none', 'hourglass-stacks-3', 'joint-token_res18', 'transpose_res18',
    'msra_res18', 'udp_res18',
)  # fmt: skip


OPTIMIZER = {'type': 'OptimWrapper', 'optimizer': {'type': 'AdamW', 'lr': 1e-3}}
"""Much quicker than that of the configs, which tests/configs/test_rendered_configs.py runs."""


@cache
def read(name: str) -> Config:
    return Config.fromfile(FOLDER / f'{name}_rendered-128x96.py')


def config_of(name: str) -> Config:
    return copy.deepcopy(read(name))


@pytest.fixture(scope='module')
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of one drawn picture with two people; a diagnosis lies beside it."""
    annotations = write_drawn_coco(tmp_path_factory.mktemp('pair'), num_images=1, people=2)
    joints = [{'name': name, 'gain_alone': {'miss': 0.01 * (1 + place)}} for place, name in enumerate(JOINTS)]
    (annotations.parent / 'diagnosis.json').write_text(json.dumps({'joints': joints}))
    return annotations


@pytest.fixture(scope='module')
def start() -> dict[str, torch.Tensor]:
    """Weights of a default model."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        set_random_seed(1)
        model = MODELS.build(config_of('nothing').model)
        model.init_weights()
        return model.state_dict()


def people_of(loader: Config, pipeline: list[dict[str, Any]], annotations: Path) -> list[dict[str, Any]]:
    """Both samples of the loader's data set on drawn people."""
    place = {'data_root': '', 'ann_file': str(annotations), 'data_prefix': {'img': str(annotations.parent)}}
    dataset = DATASETS.build({**loader.dataset, **place, 'pipeline': pipeline, 'serialize_data': False})
    return [dataset[0], dataset[1]]


@pytest.fixture(scope='module')
def batches(drawn: Path) -> dict[str, tuple[Any, Any]]:
    """By config whose pipelines others may have too, a batch to train on, undisturbed, and one to test."""
    found = {}
    with DefaultScope.overwrite_default_scope('mmpose'):
        for name in ('nothing', 'transpose_res18', 'msra_res18'):
            config = config_of(name)
            steps = [*config.val_pipeline[:-1], *config.train_pipeline[-2:]]
            training = people_of(config.train_dataloader, steps, drawn)
            found[name] = training, people_of(config.test_dataloader, config.val_pipeline, drawn)
    return found


@pytest.mark.parametrize('name', NEW)
def test_a_change_is_all_that_its_control_does_not_have(name):
    nothing, config = config_of('nothing'), config_of(name)
    for same in ('train_dataloader', 'val_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'randomness'):
        assert config[same] == nothing[same], same
    changed = {key for key in config.model if config.model[key] != nothing.model[key]}
    assert changed <= {'backbone', 'neck', 'head'}
    assert changed
    assert config.get('load_from') == nothing.get('load_from')


def test_further_training_differs_from_the_first_in_its_length_and_rate_alone():
    default, nothing = Config.fromfile(ROOT / 'configs/selection/rendered/default.py'), config_of('nothing')
    assert nothing.model == default.model
    assert nothing.param_scheduler[-1].end == nothing.train_cfg.max_epochs == nothing.epochs < default.epochs
    assert nothing.optim_wrapper.optimizer.pop('lr') < default.optim_wrapper.optimizer.pop('lr')
    assert nothing.optim_wrapper == default.optim_wrapper
    assert nothing.train_dataloader == default.train_dataloader


@pytest.mark.parametrize('name', NEW)
def test_weights_of_a_default_model_fit(name, start):
    model = MODELS.build(config_of(name).model)
    missing = model.load_state_dict(start, strict=False).missing_keys
    assert [key for key in missing if not key.startswith(NEW[name] or '-')] == []
    assert bool(missing) == bool(NEW[name])
    if name not in SAME_POSE:
        return
    plain = MODELS.build(config_of('nothing').model)
    plain.load_state_dict(start)
    inputs = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        found, expected = (each.eval().head.forward(each.extract_feat(inputs)) for each in (model, plain))
    assert torch.equal(found, expected)


def test_every_config_is_run():
    """Below or in test_modification_transforms.py; test_modification_test_time.py takes what is in test_time/."""
    found = sorted(path.name.removesuffix('_rendered-128x96.py') for path in FOLDER.glob('*.py'))
    assert found == sorted(['nothing', *NEW, *FROM_NOTHING, *DATA])
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} - {'__pycache__'} == {'test_time'}


@pytest.mark.parametrize('name', ['nothing', *NEW, *FROM_NOTHING])
def test_a_few_steps_lower_the_loss_and_move_every_parameter(name, drawn, batches):
    set_random_seed(0)
    config = config_of(name)
    if name == 'joint-weights':
        config.model.head.loss.diagnosis = str(drawn.parent / 'diagnosis.json')
    model = MODELS.build(config.model)
    model.init_weights()
    model.train()
    optim_wrapper = build_optim_wrapper(model, OPTIMIZER)
    as_in = 'nothing' if name in NEW else name if name in batches else 'transpose_res18'
    assert config.train_dataloader == read(as_in).train_dataloader
    training, testing = (pseudo_collate(copy.deepcopy(people)) for people in batches[as_in])
    before = {key: each.detach().clone() for key, each in model.named_parameters()}
    # What the calibrated head has to predict moves with the pose.
    losses = [model.train_step(training, optim_wrapper)['loss_kpt'].item() for _ in range(3)]
    assert [key for key, each in model.named_parameters() if torch.equal(each, before[key])] == []
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()

    with torch.no_grad():
        predictions = model.eval().test_step(testing)
    for prediction in predictions:
        assert prediction.pred_instances.keypoints.shape == (1, 17, 2)
        assert np.isfinite(prediction.pred_instances.keypoints).all()
        assert np.isfinite(prediction.pred_instances.keypoint_scores).all()


@pytest.mark.parametrize(
    ('name', 'option', 'value'),
    [
        ('bypass-stage', 'model.backbone.placebo', 0),
        ('inversion-margin', 'model.head.loss.losses.1.permute', 0),
        ('joint-weights', 'model.head.loss.permute', 0),
        ('oks-loss', 'model.head.oks_loss.permute', True),
        ('pruned-channels', 'model.backbone.placebo', 0),
    ],
)
def test_a_placebo_is_where_the_comment_says_and_does_something_else(name, option, value, drawn, start, batches):
    """On the same weights and people, a step of it moves the model otherwise than the change does."""
    text = (FOLDER / f'{name}_rendered-128x96.py').read_text()
    assert f'{option}={value}' in text.replace('\n# ', ' ')
    people = copy.deepcopy(batches['nothing'][0])
    people[1]['data_samples'].gt_instance_labels.keypoint_weights[:, :5] = 0  # people with as many joints weigh alike
    # Untrained blocks are their shortcuts, so that leaving out one or another is the same.
    awake = {key: torch.ones_like(each) if key.endswith('bn2.weight') else each for key, each in start.items()}
    losses = []
    for options in ({}, {option: value}):
        config = config_of(name)
        config.merge_from_dict(options)
        if name == 'joint-weights':
            config.model.head.loss.diagnosis = str(drawn.parent / 'diagnosis.json')
        model = MODELS.build(config.model)
        model.load_state_dict(awake, strict=False)
        model.train()
        step = model.train_step(pseudo_collate(copy.deepcopy(people)), build_optim_wrapper(model, OPTIMIZER))
        assert all(each.isfinite().all() for each in model.parameters())
        losses.append(step['loss'].item())
    assert np.isfinite(losses).all()
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


def test_what_is_bypassed_and_pruned_is_gone(start):
    def weights(name: str) -> int:
        return sum(each.numel() for each in MODELS.build(config_of(name).model).parameters())

    whole = weights('nothing')
    assert whole - weights('bypass-stage') == 2 * (9 * 128 * 128 + 2 * 128)
    assert whole - weights('pruned-channels') == 2 * 32 * (2 * 9 * 128 + 2)
