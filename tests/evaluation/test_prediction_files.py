"""How predictions are to be scored, as a config says."""

from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.evaluation.prediction_files import metric_options

ALL = {'use_area': False, 'score_mode': 'bbox', 'keypoint_score_thr': 0.3, 'nms_mode': 'none', 'nms_thr': 0.8}


@pytest.mark.parametrize(
    ('evaluators', 'expected'),
    [
        ({'type': 'CocoMetric', 'ann_file': 'a.json', 'prefix': 'x', **ALL}, ALL),
        ([{'type': 'CocoKeypointMetric', 'resamples': 5, 'nms_mode': 'none'}], {'nms_mode': 'none'}),
        ([{'type': 'PCKAccuracy'}, {'type': 'mmpose.CocoMetric', 'score_mode': 'bbox'}], {'score_mode': 'bbox'}),
        ([{'type': 'CocoMetric', 'score_mode': 'bbox'}, {'type': 'PoseDiagnosis'}], {'score_mode': 'bbox'}),
        ([{'type': 'CocoMetric', 'iou_type': 'keypoints_crowd'}], {'iou_type': 'keypoints_crowd'}),
        ({'type': 'CocoMetric'}, {}),
        ([{'type': 'CocoMetric', 'nms_thr': 0.1}, {'type': 'CocoMetric', 'nms_thr': 0.2}], {}),
        ({'type': 'PCKAccuracy', 'nms_thr': 0.2}, {}),
        (None, {}),
    ],
)
def test_options_of_the_one_coco_metric(tmp_path: Path, evaluators: object, expected: dict[str, object]) -> None:
    config = tmp_path / 'config.py'
    config.write_text(f'test_evaluator = {evaluators!r}\n')
    assert metric_options(str(config)) == expected


def test_no_config(tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    assert metric_options(None) == {}
    with pytest.raises(InputError, match='does not exist'):
        metric_options(str(config))
    config.write_text('model = 1\n')
    assert metric_options(str(config)) == {}


def test_parts_of_a_whole_body_are_refused(tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    config.write_text("test_evaluator = dict(type='CocoMetric', iou_type='keypoints_face')\n")
    with pytest.raises(InputError, match=r"config\.py: iou_type='keypoints_face' .* keypoints and keypoints_crowd$"):
        metric_options(str(config))
