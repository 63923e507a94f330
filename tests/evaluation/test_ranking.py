"""What average precision sees of scores, and what it does not."""

from dataclasses import replace

import numpy as np
import pytest

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.detections import Detections
from posescope.evaluation.matching import match
from posescope.evaluation.people import People, people_from_coco
from posescope.evaluation.ranking import GIVEN, OPTIMAL, instance_scores, rank_by

SIGMAS = np.full(17, 0.06)


def draw(seed: int, images: int = 60) -> tuple[People, Detections]:
    """People, and detections that are as wrong as their scores say, more or less."""
    generator = np.random.default_rng(seed)
    count = generator.integers(1, 5, images).sum()
    places = generator.uniform(0, 300, (count, 1, 2)) + generator.uniform(0, 80, (count, 17, 2))
    image = np.sort(generator.integers(0, images, count))
    annotations = [
        {'id': i, 'image_id': int(image[i]), 'category_id': 1, 'area': 5000.0, 'bbox': [0, 0, 80, 80], 'iscrowd': 0,
         'keypoints': np.c_[places[i], np.full(17, 2)].ravel().tolist()}
        for i in range(count)
    ]  # fmt: skip
    content = {'images': [{'id': i} for i in range(images)], 'annotations': annotations, 'categories': [{'id': 1}]}
    whom = np.concatenate([np.arange(count), generator.integers(0, count, count // 2)])
    spread = generator.gamma(2, 4, len(whom))
    found = places[whom] + generator.normal(size=(len(whom), 17, 2)) * spread[:, None, None]
    scores = np.round(1 / (1 + spread * generator.uniform(0.05, 0.4, len(whom))), 2)  # rounded, so that some are equal
    joints = np.concatenate([found, generator.uniform(0.1, 1, (len(whom), 17, 1))], axis=-1)
    detections = Detections(image[whom], np.zeros(len(whom), np.int64), joints, scores, np.full(len(whom), 5000.0))
    return people_from_coco(content), detections


@pytest.mark.parametrize('seed', range(5))
def test_a_rising_map_of_the_scores_changes_no_bit(seed: int) -> None:
    people, detections = draw(seed)
    before = AveragePrecision(match(people, detections, SIGMAS)).statistics()
    assert 0.1 < before['AP'] < 0.95
    values, place = np.unique(detections.scores, return_inverse=True)
    steps = np.random.default_rng(seed).exponential(size=len(values)).cumsum()
    for mapped in (1 / (1 + np.exp(-9 * values)), -1 / values, steps):
        assert (np.diff(mapped) > 0).all()
        found = match(people, replace(detections, scores=mapped[place]), SIGMAS)
        assert AveragePrecision(found).statistics() == before


def test_another_order_changes_it_and_the_optimal_one_is_best() -> None:
    for seed in range(5):
        people, detections = draw(seed)
        scores = instance_scores(people, detections, SIGMAS, np.random.default_rng(seed).random(len(detections)))
        found = rank_by(people, detections, SIGMAS, scores, resamples=100)
        assert list(found) == [
            GIVEN, 'box score', 'joint × box score', 'joint score', 'box size', OPTIMAL
        ]  # fmt: skip
        aps = {name: ranking.statistics['AP'] for name, ranking in found.items()}
        assert max(aps, key=aps.get) == OPTIMAL
        assert aps[OPTIMAL] > aps[GIVEN] > aps['box score']
        assert found[GIVEN].statistics == AveragePrecision(match(people, detections, SIGMAS)).statistics()
        assert found[GIVEN].delta.value == found[GIVEN].delta.low == 0
        delta = found['box score'].delta
        assert delta.value == pytest.approx(aps['box score'] - aps[GIVEN], abs=1e-12)
        assert delta.low < delta.value < delta.high < 0


def test_correlations() -> None:
    people, detections = draw(7)
    scores = instance_scores(people, detections, SIGMAS)
    assert 'box score' not in scores
    found = rank_by(people, detections, SIGMAS, scores, resamples=100)
    assert found['box size'].spearman is found['box size'].kendall is None  # all alike
    assert found[OPTIMAL].spearman == pytest.approx(1)
    assert found[OPTIMAL].kendall == pytest.approx(1)
    assert 0.3 < found[GIVEN].kendall < found[GIVEN].spearman < 1
    # Noise, but of two detections of a person the lower one is nobody's.
    assert abs(found['joint score'].spearman) < 0.4


def test_few_images_have_no_interval() -> None:
    people, detections = draw(1, images=20)
    found = rank_by(people, detections, SIGMAS, instance_scores(people, detections, SIGMAS), resamples=100)
    assert found['joint score'].delta.low is None
    assert '50' in found['joint score'].delta.reason
