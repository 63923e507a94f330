from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.structures import PoseDataSample

from posescope.capture.person_samples import box_files, crops_with_udp, pack_rotation, read_batch, read_people
from posescope.errors import CaptureError, InputError


def sample(**meta) -> PoseDataSample:
    known = {
        'id': np.int64(7), 'img_id': 3, 'img_path': 'a/b.png', 'ori_shape': (160, 200), 'input_size': (96, 128),
        'input_center': np.array([50.0, 60.0]), 'input_scale': np.array([75.0, 100.0]),
    }  # fmt: skip
    found = PoseDataSample(metainfo={name: value for name, value in {**known, **meta}.items() if value is not None})
    found.pred_instances = InstanceData(
        keypoints=np.arange(34.0).reshape(1, 17, 2),
        keypoint_scores=np.linspace(0, 1, 17)[None],
        bboxes=np.array([[10.0, 20, 30, 40]]),
        bbox_scores=np.array([0.25]),
    )
    return found


def test_a_person() -> None:
    (row,) = read_people([sample(bbox_rotation=np.array([30.0]))], ('plain', 'mirrored'), udp=True)
    assert row.key == (3, 7)
    assert row.bbox.tolist() == [10, 20, 30, 40]
    assert row.bbox_score == 0.25
    assert (row.rotation, row.udp, row.passes, row.image_path) == (30, True, ('plain', 'mirrored'), 'a/b.png')
    assert row.input_center.tolist() == [50, 60]
    assert row.input_scale.tolist() == [75, 100]
    assert row.keypoints.tolist() == np.arange(34.0).reshape(17, 2).tolist()
    assert row.scores.shape == (17,)


def test_names_as_ids() -> None:
    (row,) = read_people([sample(id='left', img_id='street')], ('plain',))
    assert row.key == ('street', 'left')


@pytest.mark.parametrize('ids', [[1, 2], [], np.array([4])])
def test_a_whole_image(ids) -> None:
    (row,) = read_people([sample(id=ids)], ('plain',))
    assert row.key == (3, None)
    assert row.bbox.tolist() == [0, 0, 200, 160]
    assert row.keypoints.shape == (0, 2)


def test_a_batch_is_its_people() -> None:
    whole = sample(id=[1], img_id='street', bbox_rotation=5.0)
    for samples in ([sample(), sample(id=8, bbox_rotation=np.array([30.0]))], [whole], []):
        batch = read_batch(samples, ('plain',), udp=True)
        assert len(batch) == len(samples)
        for row, given in enumerate(samples):
            (alone,) = read_people([given], ('plain',), udp=True)
            for name in alone.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(batch[row], name), getattr(alone, name), err_msg=name)
    assert batch.keys == []


def test_numbers_are_kept_as_precise_as_they_were() -> None:
    given = sample(input_center=np.array([1 / 3, 60.0]), input_scale=np.float32([75, 100]))
    given.pred_instances.keypoints += 1 / 3
    batch = read_batch([given], ('plain',))
    assert batch.keypoints.dtype == batch.bboxes.dtype == batch.scores.dtype == np.float32
    assert batch.input_centers.dtype == batch.input_scales.dtype == np.float64
    assert batch.input_centers[0, 0] == 1 / 3
    np.testing.assert_array_equal(batch.keypoints, given.pred_instances.keypoints.astype(np.float32))


def test_people_with_other_joints() -> None:
    other = sample(id=8)
    other.pred_instances.keypoints = other.pred_instances.keypoints[:, :5]
    with pytest.raises(CaptureError, match='equally many keypoints'):
        read_batch([sample(), other], ('plain',))
    assert [len(person.keypoints) for person in read_people([sample(), other], ('plain',))] == [17, 5]


def test_what_is_not_packed_is_named() -> None:
    with pytest.raises(InputError, match='data samples lack img_id, input_scale: let PackPoseInputs'):
        read_people([sample(img_id=None, input_scale=None)], ('plain',))


def dataset(*udp: bool | None) -> SimpleNamespace:
    transforms = [SimpleNamespace() if value is None else SimpleNamespace(use_udp=value) for value in udp]
    return SimpleNamespace(pipeline=SimpleNamespace(transforms=transforms))


def test_crops_with_udp() -> None:
    assert crops_with_udp(dataset(None, True))
    assert not crops_with_udp(dataset(None, False))
    assert not crops_with_udp(dataset())
    assert crops_with_udp(SimpleNamespace(dataset=dataset(True)))
    combined = SimpleNamespace(datasets=[dataset(True), dataset(True)], pipeline=SimpleNamespace(transforms=[]))
    assert crops_with_udp(combined)
    with pytest.raises(InputError, match='use_udp differs'):
        crops_with_udp(SimpleNamespace(datasets=[dataset(True), dataset(False)]))


def test_rotation_is_packed_once() -> None:
    pack = PackPoseInputs(meta_keys=('id',))
    packed = SimpleNamespace(dataset=SimpleNamespace(pipeline=SimpleNamespace(transforms=[pack])))
    pack_rotation(packed)
    pack_rotation(packed)
    assert pack.meta_keys == ('id', 'bbox_rotation')


def test_files_of_detected_boxes_are_found_inside_wrappers() -> None:
    labelled, detected = SimpleNamespace(bbox_file=None), SimpleNamespace(bbox_file='dets.json')
    assert box_files(labelled) == box_files(SimpleNamespace()) == box_files(SimpleNamespace(bbox_file='')) == []
    assert box_files(detected) == ['dets.json']
    assert box_files(SimpleNamespace(datasets=[labelled, SimpleNamespace(dataset=detected)])) == ['dets.json']
