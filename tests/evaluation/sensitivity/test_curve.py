"""Means with intervals over images."""

import numpy as np
import pytest

from posescope.evaluation.sensitivity.curve import mean_interval


def test_the_interval_of_independent_people_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, (900, 1))
    (found,) = mean_interval(values, np.arange(900), resamples=4000)
    error = values.std() / np.sqrt(900)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert found.units == 900


def test_people_of_an_image_are_drawn_together() -> None:
    of_image = np.random.default_rng(1).normal(size=100)
    images = np.repeat(np.arange(100), 7)
    (once,) = mean_interval(of_image[:, None], np.arange(100))
    (often,) = mean_interval(of_image[images][:, None], images)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_missing_values() -> None:
    values = np.random.default_rng(2).normal(size=(200, 3))
    values[:120, 1] = np.nan
    values[20:, 2] = np.nan
    images = np.arange(200) // 2
    every, some, few = mean_interval(values, images)
    assert every.units == 100
    assert some.value == pytest.approx(np.nanmean(values[:, 1]))
    assert some.units == 40
    assert some.low is None
    assert '40 images' in some.reason
    assert few.low is None
    (nobody,) = mean_interval(np.full((200, 1), np.nan), images)
    assert nobody.value is nobody.low is None


def test_no_difference_is_sure() -> None:
    (found,) = mean_interval(np.zeros((80, 1)), np.arange(80))
    assert found.value == found.low == found.high == 0
