"""Mirror distances of planted answers."""

import numpy as np
import pytest

from posescope.evaluation.sensitivity.mirror import PredictedJoints, mirror_distances, mirror_equivariance

FLIP = [0, 2, 1]  # nose, left eye, right eye
WIDTHS = {1: 100, 2: 64}


def predictions(
    joints: dict[tuple[int, int], np.ndarray], unlabelled: int | None = None, areas: dict | None = None
) -> PredictedJoints:
    """What the metric keeps of predictions for people of 100 pixels² or of other areas."""
    metric = PredictedJoints(areas or dict.fromkeys(joints, 100.0))
    visible = np.full(3, 2)
    if unlabelled is not None:
        visible[unlabelled] = 0
    for (image, person), places in joints.items():
        raw = {'image_id': image, 'id': person, 'keypoints': np.c_[np.zeros((3, 2)), visible].ravel().tolist()}
        metric.process({}, [{'raw_ann_info': raw, 'pred_instances': {'keypoints': places[None]}}])
    return metric


def mirror(joints: np.ndarray, width: int) -> np.ndarray:
    """Mirror image of joints, (3, 2)."""
    return np.c_[width - 1 - joints[FLIP, 0], joints[FLIP, 1]]


@pytest.fixture
def joints() -> dict[tuple[int, int], np.ndarray]:
    generator = np.random.default_rng(0)
    return {key: generator.uniform(10, 50, (3, 2)) for key in [(2, 8), (1, 5), (1, 4)]}


def test_an_equivariant_model_has_none(joints: dict) -> None:
    after = {key: mirror(places, WIDTHS[key[0]]) for key, places in joints.items()}
    found, images = mirror_distances(predictions(joints), predictions(after), WIDTHS, FLIP)
    np.testing.assert_allclose(found, 0, atol=1e-12)
    assert images.tolist() == [1, 1, 2]


def test_distances_belong_to_the_persons_own_joint(joints: dict) -> None:
    # In the mirror image what looks like the left eye is the person's right one: 5 pixels off at an area of 10².
    after = {key: mirror(places, WIDTHS[key[0]]) + np.array([[0, 0], [3, 4], [0, 0]]) for key, places in joints.items()}
    found, _ = mirror_distances(predictions(joints), predictions(after), WIDTHS, FLIP)
    np.testing.assert_allclose(found, [[0, 0, 0.5]] * 3, atol=1e-12)
    found, images = mirror_distances(predictions(joints, unlabelled=0), predictions(after), WIDTHS, FLIP)
    assert np.isnan(found[:, 0]).all()
    everything, nose, left, right = mirror_equivariance(found, images)
    assert everything.value == pytest.approx(0.25)
    assert nose.value is None
    assert (left.value, right.value) == pytest.approx((0, 0.5))
    assert everything.low is None  # two images


def test_distances_are_in_units_of_the_area_that_the_evaluation_takes(joints: dict) -> None:
    areas = {(1, 4): 25.0, (1, 5): 0.0}  # who is not in the evaluation is left out
    before = predictions(joints, areas=areas)
    after = {key: mirror(places, WIDTHS[key[0]]) + np.array([3, 4]) for key, places in joints.items()}
    found, images = mirror_distances(before, predictions(after, areas=areas), WIDTHS, FLIP)
    np.testing.assert_allclose(found, [[1, 1, 1], [np.nan] * 3], atol=1e-12)
    assert images.tolist() == [1, 1]
    assert before.without_area == 1
    everything, *_ = mirror_equivariance(found, images)
    assert everything.value == pytest.approx(1)


def test_people_without_labels_need_no_area() -> None:
    metric = PredictedJoints({(1, 1): 0.0})
    raw = {'image_id': 1, 'id': 1, 'keypoints': [0] * 9}
    metric.process({}, [{'raw_ann_info': raw, 'pred_instances': {'keypoints': np.zeros((1, 3, 2))}}])
    assert metric.without_area == 0


def test_a_model_that_always_errs_to_the_right(joints: dict) -> None:
    before = {key: places + np.array([2, 0]) for key, places in joints.items()}
    after = {key: mirror(places, WIDTHS[key[0]]) + np.array([2, 0]) for key, places in joints.items()}
    found, _ = mirror_distances(predictions(before), predictions(after), WIDTHS, FLIP)
    np.testing.assert_allclose(found, 0.4, atol=1e-12)  # twice the error
