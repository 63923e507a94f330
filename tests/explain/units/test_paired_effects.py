import json

import numpy as np
import pytest
from scipy import stats

from posescope.evaluation.significance import holm
from posescope.explain.units.paired_effects import compare_with_controls

JOINTS = ('nose', 'eye', 'ear')


def drawn(people: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """The nose moves 0.5 further than its controls, the eye no further; the ear is never measured."""
    generator = np.random.default_rng(0)
    controls = generator.normal(0.2, 0.1, (4, people, 3))
    effect = generator.normal(0.2, 0.1, (people, 3))
    effect[:, 0] += 0.5
    effect[:, 2] = np.nan
    return effect, controls


def test_planted_effect() -> None:
    effect, controls = drawn()
    found = compare_with_controls(effect, controls, JOINTS, np.arange(80))
    difference = effect - controls.mean(0)
    np.testing.assert_allclose(found.value[:2], difference.mean(0)[:2])
    np.testing.assert_allclose((found.effect - found.control)[:2], found.value[:2])
    low, high = stats.t.interval(0.95, 79, difference[:, 0].mean(), stats.sem(difference[:, 0]))
    assert found.low[0] == pytest.approx(low, abs=0.15 * (high - low))
    assert found.high[0] == pytest.approx(high, abs=0.15 * (high - low))
    assert found.p[0] == pytest.approx(1e-4)
    assert found.p[1] > 0.05
    np.testing.assert_allclose(found.p_holm[:2], holm(found.p[:2].tolist()))
    assert found.people.tolist() == [80, 80, 0]
    assert np.isnan([found.value[2], found.p[2], found.p_holm[2], found.dominance[2]]).all()


def test_dominance_counts_wins_and_losses() -> None:
    effect = np.array([[1.0], [0.0], [0.5]])
    controls = np.array([[[0.0], [1.0], [0.5]], [[0.0], [1.0], [0.50001]], [[2.0], [np.nan], [0.0]]])
    found = compare_with_controls(effect, controls, ('nose',), [1, 2, 3])
    # Two wins and a loss of three; two losses of two; a win of three.
    assert found.dominance[0] == pytest.approx((1 / 3 - 1 + 1 / 3) / 3)
    assert found.reason[0].startswith('3 images')


def test_what_is_undefined_is_none_in_json() -> None:
    content = found = compare_with_controls(*drawn(10), JOINTS, np.arange(10), permutations=99).to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert found['value'][2] is None
    assert found['low'] == [None] * 3
