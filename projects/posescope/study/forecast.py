"""What can be said before a study starts: how long it will take, and what it could find."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posescope.errors import InputError
from posescope.evaluation.comparison import ALPHA
from posescope.evaluation.seeds import LEAST_SEEDS
from posescope.evaluation.significance import detectable_delta
from posescope.study.checks import COMPARABLE
from posescope.study.comparisons import files_of_matches
from posescope.study.plan import ComparisonPlan, StudyPlan
from posescope.study.resampled_tests import ResampledTests
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial
from posescope.study.training_steps import training_steps

__all__ = ['Detectable', 'detectable', 'expected_seconds', 'noise_of_plan']

_PILOT_RESAMPLES = 200


@dataclass(frozen=True)
class Detectable:
    """Smallest true difference that a comparison finds with a probability of 80 %.

    Attributes:
        comparison: Its name.
        delta: The difference; None if it cannot be told.
        reason: Where it comes from, or why it cannot be told.
    """

    comparison: str
    delta: float | None
    reason: str


def expected_seconds(plan: StudyPlan, trials: Sequence[Trial], workers: int = 1) -> float | None:
    """Wall-clock seconds that are left, from what finished trials took.

    A run's trials take what its finished seeds took (median). One without any takes the usual time for its tests, and
    for each step of its training the usual time of a step, over all runs.

    Returns:
        Seconds; None until the first trial has finished.
    """
    finished = [trial for trial in trials if trial.finished(plan) and trial.record is not None]
    if not finished:
        return None
    usual = _usual_seconds(trials, finished)
    taken: dict[str, list[float]] = {}
    for trial in finished:
        taken.setdefault(trial.run.name, []).append(trial.record.seconds if trial.record else 0.0)
    missing = [trial.run.name for trial in trials if not trial.finished(plan)]
    total = sum(statistics.median(taken[name]) if name in taken else usual[name] for name in missing)
    return total / min(max(workers, 1), max(len(missing), 1))


def _usual_seconds(trials: Sequence[Trial], finished: Sequence[Trial]) -> dict[str, float]:
    """What a seed of each run would take at the usual pace; the median where the number of steps is not known."""
    steps = {
        trial.run.name: training_steps(trial.config.content)
        for trial in trials
        if trial.run.train and trial.config is not None
    }
    wholes, tests, paces = [], [], []
    for trial in finished:
        assert trial.record is not None
        training = trial.record.stages['train'].seconds if 'train' in trial.record.stages else 0.0
        wholes.append(trial.record.seconds)
        tests.append(trial.record.seconds - training)
        if training and (known := steps.get(trial.run.name)):
            paces.append(training / known)
    every, testing = statistics.median(wholes), statistics.median(tests)
    usual = {}
    for run in {trial.run.name: trial.run for trial in trials}.values():
        known = steps.get(run.name) if run.train else 0
        if known:
            usual[run.name] = testing + known * statistics.median(paces) if paces else every
        else:
            usual[run.name] = every if run.train else testing
    return usual


def detectable(plan: StudyPlan, folder: StudyFolder, trials: Sequence[Trial]) -> list[Detectable]:
    """Say for every comparison what it could find with the seeds that are planned.

    The noise is that of the study's ``noise``, else of what has finished: the variance between seeds is pooled over all
    runs with two or more, the images' part is that of the two sides' first seeds.
    """
    spread: dict[tuple[str, str], tuple[float, int] | None] = {}
    tests = ResampledTests(_PILOT_RESAMPLES)
    found = []
    for one in plan.comparisons:
        key = one.split, one.criterion
        if plan.noise is not None:
            found.append(noise_of_plan(plan, one))
            continue
        if not (plan.runs[one.run].repeats or plan.runs[one.control].repeats):
            found.append(Detectable(one.name, None, 'given weights, no seeds: known after the tests, or from noise=…'))
            continue
        if key not in spread:
            spread[key] = _seed_variance(plan, one, trials)
        found.append(_from_finished(plan, folder, trials, one, spread[key], tests))
    return found


def noise_of_plan(plan: StudyPlan, one: ComparisonPlan) -> Detectable:
    """From the noise that the study declares."""
    assert plan.noise is not None
    return _answer(plan, one, plan.noise.seeds**2, plan.noise.images**2, 'from the noise that the study gives')


def _from_finished(
    plan: StudyPlan,
    folder: StudyFolder,
    trials: Sequence[Trial],
    one: ComparisonPlan,
    spread: tuple[float, int] | None,
    tests: ResampledTests,
) -> Detectable:
    if spread is None:
        return Detectable(one.name, None, 'unknown until a run has two finished seeds, or the study gives noise=…')
    files: dict[str, Path] = {}
    for name in (one.run, one.control):
        of_seeds = files_of_matches(name, one.split, folder, trials)
        if not of_seeds:
            return Detectable(
                one.name, None, 'unknown until either side has a finished seed, or the study gives noise=…'
            )
        files[name] = next(iter(of_seeds.values()))
    try:
        drawn = tests.together(files, plan.splits[one.split]).drawn
    except InputError as error:
        return Detectable(one.name, None, f'unknown: {" ".join(str(error).split())}')
    column = list(COMPARABLE).index(one.criterion)
    of_images = float(np.nanvar(drawn[:, 0, column] - drawn[:, 1, column], ddof=1))
    variance, df = spread
    source = f'from {df + 1} or more finished seeds'
    return _answer(plan, one, variance, of_images, source, _pair_variance(one, trials))


def _pair_variance(one: ComparisonPlan, trials: Sequence[Trial]) -> float | None:
    """Variance of the differences between seeds of a pair; None if it is no pair, or two of them have not finished."""
    if not one.paired:
        return None
    sides: list[dict[int, float]] = [{}, {}]
    for name, side in zip((one.run, one.control), sides, strict=True):
        for trial in trials:
            if trial.run.name == name and trial.record is not None and one.split in trial.record.done:
                value = trial.record.metrics[one.split].get(one.criterion)
                if value is not None:
                    side[trial.seed] = value
    differences = [sides[0][seed] - sides[1][seed] for seed in sorted(set(sides[0]) & set(sides[1]))]
    return statistics.variance(differences) if len(differences) > 1 else None


def _seed_variance(plan: StudyPlan, one: ComparisonPlan, trials: Sequence[Trial]) -> tuple[float, int] | None:
    """Variance between seeds, pooled over runs, with its degrees of freedom; None if no run has two."""
    squares, df = 0.0, 0
    for name in plan.runs:
        values = [
            trial.record.metrics[one.split].get(one.criterion)
            for trial in trials
            if trial.run.name == name and trial.record is not None and one.split in trial.record.done
        ]
        known = np.array([value for value in values if value is not None], float)
        if len(known) > 1:
            squares += float(((known - known.mean()) ** 2).sum())
            df += len(known) - 1
    return (squares / df, df) if df else None


def _answer(
    plan: StudyPlan,
    one: ComparisonPlan,
    of_seeds: float,
    of_images: float,
    source: str,
    of_pairs: float | None = None,
) -> Detectable:
    """Add up both parts for the planned seeds; corrected for the number of comparisons as Holm's first step is."""
    seeds = [plan.runs[name].repeats for name in (one.run, one.control)]
    parts = [(of_seeds / count, count - 1) for count in seeds if count]
    if of_pairs is not None:
        parts = [(of_pairs / seeds[0], seeds[0] - 1)]
    elif one.paired:
        source += '; at most, as the two of a pair vary together'
    variance = sum(part for part, _ in parts) + of_images
    # The test will estimate the seeds' part anew, with the degrees of freedom of its own seeds (Satterthwaite).
    squares = sum(part**2 / df for part, df in parts if df)
    freedom = variance**2 / squares if squares else math.inf
    delta = detectable_delta(math.sqrt(variance), freedom, alpha=ALPHA / len(plan.comparisons))
    few = any(count < LEAST_SEEDS for count in seeds)
    return Detectable(one.name, delta, source + (f'; fewer than {LEAST_SEEDS} seeds claim nothing' if few else ''))
