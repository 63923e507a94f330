"""Weights of joints from diagnoses during a training, and what they do to losses."""

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop
from mmpose.registry import HOOKS, METRICS

from posescope.engine import error_driven_joint_weights as module
from posescope.engine.error_driven_joint_weights import ErrorDrivenJointWeights, clipped_to_mean_one
from posescope.errors import InputError
from tests.engine.runs import logged
from tests.models.heads.small_heads import CATEGORICAL, CATEGORICAL_CODEC, CODEC, HEATMAP, build, features, people
from tests.small_config import write_small_config
from tools.train import main

HOOK = "custom_hooks = [dict(type='ErrorDrivenJointWeights', momentum=0.5)]"
EVALUATOR = """
val_evaluator = [dict(type=kind, ann_file=val_evaluator['ann_file']) for kind in ('CocoMetric', 'PoseDiagnosis')]
"""
THREE = {'nose': 0.01, 'left_eye': 0.03, 'right_eye': 0.0}


def given(**options) -> ErrorDrivenJointWeights:
    return HOOKS.build({'type': 'ErrorDrivenJointWeights', **options})


def test_weights_are_mixed_and_keep_their_mean():
    hook = given(strength=0.5, momentum=0.25)
    assert hook.weights is None
    hook.decide(1, THREE)
    first = 0.25 * 1 + 0.75 * (0.5 + 0.5 * np.array([0.75, 2.25, 0.0]))
    assert hook.weights == pytest.approx(first)
    hook.decide(2, dict.fromkeys(THREE, 0.01))
    assert hook.weights == pytest.approx(0.25 * first + 0.75)
    assert hook.weights.mean() == pytest.approx(1)


def test_without_headroom_all_weigh_the_same():
    hook = given()
    hook.decide(1, dict.fromkeys(THREE, 0.0))
    assert hook.weights.tolist() == [1, 1, 1]


@pytest.mark.parametrize(('low', 'high'), [(0.25, 4.0), (0.5, 2.0), (0.9, 1.1), (0.0, 3.0)])
def test_cut_off_at_both_ends_the_mean_is_still_one(low, high):
    for seed in range(20):
        weights = np.random.default_rng(seed).gamma(0.5, size=17) + 1e-3
        found = clipped_to_mean_one(weights, low, high)
        assert found.mean() == pytest.approx(1)
        assert found.min() >= low
        assert found.max() <= high
        between = (found > low + 1e-9) & (found < high - 1e-9)
        ratio = found[between] / weights[between]
        assert ratio == pytest.approx(np.full(between.sum(), ratio[0] if between.any() else 0))
    assert clipped_to_mean_one([1, 1, 1, 1], low, high) == pytest.approx(np.ones(4))


def test_a_mean_that_cannot_be_reached_leaves_weights_alone():
    assert clipped_to_mean_one([0, 0, 0, 1], 0.25, 2.0).tolist() == [1, 1, 1, 1]


def test_a_placebo_deals_what_was_decided_to_other_joints():
    hook, placebo = given(), given(permute=3)
    for epoch in (1, 2):
        for one in (hook, placebo):
            one.decide(epoch, THREE)
    assert sorted(placebo.weights) == pytest.approx(sorted(hook.weights))
    assert (placebo.weights != hook.weights).any()
    assert placebo.history[-1]['weights'] == hook.history[-1]['weights'], 'what is mixed on is what was decided'


@pytest.mark.parametrize(('head', 'codec'), [(HEATMAP, CODEC), (CATEGORICAL, CATEGORICAL_CODEC)])
def test_the_loss_is_that_of_a_joint_weighted_loss(head, codec):
    hook = given()
    hook.decide(1, THREE)
    samples = people(codec)
    hook.before_train_iter(None, 0, {'data_samples': samples})
    feats = (features(),)
    found = build(head).loss(feats, samples)['loss_kpt']
    weighted = {'type': 'JointWeightedLoss', 'loss': head['loss'], 'weights': hook.weights.tolist()}
    expected = build({**head, 'loss': weighted}).loss(feats, people(codec))['loss_kpt']
    plain = build(head).loss(feats, people(codec))['loss_kpt']
    torch.testing.assert_close(found, expected)
    assert not torch.isclose(found, plain)


def test_before_the_first_diagnosis_labels_stay():
    samples = people(CODEC)
    given().before_train_iter(None, 0, {'data_samples': samples})
    assert samples[0].gt_instance_labels.keypoint_weights.tolist() == [[1, 1, 0]]


def test_bad_options_and_labels_are_named():
    for options in ({'interval': 0}, {'momentum': 1.0}, {'bounds': (1.2, 3)}):
        with pytest.raises(InputError, match='momentum from 0 to below 1'):
            given(**options)
    with pytest.raises(InputError, match='strength=3'):
        given(strength=3)
    hook = given()
    hook.decide(1, {'nose': 0.1, 'left_eye': 0.2})
    with pytest.raises(InputError, match='2 joints are diagnosed, and labels have 3'):
        hook.before_train_iter(None, 0, {'data_samples': people(CODEC)})


def wrong_joints(path: Path, kinds: object) -> dict[str, float]:
    """A stand-in for headroom, of which a model that has learnt nothing has none: how many joints are not good."""
    joints = json.loads(Path(path).read_text())['joints']
    return {joint['name']: sum(joint['counts'].values()) - joint['counts']['good'] + 0.1 for joint in joints}


class Validation:
    """A stand-in for a validation loop, which counts how often it runs and tells the hook."""

    def __init__(self, hook: ErrorDrivenJointWeights, metric: Any) -> None:
        self.evaluator, self.runs, self.hook = SimpleNamespace(metrics=[metric]), 0, hook
        self.runner: Any = None

    def run(self) -> None:
        self.runs += 1
        self.hook.after_val_epoch(self.runner)


def stopped_at(epoch: int, hook: ErrorDrivenJointWeights, work_dir: Path, batches: int = 0) -> Any:
    """A stand-in for a runner that is resumed so many epochs and batches into a training of four batches an epoch."""
    metric = METRICS.build({'type': 'PoseDiagnosis'})
    metric.diagnosis = epoch
    validation = Validation(hook, metric)
    loop = SimpleNamespace(
        epoch=epoch, iter=4 * epoch + batches, val_begin=1, val_interval=2, dataloader=[0] * 4, start_batch=batches
    )
    validation.runner = SimpleNamespace(
        epoch=epoch, train_loop=loop, val_loop=validation, work_dir=work_dir, logger=logging.getLogger(), _resume=True
    )
    return validation.runner


def test_what_was_decided_is_in_checkpoints_and_what_was_missed_is_made_up_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'write', lambda diagnosis, folder: diagnosis)
    monkeypatch.setattr(module, 'read_headroom', lambda epoch, kinds: {'nose': 0.1 * epoch, 'left_eye': 0.1})
    hook = given(interval=2)
    stopped_at(2, hook, tmp_path).val_loop.run()
    checkpoint: dict[str, Any] = {'meta': {}}
    hook.before_save_checkpoint(None, checkpoint)
    for epoch, batches, runs in ((2, 0, 0), (3, 0, 0), (4, 1, 0), (4, 0, 1), (0, 0, 0)):
        resumed = given(interval=2)
        runner = stopped_at(epoch, resumed, tmp_path, batches)
        resumed.after_load_checkpoint(runner, checkpoint)
        assert resumed.weights.tolist() == hook.weights.tolist()
        resumed.before_train_epoch(runner)
        assert runner.val_loop.runs == runs, (epoch, batches)
        assert (resumed.weights.tolist() != hook.weights.tolist()) == bool(runs)
    assert len(hook.history) == 1
    fresh = given()
    fresh.after_load_checkpoint(SimpleNamespace(_resume=False), checkpoint)
    assert fresh.weights is None, 'a training that starts from other weights starts anew'


def test_every_n_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'write', lambda diagnosis, folder: diagnosis)
    monkeypatch.setattr(module, 'read_headroom', lambda epoch, kinds: {'nose': 0.1 * epoch, 'left_eye': 0.1})
    hook = given(interval=3)
    for epoch in range(1, 9):
        stopped_at(epoch, hook, tmp_path).val_loop.run()
    assert [one['epoch'] for one in hook.history] == [3, 6]
    assert json.loads((tmp_path / 'joint_weights.json').read_text()) == hook.history


@pytest.mark.long
def test_a_resumed_training_goes_on_with_the_weights_of_an_undisturbed_one(tmp_path, drawn_coco, monkeypatch):
    monkeypatch.setattr(module, 'read_headroom', wrong_joints)
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=3, more=EVALUATOR + HOOK)
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    assert main([str(config), '--work-dir', str(whole)]) == 0
    decided = json.loads((whole / 'joint_weights.json').read_text())
    assert [one['epoch'] for one in decided] == [1, 2, 3]
    assert len({tuple(one['weights']) for one in decided}) == 3
    assert decided[0]['joints'][0] == 'nose'
    assert (whole / 'joint_weights' / 'epoch_2' / 'diagnosis.json').is_file()
    # A checkpoint is written before its epoch is validated: that of epoch 2 knows of the diagnosis of epoch 1 alone.
    assert torch.load(whole / 'epoch_2.pth')['meta']['joint_weights'] == decided[:1]
    resumed.mkdir()
    shutil.copy(whole / 'epoch_2.pth', resumed)
    assert main([str(config), '--work-dir', str(resumed), '--resume']) == 0
    assert json.loads((resumed / 'joint_weights.json').read_text()) == decided
    expected, found = logged(whole), logged(resumed)
    assert sorted(found) == [9, 10, 11, 12]
    assert found == {iteration: expected[iteration] for iteration in found}


def runner_with(metrics: list, head: dict = HEATMAP) -> SimpleNamespace:
    """A stand-in for a runner that trains by epochs and validates with these metrics."""
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    val_loop = SimpleNamespace(evaluator=SimpleNamespace(metrics=metrics))
    return SimpleNamespace(train_loop=loop, val_loop=val_loop, model=build(head))


def test_trainings_in_which_weights_would_do_nothing_are_refused():
    coco, blind = METRICS.build({'type': 'MeanOKS'}), METRICS.build({'type': 'PoseDiagnosis', 'by_joint': False})
    with pytest.raises(InputError, match=r"add dict\(type='PoseDiagnosis', ann_file=…\) to val_evaluator"):
        given().before_train(runner_with([coco]))
    with pytest.raises(InputError, match='PoseDiagnosis by_joint=True'):
        given().before_train(runner_with([coco, blind]))
    unweighted = {**HEATMAP, 'loss': {'type': 'KeypointMSELoss'}}
    with pytest.raises(InputError, match=r'KeypointMSELoss \(model.loss_module\) has use_target_weight=False'):
        given().before_train(runner_with([METRICS.build({'type': 'PoseDiagnosis'})], unweighted))
    with pytest.raises(InputError, match='this training does not validate'):
        given().before_train(SimpleNamespace(**{**vars(runner_with([])), 'val_loop': None}))
    with pytest.raises(InputError, match='by_epoch=True'):
        given().before_train(SimpleNamespace(train_loop=SimpleNamespace()))
