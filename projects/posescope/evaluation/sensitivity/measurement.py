"""All tests of one model that sensitivity consists of."""

from collections.abc import Sequence
from typing import Any

from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.mean_oks import MeanOKS
from posescope.evaluation.sensitivity.factors import Factor
from posescope.evaluation.sensitivity.mirror import PredictedJoints
from posescope.evaluation.sensitivity.outcome import (
    Outcome,
    areas_of,
    outcome_of_boxes,
    outcome_of_detections,
    people_of_boxes,
)
from posescope.evaluation.sensitivity.pipeline import mirrored, perturbed
from posescope.evaluation.sensitivity.tester import Tester, without_flip_test

__all__ = ['Measurement']


class Measurement:
    """Tests a model unchanged, which happens at once, and then with one change after the other.

    Args:
        tester: Tests the model.
        dataset: People with annotated boxes.
        steps: Configs of the test pipeline's transforms.
        coco: Metric on the same people.
        seed: Of what is drawn for each sample.

    Attributes:
        plain: The unchanged test, each person compared with the prediction from the own box.
        plain_matched: The same test, people matched with detections as COCO does.

    Raises:
        InputError: Nobody has labelled joints.
    """

    def __init__(
        self, tester: Tester, dataset: Any, steps: Sequence[dict[str, Any]], coco: CocoKeypointMetric, seed: int = 0
    ) -> None:
        self._tester, self._dataset, self._steps, self._seed = tester, dataset, steps, seed
        self._coco, self._mean = coco, MeanOKS(min_joints=1)
        self.plain, self.plain_matched = self._test(steps)

    def changed(self, factor: Factor, amount: float) -> Outcome:
        """Test with one thing changed."""
        if not amount:
            return self.plain
        turn = amount if factor.argument == 'rotation' else 0.0
        return self._test(perturbed(self._steps, factor, amount, self._seed), turn)[0]

    def detected(self, dataset: Any) -> Outcome:
        """Test on a data set of the same pictures with other boxes; to be compared with ``plain_matched``."""
        found = self._tester.test(dataset, self._steps, [self._coco])
        return outcome_of_detections(self._coco, _statistics(found))

    def mirrored(self) -> tuple[PredictedJoints, PredictedJoints]:
        """Predict in the pictures and in their mirror images, each seen once."""
        areas = areas_of(self._coco.people)
        before, after = PredictedJoints(areas), PredictedJoints(areas)
        with without_flip_test(self._tester.runner.model):
            self._tester.test(self._dataset, self._steps, [before])
            self._tester.test(self._dataset, mirrored(self._steps), [after])
        return before, after

    def _test(self, steps: Sequence[dict[str, Any]], turn: float = 0.0) -> tuple[Outcome, Outcome]:
        statistics = _statistics(self._tester.test(self._dataset, steps, [self._coco, self._mean], turn))
        people = people_of_boxes(self._coco, self._mean)
        by_match = outcome_of_detections(self._coco, statistics)
        return outcome_of_boxes(self._coco, people, by_match), by_match


def _statistics(found: dict[str, float]) -> dict[str, float]:
    """COCO's numbers alone, under their own names."""
    return {name.removeprefix('coco/'): value for name, value in found.items() if name.startswith('coco/')}
