"""Networks by hand, in which the key that all rows point at moves the left wrist, or nothing."""

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from posescope.explain.attention_agreement import attention_agreement
from posescope.explain.crops import Crops
from posescope.explain.explanation import Explainer
from tests.explain.attention_trial.planted_attention import AREA, BASE, pointing
from tests.explain.small_models import HEIGHT, WIDTH, function
from tests.explain.small_models import crops as inputs


def people(labelled: bool = True) -> Crops:
    """Two people whose inputs are their pictures."""
    samples = []
    for person in range(2):
        meta = {'img_id': person, 'ori_shape': (HEIGHT, WIDTH), 'raw_ann_info': {'area': AREA}}
        sample = PoseDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, WIDTH - 1, HEIGHT - 1]], np.float32))
        if labelled:
            sample.gt_instances.keypoints = np.tile(np.array(BASE), (1, 17, 1))
            sample.gt_instances.keypoints_visible = np.ones((1, 17))
        samples.append(sample)
    same = np.tile(np.eye(2, 3), (2, 1, 1))
    return Crops(inputs(2), np.zeros((2, 2)), np.ones((2, 2)), (WIDTH, HEIGHT), same, samples)


@pytest.mark.parametrize('used', [True, False])
def test_agreement_of_one_person(used: bool) -> None:
    explainer = Explainer(pointing(used), ['attention_rollout', 'saliency'], joints=['nose', 'left_wrist'])
    found = attention_agreement(explainer, people(), 1)
    assert list(found) == ['attention_rollout']
    rollout = found['attention_rollout']
    assert rollout['joints']['nose'] == 0  # nothing moves it
    if used:
        assert rollout['joints']['left_wrist'] == rollout['agreement'] == 1
        assert rollout['note'] == 'tested: agreement +1.00 (1 image, too few for an interval)'
    else:
        assert rollout['joints']['left_wrist'] < 0.5


def test_without_labels_or_attention_it_says_why() -> None:
    explainer = Explainer(pointing(True), 'attention_rollout', joints=['nose'])
    found = attention_agreement(explainer, people(labelled=False), 0)['attention_rollout']
    assert found['agreement'] is None
    assert found['note'].startswith('not tested: these crops have no labels')
    plain = Explainer(function('resnet'), 'saliency', joints=['nose'])
    assert attention_agreement(plain, people(), 0) == {}
