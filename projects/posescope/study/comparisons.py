"""The declared comparisons of a study, from the matches that its trials left, all judged together."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from posescope.data.annotations import read_json
from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.comparison import Comparison, compare_models, judge
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.matching import Matches
from posescope.evaluation.seeds import compare_runs
from posescope.study.checks import COMPARABLE
from posescope.study.kept_comparisons import kept_comparison
from posescope.study.plan import ComparisonPlan, Split, StudyPlan
from posescope.study.run_config import digest_of_file
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial

__all__ = ['compare_all', 'matches_of', 'row_of', 'scenes']


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
        show: Gives for a comparison's name what shows how far it is.

    Returns:
        One for each of the plan's comparisons, in their order.
    """
    found = [_compare(one, plan, folder, trials, show(one.name)) for one in plan.comparisons]
    return judge(found, sorted({one.statistic for one in found}))


def _compare(
    one: ComparisonPlan, plan: StudyPlan, folder: StudyFolder, trials: Sequence[Trial], progress: Progress | None
) -> Comparison:
    statistic = COMPARABLE[one.criterion]
    sides = [_files(name, one.split, folder, trials) for name in (one.run, one.control)]
    if one.paired:
        common = sorted(set(sides[0]) & set(sides[1]))
        sides = [{seed: side[seed] for seed in common} for side in sides]
    for name, side in zip((one.run, one.control), sides, strict=True):
        if not side:
            return _impossible(one, statistic, f'{name} has no finished test on {one.split}')
    split = plan.splits[one.split]
    as_they_are = not (plan.runs[one.run].train or plan.runs[one.control].train)
    files = [list(side.values()) for side in sides]
    settings = (one.name, statistic, one.margin, one.paired, plan.resamples, as_they_are)
    digests = [[digest_of_file(path) for path in side] for side in files]
    scenes_digest = split.units and digest_of_file(Path(split.units))
    with kept_comparison(folder.root / 'comparisons', (settings, digests, scenes_digest)) as kept:
        if kept.found is None:
            try:
                kept.found = _measure(one, plan, files, as_they_are, progress)
            except InputError as error:
                return _impossible(one, statistic, ' '.join(str(error).split()))
    return kept.found


def _measure(
    one: ComparisonPlan, plan: StudyPlan, files: Sequence[Sequence[Path]], as_they_are: bool, progress: Progress | None
) -> Comparison:
    ours, theirs = ([load_matches(path).matches for path in side] for side in files)
    given = (one.name, one.margin, plan.resamples, 0, scenes(plan.splits[one.split], ours[0]), progress)
    if as_they_are:
        rows = compare_models(ours[0], theirs[0], *given)
    else:
        rows = compare_runs(ours, theirs, *given, paired=one.paired)
    return next(row for row in rows if row.statistic == COMPARABLE[one.criterion])


def _impossible(one: ComparisonPlan, statistic: str, reason: str) -> Comparison:
    return Comparison(one.name, statistic, None, None, None, one.margin, 0, (0, 0), 0, 0, reason)


def matches_of(name: str, split: str, folder: StudyFolder, trials: Sequence[Trial]) -> dict[int, Matches]:
    """Read the matches of a run's finished tests on a split, by seed."""
    return {seed: load_matches(path).matches for seed, path in _files(name, split, folder, trials).items()}


def _files(name: str, split: str, folder: StudyFolder, trials: Sequence[Trial]) -> dict[int, Path]:
    """The matches of a run's finished tests on a split, by seed."""
    found = {
        trial.seed: folder.trial(name, trial.seed) / split / 'matches.npz'
        for trial in trials
        if trial.run.name == name and trial.record is not None and split in trial.record.done
    }
    return {seed: path for seed, path in sorted(found.items()) if path.is_file()}


def scenes(split: Split, matches: Matches) -> Any:
    """Which scene each image shows, (I,); None where every image is by itself.

    Raises:
        InputError: The split's file is no JSON object or lacks an image.
    """
    if split.units is None:
        return None
    content = read_json(Path(split.units), 'file of units')
    ids = [str(identity) for identity in matches.image_ids.tolist()]
    lost = [identity for identity in ids if not isinstance(content, dict) or identity not in content]
    if lost:
        raise InputError(f'{split.units} says no scene of image {lost[0]} ({len(lost)} of {len(ids)} images)')
    return np.array([str(content[identity]) for identity in ids])


def row_of(one: ComparisonPlan, found: Comparison) -> dict[str, Any]:
    """A comparison as ``study.json`` has it."""
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
        'detectable': found.detectable,
        'images': found.units,
        'seeds': min(seeds),
        'seeds_run': seeds[0],
        'seeds_control': seeds[1],
        'paired': one.paired,
        'verdict': found.verdict,
    }
