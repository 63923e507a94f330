"""How far a test's numbers move when the input changes, with intervals that pair the same people."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.bootstrap import LEAST_UNITS, Interval, Progress, percentile_interval, resample
from posescope.evaluation.sensitivity.outcome import Outcome

__all__ = ['Curve', 'Effect', 'Point', 'compare', 'mean_interval', 'refusal']


@dataclass(frozen=True)
class Effect:
    """A number under a change, and its difference to the number without the change.

    Attributes:
        value: Under the change; None if it is not defined.
        delta: Its difference, with an interval over images that pairs both tests.
    """

    value: float | None
    delta: Interval


@dataclass(frozen=True)
class Point:
    """What one amount of a change does.

    Attributes:
        amount: How much.
        ap: COCO AP.
        oks: Mean OKS over people.
        joints: (K,) mean KS of each joint over the people who have it labelled.
        errors: (E,) share of labelled joints of each type of error.
        joint_errors: K times (E,), the same for each joint.
        statistics: COCO's ten numbers.
    """

    amount: float
    ap: Effect
    oks: Effect
    joints: tuple[Effect, ...]
    errors: tuple[Effect, ...]
    joint_errors: tuple[tuple[Effect, ...], ...]
    statistics: dict[str, float]


@dataclass(frozen=True)
class Curve:
    """Points of a factor in ascending order of their amounts, the unchanged test (amount 0) among them."""

    factor: str
    points: tuple[Point, ...]


def compare(
    plain: Outcome,
    changed: Sequence[tuple[float, Outcome]],
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Point]:
    """Compare tests with the unchanged one, image by image.

    Args:
        plain: The unchanged test.
        changed: Amounts, and what they led to on the same people.
        resamples: Images are drawn this often.
        seed: Of the drawing.
        progress: Wraps the loop over resamples.

    Raises:
        ValueError: A test was on other people.
    """
    if any(outcome.keys != plain.keys for _, outcome in changed):
        raise ValueError('tests on other people cannot be compared person by person')
    models = [plain.matches, *(outcome.matches for _, outcome in changed)]
    enough = len(np.unique(plain.images)) >= LEAST_UNITS
    found = resample(models, resamples if enough else 0, seed, progress=progress)
    points = []
    units = int(found.units[0])
    for place, (amount, outcome) in enumerate(changed, 1):
        difference = float(found.values[place, 0] - found.values[0, 0])
        drawn = found.drawn[:, place, 0] - found.drawn[:, 0, 0]
        ap = Effect(_defined(found.values[place, 0]), percentile_interval(difference, drawn, units, refusal(units)))
        points.append(_point(amount, ap, plain, outcome, resamples, seed))
    return points


def _point(amount: float, ap: Effect, plain: Outcome, outcome: Outcome, resamples: int, seed: int) -> Point:
    before, after = (np.column_stack([one.oks, one.similarities]) for one in (plain, outcome))
    oks, *joints = _effects(before, after, plain.images, resamples, seed)
    people, number, types = plain.errors.shape
    before, after = (one.errors.reshape(people * number, types) for one in (plain, outcome))
    errors = _effects(before, after, np.repeat(plain.error_images, number), resamples, seed)
    before, after = (one.errors.reshape(people, number * types) for one in (plain, outcome))
    of_joints = _effects(before, after, plain.error_images, resamples, seed)
    joint_errors = tuple(tuple(of_joints[k * types : (k + 1) * types]) for k in range(number))
    return Point(amount, ap, oks, tuple(joints), tuple(errors), joint_errors, outcome.statistics)


def mean_interval(values: NDArray[np.float64], images: NDArray, resamples: int = 1000, seed: int = 0) -> list[Interval]:
    """Mean of each column over people, with a percentile bootstrap over images.

    Args:
        values: (N, C), NaN where a person has no value.
        images: (N,), image of each person.
        resamples: Of the bootstrap.
        seed: Of the bootstrap; columns share the drawn images.
    """
    _, image = np.unique(images, return_inverse=True)
    count = len(np.unique(image))
    defined = ~np.isnan(values)
    totals, numbers = np.zeros((2, count, values.shape[1]))
    np.add.at(totals, image, np.where(defined, values, 0))
    np.add.at(numbers, image, defined)
    with np.errstate(invalid='ignore', divide='ignore'):
        means = totals.sum(0) / numbers.sum(0)
        weights = _weights(count, resamples, seed)
        drawn = (weights @ totals) / (weights @ numbers)
    units = (numbers > 0).sum(0).tolist()
    return [
        percentile_interval(mean, column, unit, refusal(unit))
        for mean, column, unit in zip(means, drawn.T, units, strict=True)
    ]


@functools.lru_cache(maxsize=2)
def _weights(images: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each image is drawn, (resamples, images)."""
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples).astype(np.float64)


def _effects(
    before: NDArray[np.float64], after: NDArray[np.float64], images: NDArray, resamples: int, seed: int
) -> list[Effect]:
    deltas = mean_interval(after - before, images, resamples, seed)
    filled = ~np.isnan(after)
    values = np.where(filled, after, 0).sum(0) / np.where(filled.any(0), filled.sum(0), np.nan)
    return [Effect(_defined(value), delta) for value, delta in zip(values, deltas, strict=True)]


def refusal(units: int) -> str:
    """Say in one sentence why so many images give no interval; empty if they do."""
    if units >= LEAST_UNITS:
        return ''
    return f'{units} images with people who count are too few for an interval: it takes {LEAST_UNITS}'


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
