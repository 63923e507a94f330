"""Which kinds of error a pose model makes and what each of them costs."""

from posescope.evaluation.diagnosis.diagnosis import Diagnosis, diagnose
from posescope.evaluation.diagnosis.error_classes import ErrorClass, JointErrors, classify
from posescope.evaluation.diagnosis.pose_diagnosis import PoseDiagnosis

__all__ = ['Diagnosis', 'ErrorClass', 'JointErrors', 'PoseDiagnosis', 'classify', 'diagnose']
