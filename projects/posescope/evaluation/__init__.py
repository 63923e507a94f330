"""Object keypoint similarity and the metrics built on it."""

from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.diagnosis import PoseDiagnosis
from posescope.evaluation.mean_oks import MeanOKS
from posescope.evaluation.oks import ks, oks

__all__ = ['CocoKeypointMetric', 'MeanOKS', 'PoseDiagnosis', 'ks', 'oks']
