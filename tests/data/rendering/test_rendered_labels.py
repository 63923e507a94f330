"""Real pictures: what the files of a rendered set say agrees with each other and with the part maps."""

import contextlib
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from posescope.data.body_parts import BODY_PARTS, PEOPLE_STRIDE, part_map_path, part_pixels, read_part_map
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.digests import picture_digests
from posescope.data.rendering.render_folder import RenderSettings

pytestmark = pytest.mark.skipif(importlib.util.find_spec('anny') is None, reason='needs the extra posescope[render]')

SETTINGS = RenderSettings('people', 77, 3)
JOINT_PARTS = {'left_wrist': ('left_forearm', 'left_hand'), 'right_wrist': ('right_forearm', 'right_hand')}


@pytest.fixture(scope='module')
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, COCO]:
    out = tmp_path_factory.mktemp('rendered')
    render_dataset(out, SETTINGS, 1)
    with contextlib.redirect_stdout(io.StringIO()):
        return out, COCO(str(out / 'annotations/people.json'))


def test_every_pixel_of_a_person_has_one_owner(rendered: tuple[Path, COCO]) -> None:
    out, coco = rendered
    for image in coco.dataset['images']:
        path = out / 'people' / image['file_name']
        part_map = read_part_map(part_map_path(path))
        with Image.open(path) as picture:
            assert picture.size == part_map.shape[::-1] == (image['width'], image['height'])
            assert np.array(picture).std() > 10
        assert set(np.unique(part_map[part_map < 255]) % PEOPLE_STRIDE) <= {0, *BODY_PARTS.values()}
        owners = np.zeros(part_map.shape, int)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=image['id'])):
            mask = coco.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, part_pixels(part_map, annotation['rendered']['person_index']))
            assert annotation['area'] == mask.sum() > 0
            rows, columns = np.nonzero(mask)
            x, y, width, height = annotation['bbox']
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width - 1, y + height - 1) == (columns.max(), rows.max())
            owners += mask
        np.testing.assert_array_equal(owners == 1, (part_map % PEOPLE_STRIDE > 0) & (part_map < 255))


def test_joints_and_codes_agree(rendered: tuple[Path, COCO]) -> None:
    _, coco = rendered
    for annotation in coco.dataset['annotations']:
        image = coco.imgs[annotation['image_id']]
        x, y, v = np.array(annotation['keypoints']).reshape(17, 3).T
        true = annotation['rendered']
        joints, codes = np.array(true['joints']), np.array(true['occlusion'])
        np.testing.assert_array_equal(v, np.where(codes == 0, 2, np.where(codes == 4, 0, 1)))
        inside = v > 0
        np.testing.assert_array_equal(np.c_[x, y][inside], joints[inside, :2])
        assert not np.c_[x, y][~inside].any()
        margin = 0.5 + 0.005
        assert (joints[inside, :2] >= -margin).all()
        assert (joints[inside, :2] <= [image['width'] - 1 + margin, image['height'] - 1 + margin]).all()
        assert annotation['num_keypoints'] == inside.sum()
        assert true['truncated'] or inside.all()
        assert (joints[:, 2] > 0).all()


def test_heading_is_that_of_the_joints(rendered: tuple[Path, COCO]) -> None:
    _, coco = rendered
    judged = 0
    for annotation in coco.dataset['annotations']:
        true = annotation['rendered']
        if true['pose_class'] not in ('standing', 'walking'):
            continue
        depth = np.array(true['joints'])[:, 2]
        # Who faces the right of the picture (90°) turns the left side of the body away from the camera.
        nearer_on_the_left = depth[[6, 12]].mean() - depth[[5, 11]].mean()
        sine = np.sin(np.radians(true['heading']))
        assert abs(sine) < 0.4 or np.sign(nearer_on_the_left) == -np.sign(sine)
        judged += abs(sine) >= 0.4
    assert judged


def test_a_visible_wrist_lies_on_its_own_arm(rendered: tuple[Path, COCO]) -> None:
    out, coco = rendered
    names = coco.cats[1]['keypoints']
    seen = 0
    for annotation in coco.dataset['annotations']:
        part_map = read_part_map(part_map_path(out / 'people' / coco.imgs[annotation['image_id']]['file_name']))
        joints = np.array(annotation['keypoints']).reshape(17, 3)
        for joint, parts in JOINT_PARTS.items():
            x, y, v = joints[names.index(joint)]
            if v == 2:
                rows, columns = np.nonzero(part_pixels(part_map, annotation['rendered']['person_index'], *parts))
                assert np.hypot(columns - x, rows - y).min() <= 2
                seen += 1
    assert seen >= 2


@pytest.mark.long
def test_the_same_pixels_twice_and_on_two_processes(rendered: tuple[Path, COCO], tmp_path: Path) -> None:
    out, coco = rendered
    again = render_dataset(tmp_path, SETTINGS, 2)
    assert picture_digests(again) == picture_digests(coco.dataset)
    for path in sorted(path for path in out.rglob('*') if path.is_file()):
        assert path.read_bytes() == (tmp_path / path.relative_to(out)).read_bytes()
