import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmpose.registry import METRICS

from posescope.errors import InputError
from posescope.evaluation.diagnosis import ErrorClass, PoseDiagnosis
from posescope.evaluation.diagnosis.diagnosis_content import content_of
from tests.evaluation.diagnosis.planted import FLIP

META = {
    'dataset_name': 'planted',
    'num_keypoints': 3,
    'sigmas': np.full(3, 0.05),
    'flip_indices': FLIP.tolist(),
    'keypoint_id2name': {0: 'nose', 1: 'left_hand', 2: 'right_hand'},
}
SELF = np.array([[10.0, 50.0], [30.0, 50.0], [50.0, 50.0]])


def annotations(people: int = 60) -> dict[str, Any]:
    return {
        'images': [
            {'id': image, 'width': 100, 'height': 100, 'file_name': f'{image}.jpg', 'crowdIndex': 0.5}
            for image in range(people)
        ],
        'annotations': [
            {
                'id': image,
                'image_id': image,
                'category_id': 1,
                'bbox': [5, 40, 50, 20],
                'area': 100.0,
                'iscrowd': 0,
                'num_keypoints': 3,
                'keypoints': [value for x, y in SELF for value in (x, y, 2)],
            }
            for image in range(people)
        ],
        'categories': [{'id': 1, 'name': 'person', 'keypoints': ['nose', 'left_hand', 'right_hand']}],
    }


def samples(people: int = 60, exchanged: int = 20, heatmaps: bool = False) -> list[dict[str, Any]]:
    """Predictions of which the first ones have both hands exchanged; maps have their second peak at the label."""
    found = []
    for image in range(people):
        places = SELF[FLIP] if image < exchanged else SELF
        sample: dict[str, Any] = {
            'id': image,
            'img_id': image,
            'category_id': 1,
            'pred_instances': {
                'keypoints': places[None].astype(np.float32),
                'keypoint_scores': np.ones((1, 3), np.float32),
                'bboxes': np.float32([[5, 40, 55, 60]]),
                'bbox_scores': np.float32([1 - image / 1000]),
            },
            'gt_instances': {'bbox_scales': np.float32([[50, 20]])},
        }
        if heatmaps:
            maps = np.zeros((3, 50, 50), np.float32)
            for joint in range(3):
                maps[joint, 25, int(SELF[joint, 0] / 2)] = 0.5
                maps[joint, 25, int(places[joint, 0] / 2)] = 1
            sample |= {'pred_fields': {'heatmaps': maps}, 'input_center': [50, 50], 'input_scale': [100, 100]}
        found.append(sample)
    return found


def evaluate(
    folder: Path, predicted: list[dict[str, Any]], meta: dict[str, Any] = META, **options: Any
) -> PoseDiagnosis:
    path = folder / 'annotations.json'
    path.write_text(json.dumps(annotations()))
    metric = METRICS.build({'type': 'PoseDiagnosis', 'ann_file': str(path), **options})
    assert isinstance(metric, PoseDiagnosis)
    metric.dataset_meta = dict(meta)
    metric.process(None, predicted)
    metric.scalars = metric.evaluate(len(predicted))
    return metric


def test_scalars_of_planted_inversions(tmp_path: Path) -> None:
    scalars = evaluate(tmp_path, samples()).scalars
    assert scalars['diagnosis/share/inversion'] == pytest.approx(2 * 20 / 180)
    assert sum(value for name, value in scalars.items() if '/share/' in name) == pytest.approx(1)
    assert scalars['diagnosis/headroom/inversion'] > 0.3
    assert scalars['diagnosis/headroom/jitter'] == 0
    assert all(isinstance(value, float) for value in scalars.values())


def test_file(tmp_path: Path) -> None:
    metric = evaluate(tmp_path, samples(), out_dir=str(tmp_path / 'new' / 'out'))
    (path,) = (tmp_path / 'new' / 'out').iterdir()
    content = json.loads(path.read_text())
    assert content == json.loads(json.dumps(content_of(metric.diagnosis)))
    assert content['labelled_joints'] == sum(one['count'] for one in content['classes'].values()) == 180
    inversion = content['classes']['inversion']
    assert inversion['low'] < inversion['share'] < inversion['high']
    assert content['joints'][1]['name'] == 'left_hand'
    assert content['joints'][1]['counts']['inversion'] == 20
    nose, left = (content['joints'][joint]['classes']['inversion'] for joint in (0, 1))
    assert left == {**left, 'count': 20, 'of': 60, 'share': pytest.approx(1 / 3), 'marked_at_fdr_0.05': True}
    assert left['low'] < 1 / 3 < left['high']
    assert left['difference'] == pytest.approx(20 / 60 - 20 / 120)
    assert (nose['count'], nose['low'], nose['marked_at_fdr_0.05']) == (0, 0, True)
    assert content['headroom']['sequence'][-1]['AP'] == 1
    assert content['statistics']['AP (M)'] is None
    assert content['modes'] is None


def test_modes_come_from_heatmaps_also_if_detections_are_left_out(tmp_path: Path) -> None:
    predicted = samples(heatmaps=True)
    again = {**predicted[3], 'id': 1000}
    again['pred_instances'] = {**again['pred_instances'], 'bbox_scores': np.float32([0.1])}
    metric = evaluate(tmp_path, [again, *predicted[::-1]])
    assert len(metric.detections) == 60  # the double is suppressed
    assert metric.diagnosis.modes is not None
    assert metric.diagnosis.modes['inversion'] == {'first': 0, 'second': 40, 'third': 0, 'none': 0, 'without_scores': 0}
    assert all(peaks.nbytes == 3 * 3 * 2 * 4 for _, (_, _, peaks) in _results(metric, predicted))


def test_modes_come_from_tensors_of_half_precision(tmp_path: Path) -> None:
    predicted = samples(heatmaps=True)
    for sample in predicted:
        sample['pred_fields'] = {'heatmaps': torch.from_numpy(sample['pred_fields']['heatmaps']).bfloat16()}
        one = sample['pred_instances']
        sample['pred_instances'] = {name: torch.from_numpy(values).bfloat16() for name, values in one.items()}
    modes = evaluate(tmp_path, predicted, nms_mode='none').diagnosis.modes
    assert modes is not None
    assert modes['inversion'] == {'first': 0, 'second': 40, 'third': 0, 'none': 0, 'without_scores': 0}


def _results(metric: PoseDiagnosis, predicted: list[dict[str, Any]]) -> list[Any]:
    metric.process(None, predicted)
    return metric.results


def test_crowdpose_kind(tmp_path: Path) -> None:
    assert evaluate(tmp_path, samples(), iou_type='keypoints_crowd').scalars == evaluate(tmp_path, samples()).scalars


def test_legacy_and_without_joints(tmp_path: Path) -> None:
    found = evaluate(tmp_path, samples(), legacy=True, by_joint=False).diagnosis
    assert found.legacy
    assert found.joint_gains is None
    assert 'side_ambiguous' not in found.headroom.alone
    assert found.shares[ErrorClass.INVERSION].part == 40


@pytest.mark.parametrize(
    ('meta', 'options', 'message'),
    [
        ({key: value for key, value in META.items() if key != 'flip_indices'}, {}, 'flip_indices'),
        ({**META, 'flip_indices': [0, 1]}, {}, '2 flip indices'),
        (META, {'iou_type': 'keypoints_wholebody'}, 'iou_type of keypoints or'),
        (META, {'pred_converter': {'num_keypoints': 2, 'mapping': [(0, 0), (1, 1)]}}, 'converter'),
    ],
)
def test_bad_input(tmp_path: Path, meta: dict[str, Any], options: dict[str, Any], message: str) -> None:
    out = tmp_path / 'out'
    with pytest.raises(InputError, match=message):
        evaluate(tmp_path, samples(), meta, out_dir=str(out), **options)
    assert not out.exists()
