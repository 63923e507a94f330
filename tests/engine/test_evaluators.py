"""What a test adds to the evaluators of a config."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.evaluation.metrics import CocoMetric

from posescope.engine.evaluators import RESAMPLES, add_diagnosis, use_array_metric


def added(evaluators, tmp_path: Path) -> list[dict]:
    cfg = Config({'test_evaluator': evaluators})
    add_diagnosis(cfg, tmp_path)
    found = cfg.test_evaluator
    return [dict(one) for one in found] if isinstance(found, list) else [dict(found)]


def test_mmposes_metric_gets_faster_more_certain_and_a_diagnosis(tmp_path):
    metric, diagnosis = added({'type': 'CocoMetric', 'ann_file': 'a.json', 'nms_thr': 0.5}, tmp_path)
    assert metric == {
        'type': 'CocoKeypointMetric', 'ann_file': 'a.json', 'nms_thr': 0.5, 'resamples': RESAMPLES,
        'out_dir': str(tmp_path),
    }  # fmt: skip
    assert diagnosis == {'type': 'PoseDiagnosis', 'ann_file': 'a.json', 'nms_thr': 0.5, 'out_dir': str(tmp_path)}


def test_what_the_config_says_stays(tmp_path):
    own = {'type': 'CocoKeypointMetric', 'ann_file': 'a.json', 'resamples': 5}
    found = added([{'type': 'MeanOKS'}, own, {'type': 'PoseDiagnosis', 'ann_file': 'a.json'}], tmp_path)
    assert [one['type'] for one in found] == ['MeanOKS', 'CocoKeypointMetric', 'PoseDiagnosis']
    assert found[1]['resamples'] == 5


@pytest.mark.parametrize(
    'options', [{'iou_type': 'keypoints_face'}, {'format_only': True}, {'pred_converter': {'num_keypoints': 3}}]
)
def test_no_diagnosis_where_it_cannot_be(options, tmp_path):
    (metric,) = added([{'type': 'CocoMetric', **options}], tmp_path)
    assert metric['type'] == 'CocoKeypointMetric'


def test_crowdpose_is_diagnosed(tmp_path):
    _, diagnosis = added([{'type': 'CocoMetric', 'iou_type': 'keypoints_crowd', 'use_area': False}], tmp_path)
    assert (diagnosis['iou_type'], diagnosis['use_area']) == ('keypoints_crowd', False)


def test_several_data_sets_write_no_file_over_another(tmp_path):
    both = [{'type': 'CocoMetric', 'prefix': 'a'}, {'type': 'CocoMetric', 'prefix': 'b'}]
    assert added(both, tmp_path) == both


def test_whole_bodies_have_intervals_beside_mmposes_numbers(tmp_path):
    theirs = {'type': 'CocoWholeBodyMetric', 'ann_file': 'a.json', 'use_area': False, 'outfile_prefix': 'x'}
    assert added(theirs, tmp_path) == [
        theirs,
        {
            'type': 'CocoKeypointMetric', 'ann_file': 'a.json', 'use_area': False, 'prefix': 'wholebody',
            'iou_type': 'keypoints_wholebody', 'resamples': RESAMPLES, 'out_dir': str(tmp_path),
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('evaluators', 'number'),
    [
        ([{'type': 'PCKAccuracy'}], 'no'),
        ([{'type': 'CocoWholeBodyMetric', 'format_only': True, 'outfile_prefix': 'x'}], 'no'),
        ([{'type': 'CocoWholeBodyMetric', 'prefix': 'a'}, {'type': 'CocoWholeBodyMetric', 'prefix': 'b'}], '2'),
        ([{'type': 'CocoMetric', 'prefix': 'a'}, {'type': 'CocoMetric', 'prefix': 'b'}], '2'),
    ],
)
def test_what_a_test_lacks_is_said(evaluators, number, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('posescope.engine.evaluators.print_log', lambda text, *_: said.append(text))
    assert added(evaluators, tmp_path) == evaluators
    assert [text.split(': ')[1] for text in said] == [f'the test has {number} metrics of COCO keypoints, it takes one']


def test_classes_and_other_metrics():
    others = [{'type': 'CocoWholeBodyMetric'}, {'type': 'PCKAccuracy'}, {'type': CocoMetric}]
    assert [one['type'] for one in use_array_metric(others)] == [
        'CocoWholeBodyMetric', 'PCKAccuracy', 'CocoKeypointMetric'
    ]  # fmt: skip
