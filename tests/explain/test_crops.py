from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.datasets import CocoDataset
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.pose_function import PoseFunction
from tests.explain.small_models import config, function, photograph

BOXES = [[20, 30, 90, 140], [60.5, 10.25, 180, 120]]


@pytest.fixture(scope='module')
def msra() -> PoseFunction:
    return function('resnet')


@pytest.fixture(scope='module')
def udp() -> PoseFunction:
    return function('udp')


@pytest.mark.parametrize('kind', ['msra', 'udp'])
def test_places_go_to_the_picture_and_back(kind: str, request: pytest.FixtureRequest) -> None:
    made: PoseFunction = request.getfixturevalue(kind)
    crops = made.people_of(photograph(), BOXES)
    assert len(crops) == 2
    assert crops.input_size == (96, 128)
    warp = get_udp_warp_matrix if kind == 'udp' else get_warp_matrix
    places = np.random.default_rng(0).uniform(0, 100, (2, 5, 2))
    for number in range(2):
        matrix = warp(crops.input_center[number], crops.input_scale[number], 0, (96, 128))
        expected = places[number] @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(crops.in_input(places)[number], expected, atol=1e-4)
    np.testing.assert_allclose(crops.in_image(crops.in_input(places)), places, atol=1e-4)


@pytest.mark.parametrize('kind', ['msra', 'udp'])
def test_labels_lie_where_mmpose_puts_them(
    kind: str, request: pytest.FixtureRequest, drawn_coco: Path, tmp_path: Path
) -> None:
    made: PoseFunction = request.getfixturevalue(kind)
    pipeline = config('udp' if kind == 'udp' else 'resnet').test_dataloader.dataset.pipeline
    pipeline[-1].pack_transformed = True
    dataset = CocoDataset(
        str(drawn_coco), data_prefix={'img': str(drawn_coco.parent) + '/'}, pipeline=pipeline, test_mode=True
    )
    samples = [dataset[index] for index in range(3)]
    samples[1]['data_samples'].gt_instances.keypoints_visible[0, 4] = 0
    crops = made.batch(samples)
    truth = crops.truth
    assert truth is not None
    assert truth[1, 4].isnan().all()
    for person, sample in enumerate(samples):
        labels = sample['data_samples'].gt_instances
        expected, seen = labels.transformed_keypoints[0], ~truth[person, :, 0].isnan().numpy()
        np.testing.assert_array_equal(seen, labels.keypoints_visible[0] > 0)
        np.testing.assert_allclose(truth[person, seen], expected[seen], atol=1e-3)
    assert crops.samples[2].img_id == samples[2]['data_samples'].img_id


def test_people_from_detections_have_no_labels(msra: PoseFunction, drawn_coco: Path) -> None:
    pipeline = config('resnet').test_dataloader.dataset.pipeline
    dataset = CocoDataset(
        str(drawn_coco),
        bbox_file=str(drawn_coco.parent / 'detections.json'),
        data_prefix={'img': str(drawn_coco.parent) + '/'},
        pipeline=pipeline,
        test_mode=True,
    )
    truth = msra.batch([dataset[0]]).truth
    assert truth is None or truth.isnan().all()
    assert msra.people_of(photograph()).truth is None


def test_samples_that_do_not_tell_where_they_come_from_are_refused(msra: PoseFunction) -> None:
    crops = msra.people_of(photograph(), BOXES)
    del crops.samples[1].input_scale
    with pytest.raises(InputError, match='data samples lack input_scale: let PackPoseInputs'):
        Crops.of_samples(torch.zeros(2, 3, 128, 96), crops.samples, False)
