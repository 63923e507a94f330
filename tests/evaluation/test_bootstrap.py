import dataclasses

import numpy as np
import pytest
from scipy import stats

from posescope.evaluation.average_precision import STATISTICS, AveragePrecision
from posescope.evaluation.bootstrap import intervals, percentile_interval, refusals, resample
from posescope.evaluation.matching import Matches
from tests.evaluation.drawn_detections import copied, draw, evaluated, matched
from tests.evaluation.simulated_matches import simulate


@pytest.mark.parametrize('seed', range(8))
def test_a_resample_is_an_evaluation_of_copied_images(seed: int) -> None:
    content, (results, _) = draw(seed)
    images = len(content['images'])
    weights = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images))
    copies = {
        **content,
        'images': copied(content['images'], weights, 'id'),
        'annotations': copied(content['annotations'], weights, 'image_id'),
    }
    expected = evaluated(copies, copied(results, weights, 'image_id'))
    assert len(set(expected.values())) > 4
    found = AveragePrecision(matched(content, results)).statistics(weights)
    assert found == pytest.approx(expected, abs=1e-12)


def test_models_see_the_same_resamples() -> None:
    one, other = simulate(np.random.default_rng(0), 60, (1.0, 1.5))
    both = resample([one, other, one], 5)
    np.testing.assert_array_equal(both.drawn[:, 0], both.drawn[:, 2])
    assert (both.drawn[:, 0] != both.drawn[:, 1]).any()
    np.testing.assert_array_equal(resample([other], 5).drawn[:, 0], both.drawn[:, 1])
    np.testing.assert_array_equal(both.values[1], list(AveragePrecision(other).statistics().values()))
    assert (resample([one], 5, seed=1).drawn != both.drawn[:, :1]).all(axis=(1, 2)).all()


def test_without_areas_the_rest_is_the_same() -> None:
    matches = simulate(np.random.default_rng(0), 60, (1.0,))[0]
    whole, short = resample([matches], 5), resample([matches], 5, by_area=False)
    of_area = np.array([name.endswith(')') for name in STATISTICS])
    assert np.isfinite(short.drawn[..., ~of_area]).all()
    np.testing.assert_array_equal(short.drawn[..., ~of_area], whole.drawn[..., ~of_area])
    np.testing.assert_array_equal(short.values[..., ~of_area], whole.values[..., ~of_area])
    assert np.isnan(short.drawn[..., of_area]).all()


def twins(matches: Matches) -> Matches:
    """Every image twice, with the same people and detections."""
    people, fields = len(matches.person_image), {}
    for field in dataclasses.fields(Matches):
        value = getattr(matches, field.name)
        if isinstance(value, np.ndarray) and field.name != 'thresholds':
            fields[field.name] = np.concatenate([value, value])
    for name in ('image', 'person_image'):
        fields[name] = np.concatenate([2 * getattr(matches, name), 2 * getattr(matches, name) + 1])
    fields['image_ids'] = np.arange(2 * len(matches.image_ids))
    fields['person'] = np.concatenate([matches.person, np.where(matches.person < 0, -1, matches.person + people)])
    return dataclasses.replace(matches, **fields)


def test_twins_of_one_scene_tell_nothing_new() -> None:
    (matches,) = simulate(np.random.default_rng(1), 70)
    expected = intervals(matches, 100)
    scenes = np.repeat(np.arange(70), 2)
    found = intervals(twins(matches), 100, units=scenes)
    for name in STATISTICS:
        assert dataclasses.astuple(found[name]) == pytest.approx(dataclasses.astuple(expected[name]), abs=1e-12)
    as_images = intervals(twins(matches), 100)['AP']
    assert as_images.units == 2 * expected['AP'].units
    assert as_images.error < 0.85 * expected['AP'].error


MANY = 10**6
"""Units for which Student's t is the normal distribution."""


def test_ends_are_ranks() -> None:
    """With 999 values the 25th from either side, as tables of the bootstrap have it."""
    drawn = np.random.default_rng(0).permutation(np.arange(1, 1000.0))
    found = percentile_interval(500, drawn, MANY)
    assert (found.low, found.high) == pytest.approx((25, 975), abs=0.01)
    assert found.error == pytest.approx(np.sqrt(999 * 1000 / 12))  # of the numbers from 1 to n: n·(n + 1) / 12
    assert percentile_interval(500, drawn, MANY, level=0.9).low == pytest.approx(50, abs=0.01)


def test_for_means_of_few_units_as_wide_as_by_students_t() -> None:
    """Normal data: the interval of the mean by t is exact, and resampled means are nearly normal."""
    values = np.random.default_rng(0).normal(size=50)
    drawn = np.random.default_rng(1).choice(values, (200_000, 50)).mean(1)
    found = percentile_interval(values.mean(), drawn, 50)
    exact = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.high - found.low == pytest.approx(exact.high - exact.low, rel=0.01)
    assert np.ptp(np.quantile(drawn, [0.025, 0.975])) < 0.975 * (exact.high - exact.low)


def test_undefined_resamples_are_counted_and_left_out() -> None:
    drawn = np.concatenate([np.arange(1, 1000.0), np.full(30, np.nan)])
    found = percentile_interval(500, drawn, MANY)
    assert (found.undefined, found.resamples) == (30, 1029)
    assert (found.low, found.high) == pytest.approx((25, 975), abs=0.01)
    nothing = percentile_interval(np.nan, np.full(7, np.nan), MANY)
    assert (nothing.low, nothing.reason) == (None, 'the number is not defined in 7 of 7 resamples')
    many = np.concatenate([np.arange(1, 100.0), np.full(30, np.nan)])
    assert refusals(np.stack([many, many]).T, np.array([50, np.nan]), np.array([60, 60])) == [
        'the statistic is not defined in 30 of 129 resamples',
        'the statistic is not defined on these images',
    ]


def with_people(images: int) -> Matches:
    """So many images with one medium person each, and as many with nobody."""
    (matches,) = simulate(np.random.default_rng(2), 2 * images, thresholds=np.linspace(0.5, 0.95, 10))
    chosen = np.isin(matches.person_image, np.unique(matches.person_image)[:images])
    return dataclasses.replace(matches, person_counted=matches.person_counted & chosen[:, None])


@pytest.mark.parametrize('images', [49, 50])
def test_no_interval_below_fifty_images_with_people(images: int) -> None:
    found = intervals(with_people(images), 40)
    assert found['AP'].value is not None
    assert found['AP'].units == images
    if images < 50:
        assert (found['AP'].low, found['AP'].high, found['AP'].error) == (None, None, None)
        assert found['AP'].reason == 'fewer than 50 images or scenes with people who count (49)'
    else:
        assert found['AP'].low < found['AP'].value < found['AP'].high
        assert found['AP'].reason == ''
    assert found['AP (L)'].low is None  # fewer images show somebody large


def test_nobody_at_all() -> None:
    matches = with_people(60)
    found = intervals(dataclasses.replace(matches, person_counted=np.zeros_like(matches.person_counted)), 3)
    assert found['AP'].value is None
    assert found['AP'].units == 0
    assert found['AP'].undefined == 3


def test_labels_of_units_must_fit() -> None:
    with pytest.raises(ValueError, match='60 images'):
        resample(simulate(np.random.default_rng(0), 60), 3, units=np.arange(59))
