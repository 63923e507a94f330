"""Reading people from annotations with faults and with regions of crowds."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from posescope.errors import InputError
from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.people import people_from_coco
from tests.evaluation.drawn_detections import draw, matched


def content(people: int = 3) -> dict[str, Any]:
    return {
        'images': [{'id': image} for image in range(people)],
        'annotations': [
            {
                'id': 10 + image,
                'image_id': image,
                'category_id': 1,
                'bbox': [0, 0, 20, 10],
                'area': 100.0,
                'keypoints': [1, 2, 2, 3, 4, 0],
            }
            for image in range(people)
        ],
        'categories': [{'id': 1, 'name': 'person'}],
    }


def region(**joints: Any) -> dict[str, Any]:
    """A crowd, as COCO's files of persons have them beside people."""
    return {'id': 99, 'image_id': 0, 'category_id': 1, 'bbox': [0, 0, 90, 90], 'area': 500.0, 'iscrowd': 1, **joints}


@pytest.mark.parametrize('joints', [{}, {'keypoints': []}, {'keypoints': None}])
def test_a_region_without_joints_beside_people_is_nobody(
    joints: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr('posescope.evaluation.people.print_log', lambda text, *_: said.append(text))
    plain, (detections, _) = draw(0)
    crowded = copy.deepcopy(plain)
    crowded['annotations'].insert(1, {**region(**joints), 'id': 10_000})
    people = people_from_coco(crowded)
    assert people.ids.tolist() == [person['id'] for person in plain['annotations']]
    assert said == [f'1 of {len(people) + 1} annotations are left out: they have no joints']
    expected = AveragePrecision(matched(plain, detections)).statistics()
    assert AveragePrecision(matched(crowded, detections)).statistics() == expected
    assert expected['AP'] > 0.1


def test_parts_of_a_whole_body_are_joints_too() -> None:
    body = content(1)
    body['annotations'][0] |= {'foot_kpts': [5, 6, 2]}
    del body['annotations'][0]['keypoints']
    body['annotations'].append(region())
    people = people_from_coco(body, 'keypoints_foot')
    assert people.keypoints.tolist() == [[[5, 6, 2]]]


def test_nobody_with_joints_is_a_fault_and_not_an_empty_data_set() -> None:
    with pytest.raises(InputError, match='annotation 99 lacks keypoints'):
        people_from_coco({**content(), 'annotations': [region()]})


def test_area_is_asked_for_only_where_it_is_used() -> None:
    boxes = content()
    for person in boxes['annotations']:
        del person['area']
    assert people_from_coco(boxes, use_area=False).areas.tolist() == [0.53 * 200] * 3
    with pytest.raises(InputError, match=r'annotation 10 lacks area \(3 of 3 annotations are wrong\); use_area=False'):
        people_from_coco(boxes)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c['annotations'][1].pop('category_id'), 'annotation 11 lacks category_id'),
        (lambda c: c['annotations'][1].pop('image_id'), 'annotation 11 lacks image_id'),
        (lambda c: c['annotations'][1].pop('id'), r'annotations\[1\] lacks id'),
        (lambda c: c['annotations'][1].update(bbox=[]), 'annotation 11 has 0 numbers in bbox: it takes x, y, width'),
        (lambda c: c['annotations'][1].update(bbox=None), 'annotation 11 has 0 numbers in bbox'),
        (lambda c: c['annotations'][1].update(bbox=[1, 2, 3]), 'annotation 11 has 3 numbers in bbox'),
        (lambda c: c['images'][2].update(id=2.5), 'image id 2.5 is neither a whole number nor a text'),
        (lambda c: c['images'][2].pop('id'), r'image number 2 lacks id \(1 of 3\)'),
        (lambda c: c['categories'][0].update(id=1.0), 'category id 1.0 is neither'),
    ],
)
def test_faults_are_named(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    broken = content()
    change(broken)
    with pytest.raises(InputError, match=message):
        people_from_coco(broken)
