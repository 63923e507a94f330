"""Means, intervals and tests of planted effects."""

import json

import numpy as np
import pytest
from scipy import stats

from posescope.explain.dependency.dependency_matrix import masked_mean, summarise
from posescope.explain.dependency.effects import Effects


def drawn(people: int, per_image: int = 1, fills: int = 2, seed: int = 0) -> Effects:
    """Three joints; hiding joint 1 costs joint 0 0.3 beyond the control, nothing else does; (2, 1) is missing."""
    generator = np.random.default_rng(seed)
    shape = fills, people, 3, 3
    control = generator.normal(0.05, 0.05, shape).astype(np.float32)
    hidden = control + generator.normal(0, 0.1, shape).astype(np.float32)
    hidden[..., 0, 1] += 0.3
    for values in (hidden, control):
        values[..., range(3), range(3)] = np.nan
    hidden[..., 2, 1] = np.nan
    covered = np.zeros((people, 3, 3), bool)
    covered[:, 2, 1] = True
    quantities = {'ks': hidden, 'displacement': 2 * hidden}, {'ks': control, 'displacement': 2 * control}
    return Effects(('nose', 'eye', 'ear'), tuple('abc'[:fills]), np.arange(people) // per_image, *quantities, covered)


def test_planted_effect() -> None:
    effects = drawn(120)
    matrix = summarise(effects)
    expected = (effects.hidden['ks'] - effects.control['ks']).mean((0, 1))
    np.testing.assert_allclose(matrix.value, expected, atol=1e-7)
    np.testing.assert_allclose(matrix.hidden - matrix.control, matrix.value, atol=1e-7)
    assert matrix.low[0, 1] < matrix.value[0, 1] < matrix.high[0, 1]
    assert abs(matrix.value[0, 1] - 0.3) < 4 * 0.1 / np.sqrt(240)
    np.testing.assert_array_equal(matrix.marked, [[False, True, False], [False] * 3, [False] * 3])
    assert matrix.p[0, 1] == pytest.approx(1e-4)
    assert matrix.people.tolist() == [[0, 120, 120], [120, 0, 120], [120, 0, 0]]
    np.testing.assert_array_equal(matrix.images, matrix.people)
    assert np.isnan(matrix.value[2, 1])
    assert matrix.covered.tolist() == [[0, 0, 0], [0, 0, 0], [0, 120, 0]]


def test_interval_is_that_of_a_mean() -> None:
    """As wide as Student's t interval of the people's means over fills."""
    effects = drawn(200)
    matrix = summarise(effects, resamples=4000)
    values = effects.difference().mean(0)[:, 0, 1]
    low, high = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert matrix.low[0, 1] == pytest.approx(low, abs=0.1 * (high - low))
    assert matrix.high[0, 1] == pytest.approx(high, abs=0.1 * (high - low))


def test_images_are_units() -> None:
    """Copies of the same person on an image make no interval narrower."""
    once = drawn(60)
    rows = np.repeat(np.arange(60), 5)
    copies = Effects(
        once.joints,
        once.fills,
        rows,
        *({name: values[:, rows] for name, values in kind.items()} for kind in (once.hidden, once.control)),
        once.covered[rows],
    )
    single, many = summarise(once), summarise(copies)
    np.testing.assert_allclose(many.low, single.low, atol=1e-9)
    np.testing.assert_array_equal(many.p, single.p)
    assert (many.people[0, 1], many.images[0, 1]) == (300, 60)


def test_too_few_images_give_a_reason_and_no_interval() -> None:
    matrix = summarise(drawn(98, per_image=2))
    assert np.isnan(matrix.low).all()
    assert np.isnan(matrix.high).all()
    assert matrix.reason[0, 1] == '49 images with people who count are too few for an interval: it takes 50'
    assert matrix.value[0, 1] == pytest.approx(0.3, abs=0.05)
    assert (summarise(drawn(50)).reason[0, 1], summarise(drawn(50)).images[0, 1]) == ('', 50)


def test_fills_apart() -> None:
    effects = drawn(80)
    effects.hidden['ks'][1] += 0.2
    matrix = summarise(effects)
    np.testing.assert_allclose(matrix.by_fill, effects.difference().mean(1), atol=1e-9)
    np.testing.assert_allclose(matrix.by_fill.mean(0), matrix.value, atol=1e-9)
    pairs = np.isfinite(matrix.value)
    expected = stats.spearmanr(matrix.by_fill[0][pairs], matrix.by_fill[1][pairs]).statistic
    assert matrix.fill_agreement[0, 1] == pytest.approx(expected)
    assert summarise(drawn(80, fills=1)).fill_agreement.shape == (1, 1)


def test_displacement() -> None:
    ks, displacement = summarise(drawn(60)), summarise(drawn(60), 'displacement')
    np.testing.assert_allclose(displacement.value, 2 * ks.value, atol=1e-6)
    assert displacement.label == 'displacement, roots of the area, beyond the control'


def test_content_is_json() -> None:
    matrix = summarise(drawn(60))
    content = json.loads(json.dumps(matrix.content(), allow_nan=False))
    assert content['value'][0][0] is None
    assert content['value'][0][1] == pytest.approx(matrix.value[0, 1])
    assert content['marked_at_fdr_0.05'] == matrix.marked.tolist()
    assert content['joints'] == ['nose', 'eye', 'ear']


def test_mean_of_what_is_known() -> None:
    values = np.array([[1.0, np.nan, np.nan], [2.0, 4.0, np.nan]])
    np.testing.assert_array_equal(masked_mean(values), [1.5, 4, np.nan])
