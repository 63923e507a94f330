"""Labels of a data set, in pixels of the input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.datasets import CocoDataset, CocoWholeBodyDataset

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.dependency.planted_people import people
from tests.explain.small_models import config, function, photograph


@pytest.fixture(scope='module')
def coco(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """Two people on a picture of 200 × 150 pixels."""
    import cv2

    folder = tmp_path_factory.mktemp('coco')
    cv2.imwrite(str(folder / 'a.png'), photograph())
    generator = np.random.default_rng(0)
    annotations = []
    for number, (left, top, width, height) in enumerate(((20, 30, 60, 80), (100, 10, 90, 60))):
        joints = np.column_stack(
            [generator.uniform((left, top), (left + width, top + height), (17, 2)), np.full(17, 2)]
        )
        joints[3, 2], joints[4] = 1, 0
        annotations.append(
            {
                'id': number,
                'image_id': 7,
                'category_id': 1,
                'iscrowd': 0,
                'bbox': [left, top, width, height],
                'area': 1000.0 + number,
                'num_keypoints': 16,
                'keypoints': joints.ravel().tolist(),
            }
        )
    content = {
        'images': [{'id': 7, 'file_name': 'a.png', 'width': 200, 'height': 150}],
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'person'}],
    }
    (folder / 'people.json').write_text(json.dumps(content))
    return folder / 'people.json', annotations


def crops_of(path: Path) -> Crops:
    dataset = CocoDataset(
        str(path),
        data_prefix={'img': str(path.parent) + '/'},
        pipeline=config('resnet').test_dataloader.dataset.pipeline,
        test_mode=True,
    )
    return function('resnet').batch([dataset[0], dataset[1]])


def test_labels(coco: tuple[Path, list[dict]]) -> None:
    crops = crops_of(coco[0])
    found = LabelledPeople.of_crops(crops)
    assert len(found) == 2
    assert found.images.tolist() == [7, 7]
    for person, annotation in enumerate(coco[1]):
        labels = np.reshape(annotation['keypoints'], (17, 3))
        np.testing.assert_array_equal(found.visible[person], labels[:, 2] == 2)
        np.testing.assert_array_equal(np.isfinite(found.truth[person, :, 0]), labels[:, 2] > 0)
        # Areas grow as the crop does: MMPose's box with its padding of 1.25, in the shape of the input.
        width, height = np.array(annotation['bbox'][2:]) * 1.25
        zoom = 96 / max(width, height * 96 / 128)
        assert found.areas[person] == pytest.approx(annotation['area'] * zoom**2, rel=1e-5)
        assert found.roots[person] == pytest.approx(np.sqrt(annotation['area']) * zoom, rel=1e-5)
    back = crops.in_image(found.truth)
    np.testing.assert_allclose(back[0, 0], coco[1][0]['keypoints'][:2], atol=1e-3)


def test_region_is_where_the_picture_is(coco: tuple[Path, list[dict]]) -> None:
    """The second person's crop reaches beyond the picture's right, upper and lower edges, and padding is black."""
    crops = crops_of(coco[0])
    found = LabelledPeople.of_crops(crops)
    black = torch.isclose(crops.inputs, function('resnet').black, atol=1e-4).all(1)
    for person in range(2):
        left, top, right, bottom = found.region[person]
        y, x = np.mgrid[:128, :96]
        outside = (x < left - 1) | (x > right + 1) | (y < top - 1) | (y > bottom + 1)
        assert black[person].numpy()[outside].all()
    assert (found.region[1] != [0, 0, 95, 127]).any()


def test_scenes_are_units_where_twins_share_one(coco: tuple[Path, list[dict]]) -> None:
    assert LabelledPeople.of_crops(crops_of(coco[0]), units=['a', 'b']).images.tolist() == ['a', 'b']


def test_area_of_the_box_where_none_is_labelled(coco: tuple[Path, list[dict]]) -> None:
    crops = crops_of(coco[0])
    with_area = LabelledPeople.of_crops(crops)
    for sample in crops.samples:
        sample.set_metainfo({'raw_ann_info': None})
    found = LabelledPeople.of_crops(crops)
    np.testing.assert_allclose(found.areas / with_area.areas, [0.53 * 4800 / 1000, 0.53 * 5400 / 1001], rtol=1e-5)
    np.testing.assert_array_equal(found.visible, np.isfinite(found.truth[..., 0]))  # the only thing that is known


def test_whole_bodies(coco: tuple[Path, list[dict]], tmp_path: Path) -> None:
    """133 joints, whose annotation holds them in five lists; hands know no 2."""
    content = json.loads(coco[0].read_text())
    generator = np.random.default_rng(1)
    flags = {}
    for annotation in content['annotations']:
        parts = []
        for name, count, highest in (
            ('keypoints', 17, 2),
            ('foot_kpts', 6, 2),
            ('face_kpts', 68, 2),
            ('lefthand_kpts', 21, 1),
            ('righthand_kpts', 21, 1),
        ):
            flag = generator.integers(0, highest + 1, count)
            annotation[name] = np.column_stack([generator.uniform(20, 120, (count, 2)), flag]).ravel().tolist()
            parts.append(flag == highest)
        flags[annotation['id']] = np.concatenate(parts)
        annotation['segmentation'] = []
    (tmp_path / 'whole.json').write_text(json.dumps(content))
    dataset = CocoWholeBodyDataset(
        str(tmp_path / 'whole.json'),
        data_prefix={'img': str(coco[0].parent) + '/'},
        pipeline=config('resnet').test_dataloader.dataset.pipeline,
        test_mode=True,
    )
    found = LabelledPeople.of_crops(function('resnet').batch([dataset[0], dataset[1]]))
    np.testing.assert_array_equal(found.visible, [flags[0], flags[1]])


def test_what_people_lie_on_one_picture_where_ids_are_not_packed(coco: tuple[Path, list[dict]]) -> None:
    crops = crops_of(coco[0])
    for sample in crops.samples:
        del sample.img_id
    assert LabelledPeople.of_crops(crops).images.tolist() == [str(coco[0].parent / 'a.png')] * 2
    for sample in crops.samples:
        del sample.img_path
    with pytest.raises(InputError, match='neither img_id nor img_path'):
        LabelledPeople.of_crops(crops)
    assert LabelledPeople.of_crops(crops, units=[3, 4]).images.tolist() == [3, 4]


def test_only_what_the_crop_shows_can_be_hidden() -> None:
    some = people(1)
    some.region[0] = [0, 0, 30, 100]
    some.truth[0, 0] = [30, 100]
    some.truth[0, 1] = [30, 100.5]
    some.truth[0, 3] = np.nan
    some.visible[0, 6] = False
    expected = [joint for joint in range(17) if (some.truth[0, joint] <= [30, 100]).all() and joint != 6]
    assert np.flatnonzero(some.hideable[0]).tolist() == expected
    assert 0 in expected
    assert 1 not in expected


def test_without_labels() -> None:
    with pytest.raises(InputError, match='no labels, against which a joint could be good'):
        LabelledPeople.of_crops(function('resnet').people_of(photograph(), [[20, 30, 90, 140]]))


def test_some_of_them() -> None:
    some = people(3)
    for chosen in ([2, 0], np.array([True, False, True])):
        found = some.take(chosen)
        rows = np.arange(3)[chosen]
        torch.testing.assert_close(found.inputs, some.inputs[rows.tolist()])
        np.testing.assert_array_equal(found.truth, some.truth[rows])
        np.testing.assert_array_equal(found.images, rows)


def test_what_does_not_fit() -> None:
    some = people(2)
    parts = {name: getattr(some, name) for name in ('inputs', 'truth', 'visible', 'areas', 'images', 'region')}
    with pytest.raises(InputError, match=r'areas of 2 people has to be \(2,\), not \(1,\)'):
        LabelledPeople(**{**parts, 'areas': np.ones(1)})
    with pytest.raises(InputError, match=r'person 1 \(image 1\) has area 0, not > 0'):
        LabelledPeople(**{**parts, 'areas': np.array([1.0, 0.0])})
    with pytest.raises(InputError, match=r'inputs of 2 people'):
        LabelledPeople(**{**parts, 'inputs': some.inputs[:1]})
