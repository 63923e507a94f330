"""Intervals of single tests where several images show one scene, which a test by itself does not know."""

from posescope.errors import InputError
from posescope.evaluation.bootstrap import percentile_interval
from posescope.study.checks import COMPARABLE
from posescope.study.comparisons import files_of_matches
from posescope.study.plan import StudyPlan
from posescope.study.resampled_tests import ResampledTests
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial

__all__ = ['Ends', 'SceneIntervals']

Ends = tuple[float | None, float | None]
"""Of a 95 % interval; None where it cannot be told."""


class SceneIntervals:
    """Draws scenes instead of images, for splits that say which images show one scene.

    Args:
        plan: The study.
        folder: Of the study, which keeps what was resampled.
    """

    def __init__(self, plan: StudyPlan, folder: StudyFolder) -> None:
        self._plan, self._folder = plan, folder
        self._tests = ResampledTests(plan.resamples, folder.root / 'resampled')

    def __call__(self, trial: Trial, split: str) -> Ends | None:
        """Give the interval of a finished test's criterion.

        Args:
            trial: The trial.
            split: Tested on.

        Returns:
            Its ends; None where that of the test by itself holds: the split has no scenes, or the criterion is not
            one of COCO's.
        """
        plan = self._plan
        if plan.splits[split].units is None or plan.criterion not in COMPARABLE:
            return None
        path = files_of_matches(trial.run.name, split, self._folder, [trial]).get(trial.seed)
        if path is None:
            return None, None
        try:
            found = self._tests.together({trial.label: path}, plan.splits[split])
        except InputError:
            return None, None
        column = list(COMPARABLE).index(plan.criterion)
        value, units = float(found.values[0, column]), int(found.units[column])
        interval = percentile_interval(value, found.drawn[:, 0, column], units)
        return interval.low, interval.high
