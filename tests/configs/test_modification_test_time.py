"""Configs that change what is done at test time: the weights of one model, and what each choice makes of them."""

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
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed
from mmpose.registry import DATASETS, KEYPOINT_CODECS, METRICS, MODELS
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray

from posescope.engine.codec_check import refuse_other_codec
from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco

FOLDER = ROOT / 'configs/modification'
BOTH = {'keypoints', 'keypoint_scores'}
CHANGED = {
    'quarter-offset': set(),
    'dark': {'keypoints'},
    'no-flip': BOTH,
    'flip': BOTH,
    'flip-shift': set(),
    'score-box': set(),
    'score-all-joints': set(),
    'expected-ks': {'keypoint_scores'},
}
"""Choices, and what of a prediction differs from that of msra_res18, which makes the usual ones."""
TEST_TIME = sorted(path.name.partition('_')[0] for path in (FOLDER / 'test_time').glob('*.py'))


@cache
def read(name: str) -> Config:
    return Config.fromfile(FOLDER / f'{name}_rendered-128x96.py')


def config_of(name: str) -> Config:
    """A choice's config, or that of the model that all of them test."""
    return copy.deepcopy(read(name if name == 'msra_res18' else f'test_time/{name}_res18'))


@pytest.fixture(scope='module')
def checkpoint() -> dict[str, Any]:
    """What a checkpoint says of its training; formatting the text takes a second."""
    return {'meta': {'cfg': read('msra_res18').pretty_text}}


@pytest.fixture(scope='module')
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of one drawn picture with two people."""
    return write_drawn_coco(tmp_path_factory.mktemp('pair'), num_images=1, people=2)


@pytest.fixture(scope='module')
def weights() -> dict[str, torch.Tensor]:
    """Random weights of which some joints get peaks below 0.2, and some above."""
    set_random_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config_of('msra_res18').model)
    model.init_weights()
    with torch.no_grad():
        last = model.head.final_layer
        last.weight.normal_(std=0.02)
        last.bias.copy_(torch.linspace(0, 0.6, len(last.bias)))
    found: dict[str, torch.Tensor] = model.state_dict()
    return found


@pytest.fixture(scope='module')
def people(drawn: Path) -> Any:
    """The test data on drawn people, which no choice changes."""
    place = {'data_root': '', 'ann_file': str(drawn), 'data_prefix': {'img': str(drawn.parent)}}
    with DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build({**config_of('msra_res18').test_dataloader.dataset, **place})


@pytest.fixture(scope='module')
def predictions(people: Any, weights: dict[str, torch.Tensor]) -> dict[str, list[PoseDataSample]]:
    """What each config says of two people."""
    batch, found = pseudo_collate([people[0], people[1]]), {}
    with torch.no_grad(), DefaultScope.overwrite_default_scope('mmpose'):
        for name in ('msra_res18', *TEST_TIME):
            model = MODELS.build(config_of(name).model).eval()
            model.load_state_dict(weights)
            found[name] = model.test_step(copy.deepcopy(batch))
    return found


@pytest.mark.parametrize('name', TEST_TIME)
def test_choices_at_test_time_take_the_weights_as_they_are(name, checkpoint):
    plain, config = config_of('msra_res18'), config_of(name)
    refuse_other_codec(config, checkpoint, 'epoch_14.pth')
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
        config = config_of(name).test_evaluator[0]
        found[name] = METRICS.build({**config, 'ann_file': None})
    assert found['score-box'].score_mode == 'bbox'
    assert found['score-all-joints'].score_mode == 'bbox_keypoint'
    assert found['score-all-joints'].keypoint_score_thr == 0


@pytest.mark.parametrize('name', TEST_TIME)
def test_a_choice_changes_what_it_says_of_a_prediction_and_nothing_else(name, predictions):
    pairs = list(zip(predictions[name], predictions['msra_res18'], strict=True))
    assert len(pairs) == 2
    for mine, usual in pairs:
        assert mine.pred_instances.keypoints.shape == (1, 17, 2)
        assert all(np.isfinite(mine.pred_instances[key]).all() for key in BOTH)
        differs = {key for key in BOTH if not np.array_equal(mine.pred_instances[key], usual.pred_instances[key])}
        assert differs == CHANGED[name]


def score_of(name: str, joints: NDArray[np.float32]) -> float:
    """What a person scores whose joints score so, in a box that scores 1."""
    if name == 'score-box':
        return 1.0
    counted = joints[joints > (0 if name == 'score-all-joints' else 0.2)]
    return float(counted.sum() / max(len(counted), 1))


@pytest.mark.parametrize('name', TEST_TIME)
def test_people_are_evaluated_with_the_scores_of_the_choice(name, predictions, people, drawn, tmp_path):
    coco, oks = config_of(name).test_evaluator
    # The suppression of doubles would leave one person out, where a model that has learnt nothing finds two in one.
    options = {'ann_file': str(drawn), 'outfile_prefix': str(tmp_path / 'found'), 'nms_mode': 'none'}
    evaluator = Evaluator([{**coco, **options}, oks])
    evaluator.dataset_meta = people.metainfo
    evaluator.process(predictions[name])
    metrics = evaluator.evaluate(2)
    assert 0 <= metrics['coco/AP'] <= 1
    assert 0 <= metrics['oks/mean'] <= 1
    joints = [each.pred_instances.keypoint_scores[0] for each in predictions[name]]
    if name != 'expected-ks':
        assert all((each > 0.2).any() and (each < 0.2).any() for each in joints)
    written = json.loads((tmp_path / 'found.keypoints.json').read_text())
    assert [one['score'] for one in written] == pytest.approx([score_of(name, each) for each in joints], rel=1e-5)
