"""Ranking of detections; who is matched with whom is tested through the metric, against xtcocotools."""

from collections.abc import Sequence

import numpy as np

from posescope.evaluation.detections import Detections
from posescope.evaluation.matching import rank


def detections(image: Sequence[int], category: Sequence[int], scores: Sequence[float]) -> Detections:
    count = len(scores)
    return Detections(
        np.asarray(image), np.asarray(category), np.zeros((count, 1, 3)), np.asarray(scores), np.zeros(count)
    )


def test_ranks_within_category_and_image_with_equal_scores_as_they_stand() -> None:
    drawn = detections([1, 0, 1, 0, 1, 1], [0, 1, 0, 0, 0, 0], [0.5, 0.9, 0.7, 0.1, 0.5, 0.5])
    order, place = rank(drawn, images=2, most=3)
    assert order.tolist() == [3, 2, 0, 4, 1]
    assert place.tolist() == [0, 0, 1, 2, 0]


def test_what_is_in_order_stays_and_what_is_nearly_in_order_does_not() -> None:
    in_order = [0, 0, 0, 1, 1, 2], [0] * 6, [0.9, 0.5, 0.5, 0.8, 0.1, 0.3]
    order, place = rank(detections(*in_order), images=3, most=20)
    assert (order.tolist(), place.tolist()) == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 0, 1, 0])
    order, place = rank(detections(*in_order), images=3, most=2)
    assert (order.tolist(), place.tolist()) == ([0, 1, 3, 4, 5], [0, 1, 0, 1, 0])
    by_score = rank(detections([0, 0, 0, 1, 1, 2], [0] * 6, [0.9, 0.4, 0.5, 0.8, 0.1, 0.3]), images=3, most=20)
    assert by_score[0].tolist() == [0, 2, 1, 3, 4, 5]
    by_image = rank(detections([0, 0, 0, 2, 2, 1], [0] * 6, [0.9, 0.5, 0.5, 0.8, 0.1, 0.3]), images=3, most=20)
    assert by_image[0].tolist() == [0, 1, 2, 5, 3, 4]
    by_category = rank(detections([0, 1, 1], [1, 0, 0], [0.9, 0.5, 0.5]), images=3, most=20)
    assert by_category[0].tolist() == [1, 2, 0]
