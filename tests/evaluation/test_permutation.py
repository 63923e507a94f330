import dataclasses

import numpy as np
import pytest
from scipy import stats

from posescope.evaluation.average_precision import STATISTICS, AveragePrecision
from posescope.evaluation.matching import Matches
from posescope.evaluation.permutation import permutation_p, pool
from tests.evaluation.drawn_detections import draw, evaluated, matched
from tests.evaluation.simulated_matches import simulate

ONE_THRESHOLD = np.array([0.5])


@pytest.mark.parametrize('seed', range(6))
def test_a_mixture_is_an_evaluation_of_mixed_results(seed: int) -> None:
    content, results = draw(seed)
    images = len(content['images'])
    both = AveragePrecision(pool([matched(content, found) for found in results]))
    swapped = np.random.default_rng(seed).random(images) < 0.5
    for first in (0, 1):
        mixed = [result for m in (0, 1) for result in results[m] if swapped[result['image_id']] == (m != first)]
        weights = np.zeros((images, 2), int)
        weights[~swapped, first] = weights[swapped, 1 - first] = 1
        assert both.statistics(weights.ravel()) == pytest.approx(evaluated(content, mixed), abs=1e-12)


def rescaled(matches: Matches) -> Matches:
    """The same model with scores between 5 and 6."""
    return dataclasses.replace(matches, scores=5 + stats.norm.cdf(matches.scores))


def test_scale_of_scores_does_not_matter() -> None:
    one, other = simulate(np.random.default_rng(0), 60, (1.0, 1.3))
    np.testing.assert_array_equal(permutation_p(one, other, 50), permutation_p(rescaled(one), other, 50))


def test_extremes() -> None:
    one, better = simulate(np.random.default_rng(0), 200, (0.5, 2.5), own=0.1)
    assert (permutation_p(one, rescaled(one), 30) == 1).all()
    assert permutation_p(better, one, 99)[0] == pytest.approx(0.01)
    nobody = [dataclasses.replace(m, person_counted=m.person_counted & [True, True, False]) for m in (one, better)]
    p = dict(zip(STATISTICS, permutation_p(*nobody, 20), strict=True))
    assert np.isnan([p['AP (L)'], p['AR (L)']]).all()
    assert not np.isnan([p['AP'], p['AR (M)']]).any()


def test_swaps_whole_units() -> None:
    """With two units there are two differences, ours - theirs and none when one of them changes hands."""
    one, other = simulate(np.random.default_rng(1), 80, (1.0, 2.0))
    p = permutation_p(one, other, 400, units=np.arange(80) % 2)
    assert p[0] == pytest.approx(0.5, abs=0.1)


def p_values(count: int, images: int, permutations: int) -> np.ndarray:
    """Of AP, for models of equal skill, of which one scores on another scale."""
    values = []
    for seed in range(count):
        one, other = simulate(np.random.default_rng(seed), images, (1.0, 1.0), ONE_THRESHOLD)
        values.append(permutation_p(one, rescaled(other), permutations, seed)[0])
    return np.array(values)


def assert_uniform(values: np.ndarray, permutations: int) -> None:
    """p-values of k permutations take the values 1 / (k + 1), …, 1 with equal probability."""
    jitter = np.random.default_rng(0).random(len(values)) / (permutations + 1)
    assert stats.kstest(values - jitter, 'uniform').pvalue > 0.01
    rejected = stats.binomtest(int((values <= 0.05).sum()), len(values), 0.05).proportion_ci(0.99, 'exact')
    assert rejected.low <= 0.05 <= rejected.high


def test_uniform_without_a_difference() -> None:
    assert_uniform(p_values(150, 60, 39), 39)


@pytest.mark.long
def test_uniform_without_a_difference_in_many_simulations() -> None:
    assert_uniform(p_values(1000, 100, 59), 59)
