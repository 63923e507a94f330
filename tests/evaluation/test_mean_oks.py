import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import METRICS

from posescope.errors import InputError
from posescope.evaluation import MeanOKS

SIGMAS = np.full(17, 0.05)
LABELS = np.random.default_rng(0).uniform(10, 90, (1, 17, 2)).astype(np.float32)


def sample(annotation: int, error: float = 0.0, labelled: int = 17, **raw: Any) -> dict[str, Any]:
    """A person of area 100 whose prediction is ``error`` pixels off in x, so the similarity is exp(-error² / 2)."""
    visible = (np.arange(17) < labelled).astype(np.float32)[None]
    return {
        'img_id': 1,
        'id': annotation,
        'raw_ann_info': {'id': annotation, 'image_id': 1, 'area': 100.0, 'bbox': [0, 0, 10, 10], 'iscrowd': 0, **raw},
        'gt_instances': {'keypoints': LABELS, 'keypoints_visible': visible},
        'pred_instances': {'keypoints': LABELS + np.float32([error, 0])},
    }


def evaluate(*samples: dict[str, Any], **options: Any) -> dict[str, float]:
    metric = METRICS.build({'type': 'MeanOKS', **options})
    assert isinstance(metric, MeanOKS)
    metric.dataset_meta = {'sigmas': SIGMAS}
    for one in samples:
        metric.process({}, [one])
    return metric.evaluate(len(samples))


def test_mean_over_people() -> None:
    found = evaluate(sample(0), sample(1, error=1.0))
    assert found == {'oks/mean': pytest.approx((1 + np.exp(-0.5)) / 2, rel=1e-5), 'oks/people': 2}


def test_who_counts() -> None:
    """Too few labels, a crowd and a second copy from a distributed sampler change nothing."""
    found = evaluate(
        sample(1, error=1.0), sample(1, error=1.0), sample(2, labelled=4), sample(3, iscrowd=1), sample(4, labelled=5)
    )
    assert found == {'oks/mean': pytest.approx((1 + np.exp(-0.5)) / 2, rel=1e-5), 'oks/people': 2}
    assert evaluate(sample(2, labelled=4), min_joints=4)['oks/people'] == 1


def test_people_keep_what_their_annotation_says_of_visibility() -> None:
    """MMPose's samples tell labelled from unlabelled joints, and no longer visible from hidden ones."""
    v = np.array([2, 1] * 6 + [0] * 5)
    raw = np.concatenate([LABELS[0], v[:, None]], 1).ravel().tolist()
    metric = METRICS.build({'type': 'MeanOKS'})
    metric.dataset_meta = {'sigmas': SIGMAS}
    for one in (sample(1, labelled=12, keypoints=raw), sample(2, labelled=12, keypoints=raw[:9])):
        metric.process({}, [one])
    metric.evaluate(2)
    whole, other_joints = metric.people
    assert whole.truth[:, 2].tolist() == v.tolist()
    assert other_joints.truth[:, 2].tolist() == [1] * 12 + [0] * 5


def test_area_from_the_box_where_there_is_none() -> None:
    one = sample(1, error=1.0)
    del one['raw_ann_info']['area']
    assert evaluate(one)['oks/mean'] == pytest.approx(np.exp(-1 / (2 * 0.53)), rel=1e-5)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
    logger.setLevel(level)


def test_boxes_without_identity_give_no_number(log: pytest.LogCaptureFixture) -> None:
    detected = sample(1)
    del detected['raw_ann_info']
    assert evaluate(sample(0), detected) == {}
    assert 'needs ground-truth boxes of a top-down data set' in log.text
    bottom_up = {**sample(1), 'raw_ann_info': [{'id': 1}]}
    assert evaluate(bottom_up) == {}


def test_nobody_with_enough_labels(log: pytest.LogCaptureFixture) -> None:
    assert evaluate(sample(0, labelled=3)) == {}
    assert 'nobody has 5 or more labelled joints' in log.text


def test_result_survives_collection_between_processes(tmp_path: Path) -> None:
    """mmengine rebuilds tuples and lists on the way, so what is kept must not depend on their type."""
    from mmengine.evaluator.metric import _to_cpu

    metric = MeanOKS()
    metric.dataset_meta = {'sigmas': SIGMAS}
    metric.process({}, [sample(7)])
    assert metric.compute_metrics(_to_cpu(metric.results)) == {'mean': 1.0, 'people': 1}


@pytest.mark.filterwarnings('ignore:The metainfo config file')  # it is found in the package
def test_a_skeleton_without_sigmas_is_refused_before_any_picture() -> None:
    """As of 25 of MMPose's metainfo files; the evaluator sets the metainfo when a test is built."""
    meta = parse_pose_metainfo({'from_file': 'configs/_base_/datasets/onehand10k.py'})
    for kind in ('MeanOKS', 'CocoKeypointMetric', 'PoseDiagnosis'):
        with pytest.raises(InputError, match=r'^0 sigmas for 21 joints in the metainfo of onehand10k: OKS .*metainfo='):
            Evaluator(METRICS.build({'type': kind})).dataset_meta = meta
    with pytest.raises(InputError, match='2 sigmas for 3 joints in the metainfo: '):
        MeanOKS().dataset_meta = {'sigmas': [0.1, 0.1], 'num_keypoints': 3}
    with pytest.raises(InputError, match='0 sigmas for all joints'):
        MeanOKS().dataset_meta = {}


def test_converted_joints_need_the_sigmas_of_the_data_set(tmp_path: Path) -> None:
    converter = {'num_keypoints': 2, 'mapping': [(0, 0), (1, 1)]}
    metric = METRICS.build({'type': 'CocoKeypointMetric', 'gt_converter': converter, 'pred_converter': converter})
    meta = {'num_keypoints': 3, 'dataset_name': 'three'}
    with pytest.raises(InputError, match='0 sigmas for 3 joints in the metainfo of three'):
        metric.dataset_meta = {**meta, 'sigmas': []}
    # Whoever only writes predictions down compares nobody.
    options = {'format_only': True, 'nms_mode': 'none', 'outfile_prefix': str(tmp_path / 'x')}
    METRICS.build({'type': 'CocoKeypointMetric', **options}).dataset_meta = {**meta, 'sigmas': []}


def test_flags_below_zero_are_unlabelled_and_null_is_nothing() -> None:
    v = np.array([2] * 12 + [-1] + [0] * 4)
    raw = np.concatenate([LABELS[0], v[:, None]], 1).ravel().tolist()
    one = sample(1, labelled=13, keypoints=raw)
    one['gt_instances']['keypoints_visible'] = np.minimum(1, v)[None].astype(np.float32)
    metric = METRICS.build({'type': 'MeanOKS'})
    metric.dataset_meta = {'sigmas': SIGMAS}
    metric.process({}, [one])
    metric.evaluate(1)
    assert metric.people[0].truth[:, 2].tolist() == [2] * 12 + [0] * 5
    other = sample(1, error=1.0)
    other['raw_ann_info'].update(area=None, keypoints=None)
    assert evaluate(other)['oks/mean'] == pytest.approx(np.exp(-1 / (2 * 0.53)), rel=1e-5)
