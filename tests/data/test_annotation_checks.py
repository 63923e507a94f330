"""Every way in which a COCO-format file can be wrong is named."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from posescope.data.annotation_checks import (
    check_annotations,
    check_for_data_set,
    require_people,
    without_jointless,
)
from posescope.errors import InputError

PERSON = {
    'id': 0, 'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 4, 4], 'area': 9.5, 'keypoints': [1, 2, 2, 0, 0, 0],
}  # fmt: skip
RIGHT = {
    'images': [{'id': 7, 'file_name': 'a.png'}],
    'annotations': [PERSON, {**PERSON, 'id': 1}],
    'categories': [{'id': 1, 'keypoints': ['a', 'b']}],
}


PATH = Path('x.json')


def right() -> dict:
    content = copy.deepcopy(RIGHT)
    content['images'][0].update(width=9, height=9)
    return content


def test_a_right_file_passes() -> None:
    check_annotations(RIGHT, Path('x.json'))
    require_people(RIGHT, Path('x.json'))
    check_annotations({'images': []}, Path('x.json'))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda c: c.pop('images'), '"images" has to be a list'),
        (lambda c: c.update(images=['a.png']), '"images" has to be a list'),
        (lambda c: c.update(annotations={}), '"annotations" has to be a list'),
        (lambda c: c.update(categories=['person']), '"categories" has to be a list'),
        (lambda c: c['images'][0].pop('file_name'), r'images\[0\] lacks file_name'),
        (lambda c: c['images'].append(c['images'][0]), 'images has id 7 more than once'),
        (lambda c: c['annotations'][1].update(id=0), 'annotations has id 0 more than once'),
        (lambda c: c['annotations'][1].update(image_id=8), r'annotations\[1\] is on image_id 8, which images does not'),
        (lambda c: c['annotations'][0].update(image_id=[]), 'image_id'),
        (lambda c: c['annotations'][0].update(bbox=[0, 0, 4]), r'annotations\[0\] has a wrong bbox'),
        (lambda c: c['annotations'][0].update(bbox='1,2,3,4'), 'wrong bbox'),
        (lambda c: c['annotations'][0].update(area=math.inf), 'wrong area: inf'),
        (lambda c: c['annotations'][0].update(keypoints={}), 'wrong keypoints'),
        (lambda c: c['annotations'][0].update(id=1.5), r'has a wrong id: 1\.5; it takes a whole number'),
        (lambda c: c['annotations'][0].update(area=10**400), 'wrong area'),
        (lambda c: c['annotations'][0].update(keypoints=[1, 2]), 'wrong keypoints'),
        (lambda c: c['annotations'][0].update(keypoints=[math.nan, 2, 2, 0, 0, 0]), 'wrong keypoints'),
        (lambda c: [p.update(bbox=[]) for p in c['annotations']], r'\(2 of 2 entries are wrong\)'),
    ],
)
def test_structure(change: Callable, words: str) -> None:
    content = copy.deepcopy(RIGHT)
    change(content)
    with pytest.raises(InputError, match=words):
        check_annotations(content, Path('x.json'))


@pytest.mark.parametrize('content', [3, [RIGHT], None, 'x'])
def test_what_is_no_object(content: object) -> None:
    with pytest.raises(InputError, match=r'x\.json is no COCO-format annotation file'):
        check_annotations(content, Path('x.json'))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda c: c.update(annotations=[]), r'no people with labelled joints \(0 annotations\)'),
        (lambda c: [p.update(keypoints=[0] * 6) for p in c['annotations']], 'no people with labelled joints'),
        (lambda c: c['annotations'][0].update(keypoints=[1, 2, 2]), 'people with 1, 2 joints, its category names 2'),
        (lambda c: c['annotations'][1].pop('area'), r'annotations\[1\] lacks area'),
    ],
)
def test_people(change: Callable, words: str) -> None:
    content = copy.deepcopy(RIGHT)
    change(content)
    with pytest.raises(InputError, match=words):
        require_people(content, Path('x.json'))


def test_annotations_without_joints_are_nobody() -> None:
    """A region of a crowd, and a dog."""
    content = right()
    extra = [{'id': 90, 'image_id': 7, 'iscrowd': 1, 'bbox': [0, 0, 9, 9]}, {'id': 91, 'image_id': 7, 'keypoints': []}]
    content['annotations'] += extra
    check_annotations(content, PATH)
    require_people(content, PATH)
    assert without_jointless(content)['annotations'] == right()['annotations']
    assert without_jointless(right()) == right()


def test_an_area_is_needed_where_it_is_read() -> None:
    content = right()
    for person in content['annotations']:
        del person['area']
    with pytest.raises(InputError, match=r'annotations\[0\] lacks area, which the evaluation needs; use_area=False'):
        require_people(content, PATH)
    require_people(content, PATH, ['bbox', 'category_id'])


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda c: c['images'][0].update(id='one'), r"images\[0\] has the id 'one'; MMPose's data sets need whole"),
        (lambda c: c['images'][0].pop('width'), r'images\[0\] lacks width, which'),
        (lambda c: c['annotations'][0].pop('category_id'), r'annotations\[0\] lacks category_id'),
        (
            lambda c: c['annotations'][1].update(bbox=None),
            r'annotations\[1\] \(id 1\) has joints but null for its bbox',
        ),
        (lambda c: c['annotations'][1].update(bbox=None) or c.pop('categories'), 'null for its bbox'),
    ],
)
def test_what_data_sets_of_mmpose_need(change: Callable, words: str) -> None:
    content = right()
    check_for_data_set(content, PATH)
    change(content)
    if content['images'][0]['id'] == 'one':
        content['annotations'] = []
    with pytest.raises(InputError, match=words):
        check_for_data_set(content, PATH)


@pytest.mark.parametrize('change', [{'keypoints': None, 'bbox': None}, {'keypoints': [], 'bbox': None}])
def test_who_has_no_joints_needs_no_box(change: dict) -> None:
    content = right()
    content['annotations'][1].update(change)
    check_for_data_set(content, PATH)
    del content['annotations'][0]['bbox']  # MMPose leaves such people out
    check_for_data_set(content, PATH)
