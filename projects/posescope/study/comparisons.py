"""The declared comparisons of a study, from the matches that its trials left, all judged together."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.comparison import Comparison, compare_models, detectable_of, judge
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.seeds import compare_resampled
from posescope.study.checks import COMPARABLE
from posescope.study.kept_comparisons import kept_comparison
from posescope.study.plan import ComparisonPlan, Split, StudyPlan
from posescope.study.resampled_tests import ResampledTests, scenes
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial
from posescope.study.tested_data import digest_of_file

__all__ = ['compare_all', 'files_of_matches', 'row_of']


def compare_all(
    plan: StudyPlan,
    folder: StudyFolder,
    trials: Sequence[Trial],
    show: Callable[[str], Progress | None] = lambda name: None,
) -> list[Comparison]:
    """Make every declared comparison with the seeds that are finished, and correct them for their number.

    Two sides of given weights are compared as they are. Ways of training are compared over seeds, also where there is
    one on either side: then nothing is claimed.

    Args:
        plan: The study.
        folder: Of the study.
        trials: All of them.
        show: Gives for the name of a comparison, or of a test that is resampled, what shows how far it is.

    Returns:
        One for each of the plan's comparisons, in their order.
    """
    tests = ResampledTests(plan.resamples, folder.root / 'resampled', lambda name: show(f'resampling {name}'))
    found = [_compare(one, plan, folder, trials, tests, functools.partial(show, one.name)) for one in plan.comparisons]
    return judge(found, sorted({one.statistic for one in found}))


def _compare(
    one: ComparisonPlan,
    plan: StudyPlan,
    folder: StudyFolder,
    trials: Sequence[Trial],
    tests: ResampledTests,
    progress: Callable[[], Progress | None],
) -> Comparison:
    statistic = COMPARABLE[one.criterion]
    sides = [files_of_matches(name, one.split, folder, trials) for name in (one.run, one.control)]
    if one.paired:
        common = sorted(set(sides[0]) & set(sides[1]))
        sides = [{seed: side[seed] for seed in common} for side in sides]
    for name, side in zip((one.run, one.control), sides, strict=True):
        if not side:
            return _impossible(one, statistic, _why_none(name, one.split, folder, trials))
    split = plan.splits[one.split]
    as_they_are = not (plan.runs[one.run].repeats or plan.runs[one.control].repeats)
    settings = (one.name, statistic, one.margin, one.paired, plan.resamples, as_they_are)
    digests = [[digest_of_file(path) for path in side.values()] for side in sides]
    scenes_digest = split.units and digest_of_file(Path(split.units))
    with kept_comparison(folder.root / 'comparisons', (settings, digests, scenes_digest)) as kept:
        if kept.found is None:
            try:
                kept.found = _measure(one, split, sides, as_they_are, tests, progress)
            except InputError as error:
                return _impossible(one, statistic, ' '.join(str(error).split()))
    found = kept.found
    elsewhere = [_left_elsewhere(name, one.split, folder, trials) for name in (one.run, one.control)]
    if any(elsewhere):
        return replace(found, reason=next(filter(None, elsewhere)))
    if found.reason:
        return found
    planned = [len(plan.runs[name].seeds) for name in (one.run, one.control)]
    lacking = [
        f'{len(side)} of {count} seeds of {name} are finished'
        for name, side, count in zip((one.run, one.control), sides, planned, strict=True)
        if len(side) < count
    ]
    # Which seeds are left is no chance where some diverged, and to look again and again finds something at last.
    return replace(found, reason=lacking[0]) if lacking else found


def _why_none(name: str, split: str, folder: StudyFolder, trials: Sequence[Trial]) -> str:
    if not _tested(name, split, trials):
        return f'{name} has no finished test on {split}'
    elsewhere = _left_elsewhere(name, split, folder, trials)
    return elsewhere or f'tests of {name} on {split} left no matches.npz, which CocoKeypointMetric writes'


def _tested(name: str, split: str, trials: Sequence[Trial]) -> list[Trial]:
    return [t for t in trials if t.run.name == name and t.record is not None and split in t.record.done]


def _left_elsewhere(name: str, split: str, folder: StudyFolder, trials: Sequence[Trial]) -> str:
    """Say that a record came here without the matches that its test wrote; empty if none did.

    A test that ran here left its metrics and a log.
    """
    for trial in _tested(name, split, trials):
        own = folder.trial(name, trial.seed)
        ran_here = (own / split / 'metrics.json').is_file() and (own / 'run.log').is_file()
        path = own / split / 'matches.npz'
        if not ran_here and not path.is_file():
            where = path.relative_to(folder.root)
            return f'{where} is not here and has to be copied along from where {name} was tested'
    return ''


def _measure(
    one: ComparisonPlan,
    split: Split,
    sides: Sequence[dict[int, Path]],
    as_they_are: bool,
    tests: ResampledTests,
    progress: Callable[[], Progress | None],
) -> Comparison:
    names = one.run, one.control
    files = {
        f'{name} seed {seed}': path for name, side in zip(names, sides, strict=True) for seed, path in side.items()
    }
    found = tests.together(files, split)
    if as_they_are:
        ours, theirs = (load_matches(path).matches for path in files.values())
        given = one.margin, len(found.drawn), 0, scenes(split, ours), progress()
        rows = compare_models(ours, theirs, one.name, *given, found=found)
    else:
        rows = compare_resampled(found, len(sides[0]), one.name, one.margin, paired=one.paired)
    return next(row for row in rows if row.statistic == COMPARABLE[one.criterion])


def _impossible(one: ComparisonPlan, statistic: str, reason: str) -> Comparison:
    return Comparison(one.name, statistic, None, None, None, one.margin, 0, (0, 0), 0, 0, reason)


def files_of_matches(name: str, split: str, folder: StudyFolder, trials: Sequence[Trial]) -> dict[int, Path]:
    """The matches of a run's finished tests on a split, by seed."""
    tested = _tested(name, split, trials)
    found = {trial.seed: folder.trial(name, trial.seed) / split / 'matches.npz' for trial in tested}
    return {seed: path for seed, path in sorted(found.items()) if path.is_file()}


def row_of(one: ComparisonPlan, found: Comparison, together: int = 1) -> dict[str, Any]:
    """A comparison as ``study.json`` has it.

    Args:
        one: As it was declared.
        found: Its result.
        together: How many are corrected together, which a repetition would be as well.
    """
    seeds = found.seeds or (1, 1)
    return {
        'name': one.name,
        'run': one.run,
        'control': one.control,
        'split': one.split,
        'criterion': one.criterion,
        'delta_ap': found.delta,
        'low': found.low,
        'high': found.high,
        'p': found.p,
        'p_holm': found.p_holm,
        'p_equal_holm': found.p_equal_holm,
        'margin': found.margin,
        'detectable': detectable_of(found, together),
        'images': found.units,
        'seeds': min(seeds),
        'seeds_run': seeds[0],
        'seeds_control': seeds[1],
        'paired': one.paired,
        'verdict': found.verdict,
    }
