"""How a model's quality depends on what its input is like: one thing changes, everything else stays."""

from posescope.evaluation.sensitivity.curve import Curve, Effect, Point, compare
from posescope.evaluation.sensitivity.factors import FACTORS, Factor, read_factors
from posescope.evaluation.sensitivity.findings import Findings
from posescope.evaluation.sensitivity.measurement import Measurement
from posescope.evaluation.sensitivity.mirror import mirror_distances, mirror_equivariance
from posescope.evaluation.sensitivity.outcome import Outcome
from posescope.evaluation.sensitivity.tester import Tester, without_flip_test

__all__ = [
    'FACTORS',
    'Curve',
    'Effect',
    'Factor',
    'Findings',
    'Measurement',
    'Outcome',
    'Point',
    'Tester',
    'compare',
    'mirror_distances',
    'mirror_equivariance',
    'read_factors',
    'without_flip_test',
]
