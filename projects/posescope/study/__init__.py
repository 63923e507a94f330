"""A matrix of runs and seeds on one protocol: carried out, resumed, compared, with what each model costs."""

from posescope.study.commands import Commands
from posescope.study.plan import ComparisonPlan, Noise, RunPlan, Split, StudyPlan
from posescope.study.study_file import plan_of, read_study
from posescope.study.study_folder import StudyFolder
from posescope.study.whole_study import Study

__all__ = [
    'Commands',
    'ComparisonPlan',
    'Noise',
    'RunPlan',
    'Split',
    'Study',
    'StudyFolder',
    'StudyPlan',
    'plan_of',
    'read_study',
]
