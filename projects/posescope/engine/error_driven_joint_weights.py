"""While a model trains, let joints weigh by what their errors cost on dev."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from mmpose.registry import HOOKS
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from posescope.atomic import atomic_write
from posescope.errors import InputError
from posescope.evaluation.diagnosis.diagnosis_content import write
from posescope.evaluation.diagnosis.pose_diagnosis import PoseDiagnosis
from posescope.models.losses.diagnosed_weights import headroom_weights, permuted, read_headroom

__all__ = ['ErrorDrivenJointWeights', 'clipped_to_mean_one']

_KEY = 'joint_weights'


@HOOKS.register_module()
class ErrorDrivenJointWeights(Hook):
    """Diagnoses the model on dev every few epochs, and multiplies the labels' joint weights by headroom.

    The validation has to have ``dict(type='PoseDiagnosis', ann_file=…)`` beside its COCO metric. A joint's new weight
    is (1 - strength) + strength · headroom / mean headroom, see
    :func:`posescope.models.losses.diagnosed_weights.headroom_weights`; it is mixed with the one before, kept within
    ``bounds``, and all are scaled to mean 1. The reason is that of ``JointWeightedLoss``: a loss spends its gradient
    on all joints alike, and AP does not have the same to gain at each; here it follows the training.

    Weights multiply ``gt_instance_labels.keypoint_weights`` of every batch, which all losses of MMPose's top-down heads
    and of ours take as target weights. They are part of checkpoints. A diagnosis that was due when a run stopped is
    made when it is resumed, so a resumed run goes on as an undisturbed one.

    ``<work_dir>/joint_weights.json`` lists what was decided, and each diagnosis is in
    ``<work_dir>/joint_weights/epoch_<n>``.

    Args:
        interval: Epochs between two diagnoses; they are made where the training validates.
        kinds: Kinds of error that count as headroom; None for all of them.
        strength: 0 (all weigh 1) to 1 (weights proportional to headroom).
        momentum: Share of the weights before in the new ones, from 0 to below 1.
        bounds: Least and greatest weight.
        permute: A seed with which weights are dealt to other joints, as a placebo; None to leave them.

    Raises:
        InputError: An option is out of its range; when training starts, there is no ``PoseDiagnosis``, its gains by
            joint are switched off, the loop counts iterations, or the loss does not look at target weights.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        interval: int = 1,
        kinds: Sequence[str] | None = None,
        strength: float = 0.5,
        momentum: float = 0.5,
        bounds: Sequence[float] = (0.25, 4.0),
        permute: int | None = None,
    ) -> None:
        if interval < 1 or not 0 <= momentum < 1 or not 0 <= bounds[0] < 1 < bounds[1]:
            raise InputError(
                f'ErrorDrivenJointWeights(interval={interval}, momentum={momentum}, bounds={tuple(bounds)}): interval '
                'is 1 or more, momentum from 0 to below 1, bounds lie on either side of 1'
            )
        headroom_weights([1.0], strength)  # refuses a strength that does not exist
        self.interval, self.kinds, self.strength = interval, kinds, strength
        self.momentum, self.bounds, self.permute = momentum, (float(bounds[0]), float(bounds[1])), permute
        self.history: list[dict[str, Any]] = []

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """(K,) weights in use, dealt anew if ``permute`` says so; None before the first diagnosis."""
        return np.array(self.history[-1]['used']) if self.history else None

    def before_train(self, runner: Any) -> None:
        """Refuse trainings in which weights would do nothing."""
        _check(runner)

    def before_train_epoch(self, runner: Any) -> None:
        """Make a diagnosis that a run was stopped before, when all hooks are ready for a validation."""
        loop = runner.train_loop
        validated = loop.epoch >= max(loop.val_begin, 1) and loop.epoch % loop.val_interval == 0
        if self._due(loop.epoch) and validated and not getattr(loop, 'start_batch', 0):
            runner.val_loop.run()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Set the weights by the diagnosis of this validation, if one is due."""
        epoch = int(runner.epoch)
        if not self._due(epoch):
            return
        found: list[Any] = [None]
        if is_main_process():
            folder = Path(runner.work_dir) / 'joint_weights' / f'epoch_{epoch}'
            found = [read_headroom(write(_diagnosing(runner).diagnosis, folder), self.kinds)]
        broadcast_object_list(found)
        self.decide(epoch, found[0])
        used = self.history[-1]['used']
        shown = ', '.join(f'{name} {weight:.2f}' for name, weight in zip(found[0], used, strict=True))
        runner.logger.info(f'joint weights from the diagnosis of epoch {epoch}: {shown}')
        self._write(runner)

    def decide(self, epoch: int, headroom: Mapping[str, float]) -> None:
        """Take new weights.

        Args:
            epoch: Epochs that are trained.
            headroom: By joint, AP that correcting its errors alone would gain.
        """
        new = headroom_weights(list(headroom.values()), self.strength)
        before = np.array(self.history[-1]['weights']) if self.history else np.ones(len(new))
        weights = clipped_to_mean_one(self.momentum * before + (1 - self.momentum) * new, *self.bounds)
        used = weights if self.permute is None else permuted(weights, self.permute)
        self.history.append({
            'epoch': epoch, 'joints': list(headroom), 'headroom': list(headroom.values()),
            'weights': weights.tolist(), 'used': used.tolist(),
        })  # fmt: skip

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Multiply the batch's joint weights."""
        weights = self.weights
        if weights is None:
            return
        for sample in data_batch['data_samples']:
            labels = sample.gt_instance_labels
            if 'keypoint_weights' not in labels:
                raise InputError(
                    'ErrorDrivenJointWeights: samples have no keypoint_weights; GenerateTarget of the training '
                    'pipeline has to make them'
                )
            old = labels.keypoint_weights
            if old.shape[-1] != len(weights):
                raise InputError(
                    f'ErrorDrivenJointWeights: {len(weights)} joints are diagnosed, and labels have {old.shape[-1]}'
                )
            labels.keypoint_weights = old * old.new_tensor(weights)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Add what was decided."""
        checkpoint['meta'][_KEY] = self.history

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put it back where a run is resumed."""
        if runner._resume:
            self.history = list(checkpoint.get('meta', {}).get(_KEY, []))

    def _due(self, epoch: int) -> bool:
        last = self.history[-1]['epoch'] if self.history else 0
        return epoch - last >= self.interval

    def _write(self, runner: Any) -> None:
        if is_main_process():
            text = json.dumps(self.history, indent=1, allow_nan=False) + '\n'
            atomic_write(Path(runner.work_dir) / 'joint_weights.json', text.encode())


def clipped_to_mean_one(weights: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """Scale weights and cut them off at both ends so that their mean is 1.

    Args:
        weights: (K,) not negative, not all 0.
        low: Least weight, below 1.
        high: Greatest weight, above 1.

    Returns:
        (K,) clip(c · weights, low, high), with the c that gives the mean.
    """
    given = np.asarray(weights, np.float64)

    def above_one(log_factor: float) -> float:
        return float(np.clip(np.exp(log_factor) * given, low, high).mean()) - 1

    positive = given[given > 0]
    bottom, top = np.log(low or 1e-9) - np.log(positive.max()), np.log(high) - np.log(positive.min())
    if above_one(float(bottom)) >= 0 or above_one(float(top)) <= 0:  # so many zeros that no factor is enough
        return np.ones(len(given))
    return np.clip(np.exp(brentq(above_one, bottom, top)) * given, low, high)


def _check(runner: Any) -> None:
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise InputError('ErrorDrivenJointWeights counts epochs: train_cfg has to be by_epoch=True')
    if runner.val_loop is None:
        raise InputError(
            'ErrorDrivenJointWeights diagnoses on the validation data, and this training does not validate'
        )
    if not _diagnosing(runner)._by_joint:
        raise InputError('ErrorDrivenJointWeights needs the gains of each joint: PoseDiagnosis by_joint=True')
    model = getattr(runner.model, 'module', runner.model)
    for name, module in model.named_modules():
        if getattr(module, 'use_target_weight', True) is False:
            raise InputError(
                f'{type(module).__name__} (model.{name}) has use_target_weight=False, so joints cannot weigh '
                'differently: set it to True'
            )


def _diagnosing(runner: Any) -> PoseDiagnosis:
    metrics = runner.val_loop.evaluator.metrics
    found = next((metric for metric in metrics if isinstance(metric, PoseDiagnosis)), None)
    if found is None:
        raise InputError(
            "ErrorDrivenJointWeights needs a diagnosis: add dict(type='PoseDiagnosis', ann_file=…) to val_evaluator"
        )
    return found
