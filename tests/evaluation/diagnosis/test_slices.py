from typing import Any

import numpy as np
import pytest

from posescope.evaluation.diagnosis.error_classes import NO_CLASS, ErrorClass, JointErrors
from posescope.evaluation.diagnosis.populations import populations
from posescope.evaluation.diagnosis.shares import difference, share
from posescope.evaluation.diagnosis.slices import compare_joints, compare_slices
from posescope.evaluation.people import people_from_coco
from tests.evaluation.diagnosis.planted import people_at


def person(
    identity: int, image: int, bbox: list[float], visible: tuple[int, ...] = (2, 1), **more: Any
) -> dict[str, Any]:
    joints = [value for v in visible for value in (bbox[0] + 1, bbox[1] + 1, v)]
    return {
        'id': identity,
        'image_id': image,
        'category_id': 1,
        'bbox': bbox,
        'area': bbox[2] * bbox[3],
        'keypoints': joints,
        **more,
    }  # fmt: skip


def test_populations() -> None:
    rendered = {'sector': 2, 'pose_class': 'sitting', 'truncated': True, 'unoccluded': True}
    content = {
        'images': [{'id': 7, 'width': 200, 'height': 100}, {'id': 9}],
        'categories': [{'id': 1, 'name': 'person'}],
        'annotations': [
            person(1, 7, [10, 10, 20, 20]),
            person(2, 7, [20, 10, 20, 20]),
            person(3, 7, [120, 50, 80, 50], (2, 0)),
            person(4, 9, [0, 0, 100, 100], rendered=rendered),
        ],
    }  # fmt: skip
    found = {name: rows[:, 0].tolist() for name, rows in populations(content, people_from_coco(content)).items()}
    # The second joint tells hidden from visible; the first is visible in everybody.
    assert populations(content, people_from_coco(content))['visibility'][:, 1].tolist() == [
        'hidden',
        'hidden',
        '',
        'hidden',
    ]
    assert found['truncation'] == ['inside', 'inside', "at the picture's edge", '']
    assert found['crowding'] == ['IoU over .1', 'IoU over .1', 'no overlap', 'no overlap']
    assert found['people per picture'] == ['3 to 5', '3 to 5', '3 to 5', '1']
    assert found['size'] == ['small', 'small', 'medium', 'large']
    assert found['pose'] == ['', '', '', 'sitting']
    assert found['heading'] == ['', '', '', '90°']


def test_what_the_renderer_did_not_tell_makes_no_population() -> None:
    content = {
        'images': [{'id': 7, 'width': 200, 'height': 100}],
        'categories': [{'id': 1, 'name': 'person'}],
        'annotations': [
            person(1, 7, [10, 10, 20, 20], rendered={'sector': 4}),
            person(2, 7, [60, 10, 20, 20], rendered={'truncated': True}),
            person(3, 7, [0, 50, 80, 50], rendered={'pose_class': 'lying', 'truncated': False}),
            person(4, 7, [100, 50, 80, 50], rendered=None),
        ],
    }  # fmt: skip
    found = {name: rows[:, 0].tolist() for name, rows in populations(content, people_from_coco(content)).items()}
    assert found['truncation'] == ['inside', "at the picture's edge", 'inside', "at the picture's edge"]
    assert found['heading'] == ['180° (back)', '', '', '']
    assert found['pose'] == ['', '', 'lying', '']
    del content['annotations'][2]['rendered']['pose_class']
    assert 'pose' not in populations(content, people_from_coco(content))


def test_share_of_independent_joints_is_near_the_binomial() -> None:
    """One joint an image: the cluster variance is the binomial one, so the interval is Wilson's with t for z."""
    counts = np.array([1] * 30 + [0] * 170)
    found = share(counts, np.ones(200, int))
    assert (found.part, found.whole, found.images) == (30, 200, 200)
    # Wilson's interval of 30 in 200 (Newcombe 1998, method 3).
    assert (found.low, found.high) == pytest.approx((0.107, 0.206), abs=2e-3)


def test_share_of_joints_that_go_together() -> None:
    """Ten equal joints an image tell no more than one does."""
    counts = np.array([1] * 30 + [0] * 170)
    one, ten = share(counts, np.ones(200, int)), share(10 * counts, np.full(200, 10))
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high), abs=1e-12)


def test_few_images_have_no_interval_and_no_test() -> None:
    found = share(np.arange(49) % 2, np.ones(49, int))
    assert found.value == pytest.approx(24 / 49)
    assert np.isnan([found.low, found.high]).all()
    gap, p = difference(np.arange(49) % 2, np.ones(49, int), np.zeros(49, int), np.ones(49, int))
    assert gap == pytest.approx(24 / 49)
    assert np.isnan(p)
    assert np.isnan(share(np.zeros(60, int), np.zeros(60, int)).value)


def test_nothing_found_is_no_certainty() -> None:
    found = share(np.zeros(100, int), np.full(100, 17))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.037, abs=3e-3)  # as 0 of 100 joints


def test_coverage() -> None:
    """Of 95 % intervals over joints that go together on an image, 93 to 97 % cover the truth."""
    rng = np.random.default_rng(0)
    covered = []
    for truth in (0.05, 0.3):
        for _ in range(3000):
            totals = rng.integers(1, 30, 120)
            rate = rng.beta(truth * 6, (1 - truth) * 6, 120)
            found = share(rng.binomial(totals, rate), totals)
            covered.append(found.low <= truth <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_false_discoveries_and_a_planted_difference() -> None:
    """Half of the people are of a kind that misses more; another division of them means nothing."""
    rng = np.random.default_rng(0)
    people = people_at(np.zeros((400, 5, 2)), np.full(400, 100.0))
    hard = np.arange(400) % 2 == 0
    missed = rng.random((400, 5)) < np.where(hard, 0.3, 0.1)[:, None]
    classes = np.where(missed, ErrorClass.MISS, ErrorClass.GOOD).astype(np.int8)
    errors = JointErrors(classes, np.ones((400, 5)), np.zeros((400, 5), bool), np.arange(400))
    families = {
        'real': np.where(hard, 'hard', 'easy')[:, None].repeat(5, 1),
        'none': rng.choice(['a', 'b', 'c'], 400)[:, None].repeat(5, 1),
    }
    cells = compare_slices(errors, people, families)
    assert {cell.family for cell in cells if cell.marked} == {'real'}
    assert len([cell for cell in cells if cell.marked]) == 4
    miss = next(cell for cell in cells if cell.population == 'hard' and cell.error == ErrorClass.MISS)
    assert miss.share.part == missed[hard].sum()
    assert miss.difference == pytest.approx(missed[hard].mean() - missed[~hard].mean())


def test_p_is_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(600):
        rate = rng.beta(2, 6, 150)
        totals = rng.integers(1, 10, (2, 150))
        first, second = rng.binomial(totals, rate)
        found.append(difference(first, totals[0], second, totals[1])[1])
    assert np.mean(np.array(found) < 0.05) <= 0.07


def test_joints_are_compared_with_all_others() -> None:
    """One joint in five is missed more often; people and images go together, and joints of one name stay apart."""
    rng = np.random.default_rng(0)
    people = people_at(np.zeros((400, 5, 2)), np.full(400, 100.0), np.arange(400) // 2)
    rate = rng.beta(2, 10, 200)[np.arange(400) // 2][:, None] + np.array([0, 0, 0.3, 0, 0])
    missed = rng.random((400, 5)) < rate
    classes = np.where(missed, ErrorClass.MISS, ErrorClass.GOOD).astype(np.int8)
    classes[:100, 4] = NO_CLASS
    errors = JointErrors(classes, np.ones((400, 5)), np.zeros((400, 5), bool), np.arange(400))
    rows = compare_joints(errors, people, ['a', 'b', 'c', 'd', 'd'])
    assert [[cell.error for cell in cells] for cells in rows] == [[ErrorClass.GOOD, ErrorClass.MISS]] * 5
    assert [cells[1].share.whole for cells in rows] == [400, 400, 400, 400, 300]
    miss = rows[2][1]
    assert miss.marked
    per_image = missed[:, 2].reshape(200, 2).sum(1)
    assert miss.share == share(per_image, np.full(200, 2))
    others = np.delete(classes, 2, 1)
    assert miss.difference == pytest.approx(missed[:, 2].mean() - (others == ErrorClass.MISS).sum() / 1500)


def test_equal_joints_are_seldom_marked() -> None:
    """Where no joint differs, a mark anywhere is as rare as the false discovery rate says."""
    rng = np.random.default_rng(0)
    people = people_at(np.zeros((100, 5, 2)), np.full(100, 100.0))
    found = []
    for _ in range(200):
        missed = rng.random((100, 5)) < rng.beta(3, 6, (100, 1))
        classes = np.where(missed, ErrorClass.MISS, ErrorClass.GOOD).astype(np.int8)
        errors = JointErrors(classes, np.ones((100, 5)), np.zeros((100, 5), bool), np.arange(100))
        found.append(any(cell.marked for cells in compare_joints(errors, people, list('abcde')) for cell in cells))
    assert np.mean(found) <= 0.1
