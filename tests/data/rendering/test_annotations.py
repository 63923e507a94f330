"""Entries of an annotation file agree with scenes whose masks, boxes and joints are known in closed form."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from posescope.data.annotation_checks import check_annotations, require_people
from posescope.data.body_parts import part_pixels
from posescope.data.rendering.annotations import CATEGORY, assemble, describe_image, describe_people
from posescope.data.rendering.render_folder import RenderSettings
from tests.conftest import ROOT
from tests.data.rendering.flat_scenes import HEIGHT, WIDTH, flat_scene


def test_masks_boxes_and_areas() -> None:
    first, second = describe_people(flat_scene(0, 0), 700)
    # Each is 40 × 30 pixels; the first covers 10 × 35 of the second; the prop covers 4 rows of both.
    assert first['bbox'] == [10, 5, 30, 40]
    assert first['area'] == 40 * 30 - 4 * 30
    assert second['bbox'] == [30, 10, 30, 40]
    assert second['area'] == 40 * 30 - 10 * 35 - 4 * 20
    assert (first['id'], second['id']) == (7000, 7001)
    assert [one['rendered']['person_index'] for one in (first, second)] == [0, 1]


def test_keypoints_follow_the_occlusion_codes() -> None:
    scene = flat_scene(0, 0)
    person = scene.people[0]
    person.joints[:4] = [[12.3456, 7.891, 3], [-0.004, 5, 3], [1, 2, 3], [-30, 2, 3]]
    person.occlusion = np.array([0, 1, 2, 4, 3, *[0] * 12])
    entry = describe_people(scene, 1)[0]
    assert entry['keypoints'][:15] == [12.35, 7.89, 2, 0.0, 5.0, 1, 1.0, 2.0, 1, 0, 0, 0, *entry['keypoints'][12:14], 1]
    assert str(entry['keypoints'][3]) == '0.0'  # not -0.0
    assert entry['num_keypoints'] == 16
    assert entry['rendered']['joints'][3] == [-30, 2, 3]
    assert entry['rendered']['occlusion'] == [0, 1, 2, 4, 3, *[0] * 12]


@pytest.mark.parametrize(
    ('heading', 'sector'), [(0, 0), (22.4, 0), (22.6, 1), (90, 2), (180, 4), (337.4, 7), (337.6, 0), (359.999, 0)]
)
def test_sectors(heading: float, sector: int) -> None:
    scene = flat_scene(0, 0)
    scene.people[0].heading = heading
    rendered = describe_people(scene, 1)[0]['rendered']
    assert rendered['sector'] == sector
    assert 0 <= rendered['heading'] < 360


@pytest.mark.parametrize(('side', 'size'), [(31, 'small'), (32, 'medium'), (95, 'medium'), (96, 'large')])
def test_sizes_are_the_area_ranges_of_coco(side: int, size: str) -> None:
    scene = flat_scene(0, 0)
    scene.part_map = np.zeros((120, 120), np.uint8)
    scene.part_map[:side, :side] = 3
    (entry,) = describe_people(scene, 1)  # of the second person no pixel is visible
    assert (entry['area'], entry['rendered']['size']) == (side**2, size)


def test_pycocotools_and_our_checks_read_the_file(tmp_path: Path) -> None:
    settings = RenderSettings('people', 6, 5)
    scenes = {settings.image_id(index): flat_scene(6, index) for index in range(5)}
    records = [
        {'image': describe_image(scene, i, 6), 'annotations': describe_people(scene, i)} for i, scene in scenes.items()
    ]
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(assemble(settings, records)))
    content = json.loads(path.read_text())
    check_annotations(content, path)
    require_people(content, path)
    assert content['info']['rendered'] is True
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    assert (len(coco.imgs), len(coco.anns)) == (5, 10)
    assert coco.getImgIds()[0] == 600000
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation).astype(bool)
        part_map = scenes[annotation['image_id']].part_map
        np.testing.assert_array_equal(mask, part_pixels(part_map, annotation['rendered']['person_index']))
        assert mask.shape == (HEIGHT, WIDTH)
        assert annotation['area'] == mask.sum()


@pytest.mark.parametrize('seed', [0, 6])
def test_the_truth_has_full_marks_with_pycocotools(tmp_path: Path, seed: int) -> None:
    """It takes what is matched to an annotation of id 0 as matched to none."""
    settings = RenderSettings('people', seed, 2)
    scenes = {settings.image_id(index): flat_scene(seed, index) for index in range(2)}
    records = [
        {'image': describe_image(scene, i, seed), 'annotations': describe_people(scene, i)}
        for i, scene in scenes.items()
    ]
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(assemble(settings, records)))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
        found = coco.loadRes([{**person, 'score': 0.9} for person in coco.anns.values()])
        evaluation = COCOeval(coco, found, 'keypoints')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert len(coco.anns) == 4
    assert evaluation.stats[0] == pytest.approx(1)


def test_the_category_is_that_of_mmpose() -> None:
    info = parse_pose_metainfo({'from_file': str(ROOT / 'configs/_base_/datasets/coco.py')})
    assert CATEGORY['keypoints'] == list(info['keypoint_id2name'].values())
    assert {frozenset(line) for line in CATEGORY['skeleton']} == {
        frozenset(end + 1 for end in line) for line in info['skeleton_links']
    }
