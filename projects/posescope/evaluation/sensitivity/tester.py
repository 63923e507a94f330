"""Tests one loaded model on one data set again and again, each time through another pipeline."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import Dataset

__all__ = ['Tester', 'turn_back', 'without_flip_test']


class Tester:
    """Runs the test loop of a runner, which loads its checkpoint once.

    The loop, its hooks and the loader's settings are those of an ordinary test, so without a change of the pipeline the
    numbers are those of an ordinary test too.

    Args:
        runner: Built from a config that tests on one data set.
        advance: Called after each batch.
    """

    def __init__(self, runner: Runner, advance: Callable[[], None] = lambda: None) -> None:
        self.runner = runner
        self._loaded = False
        runner.register_hook(_BatchHook(advance), 'LOWEST')

    def test(
        self, dataset: Any, steps: Sequence[dict[str, Any]], metrics: Sequence[BaseMetric], turn: float = 0.0
    ) -> dict[str, float]:
        """Test on a data set read through a pipeline.

        Args:
            dataset: A data set of mmengine; its pipeline is replaced.
            steps: Configs of the transforms.
            metrics: Those that look at the predictions.
            turn: Degrees by which the pipeline turns crops, in the sense of :func:`turn_back`.

        Returns:
            What the metrics computed.
        """
        with DefaultScope.overwrite_default_scope(self.runner.default_scope.scope_name):
            dataset.pipeline = Compose(list(steps))
            loop: Any = self.runner.test_loop
            loop.dataloader = self._loader(dataset)
            loop.evaluator = _TurningEvaluator(metrics, turn)
            loop.evaluator.dataset_meta = dataset.metainfo
            if self._loaded:
                return loop.run()
            self._loaded = True
            return self.runner.test()

    def _loader(self, dataset: Dataset) -> Any:
        settings = dict(self.runner.cfg.test_dataloader)
        # Workers hold a copy of the pipeline: those of the last test would go on with theirs.
        settings |= {'dataset': dataset, 'persistent_workers': False}
        return self.runner.build_dataloader(settings, seed=self.runner.seed)


class _TurningEvaluator(Evaluator):
    """Turns predictions back before metrics see them."""

    def __init__(self, metrics: Sequence[BaseMetric], turn: float) -> None:
        super().__init__(list(metrics))
        self._turn = turn

    def process(self, data_samples: Sequence[Any], data_batch: Any | None = None) -> None:
        if self._turn:
            for sample in data_samples:
                turn_back(sample, self._turn)
        super().process(data_samples, data_batch)


def turn_back(sample: Any, turn: float) -> None:
    """Turn the predicted joints of a top-down model about the middle of its crop.

    MMPose's pose estimators scale and shift joints from the crop to the picture, but do not undo a turn of the crop.

    Args:
        sample: A data sample with ``pred_instances`` and the meta key ``input_center``; its joints are replaced.
        turn: ``bbox_rotation`` of the crop, degrees; its opposite where ``TopdownAffine`` has ``use_udp=True``.
    """
    predicted, middle = sample.pred_instances, np.asarray(sample.input_center)
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    # Row vectors: this is what mmpose.structures.bbox.get_warp_matrix does to the crop's axes.
    back = np.array([[cosine, sine], [-sine, cosine]])
    joints = np.asarray(predicted.keypoints)
    turned = (joints[..., :2] - middle) @ back + middle
    predicted.keypoints = np.concatenate([turned, joints[..., 2:]], axis=-1).astype(joints.dtype)


class _BatchHook(Hook):
    """Calls a function after each batch of a test."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance

    def after_test_iter(self, *args: Any, **kwargs: Any) -> None:
        self._advance()


@contextmanager
def without_flip_test(model: Any) -> Iterator[None]:
    """While entered, a pose estimator looks at each crop once and not also at its mirror image."""
    model = getattr(model, 'module', model)
    before = getattr(model, 'test_cfg', None)
    if before is not None:
        model.test_cfg = {**before, 'flip_test': False}
    try:
        yield
    finally:
        if before is not None:
            model.test_cfg = before
