"""How good each way of training is: its mean over seeds with an interval, and which one is chosen."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from posescope.study.plan import StudyPlan
from posescope.study.survey import Trial

__all__ = ['Intervals', 'Standing', 'rank', 'standing']


@dataclass(frozen=True)
class Standing:
    """A run's metric on a split.

    Attributes:
        name: Of the run.
        split: Tested on.
        mean: Over finished seeds; None if there are none that report it.
        low: Lower end of the 95 % interval; None where none can be given.
        high: Upper end.
        seeds: How many.
        spread: Standard deviation between seeds; None for one.
    """

    name: str
    split: str
    mean: float | None
    low: float | None
    high: float | None
    seeds: int
    spread: float | None


Intervals = Callable[[Trial, str], tuple[float | None, float | None] | None]
"""Gives the ends of a test's interval; None: those that the test itself wrote down."""


def standing(
    plan: StudyPlan, name: str, split: str, trials: Sequence[Trial], intervals: Intervals = lambda trial, split: None
) -> Standing:
    """Put a run's seeds together.

    The interval adds what seeds and what images contribute, ``s² / S + e²``, with the degrees of freedom of
    F. E. Satterthwaite (1946): s is the standard deviation between S seeds, e the standard error over images, read off
    the interval that every test gives. e also holds what seed and image do together, which s² / S counts as well, so
    the interval is a little too wide rather than too narrow. One seed says nothing of seeds, and then it is that of
    these weights.

    Args:
        plan: The study.
        name: Of the run.
        split: Tested on.
        trials: All of them.
        intervals: Of single tests.
    """
    tested = [
        (trial, trial.record.metrics[split])
        for trial in trials
        if trial.run.name == name and trial.record is not None and split in trial.record.done
    ]
    metrics = [one for _, one in tested]
    values = np.array([one[plan.criterion] for one in metrics if one.get(plan.criterion) is not None], float)
    if not len(values):
        return Standing(name, split, None, None, None, 0, None)
    mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
    ends = [
        intervals(trial, split) or (one.get(f'{plan.criterion}/low'), one.get(f'{plan.criterion}/high'))
        for trial, one in tested
    ]
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    if not known:
        return Standing(name, split, mean, None, None, len(values), spread)
    if spread is None:
        return Standing(name, split, mean, float(known[0][0]), float(known[0][1]), 1, None)
    of_images = float(np.mean([((high - low) / (2 * stats.norm.ppf(0.975))) ** 2 for low, high in known]))
    of_seeds = spread**2 / len(values)
    variance = of_seeds + of_images
    df = variance**2 / (of_seeds**2 / (len(values) - 1)) if of_seeds else math.inf
    half = float(stats.t.ppf(0.975, df)) * math.sqrt(variance)
    return Standing(name, split, mean, mean - half, mean + half, len(values), spread)


def rank(plan: StudyPlan, trials: Sequence[Trial], intervals: Intervals = lambda trial, split: None) -> list[Standing]:
    """Order runs by their criterion on the split of the choice, the best first; those without it last."""
    split = plan.inner_split
    sign = 1 if plan.higher_is_better else -1
    found = [standing(plan, name, split, trials, intervals) for name in plan.runs]
    return sorted(found, key=lambda one: -math.inf if one.mean is None else sign * one.mean, reverse=True)
