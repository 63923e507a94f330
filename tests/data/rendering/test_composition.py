"""Sets drawn from the stated shares pass; a share that was planted wrong is named."""

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from posescope.data.rendering import composition
from posescope.data.rendering.composition import check_composition, check_disjoint, compare
from posescope.errors import InputError


def person(generator: np.random.Generator, image_id: int, identity: int, hidden: float) -> dict[str, Any]:
    """One whose properties have the stated shares, and each of whose joints is hidden with a given probability."""
    small = generator.random() < 0.02
    outside, out_of_sight = generator.random(17) < 0.1, generator.random(17) < hidden
    visible = np.where(outside, 0, np.where(out_of_sight, 1, 2)).tolist()
    return {
        'id': identity,
        'image_id': image_id,
        'keypoints': [value for v in visible for value in (5.0, 5.0, v)],
        'rendered': {
            'sector': int(generator.integers(8)),
            'pose_class': str(generator.choice(list(composition.POSES), p=list(composition.POSES.values()))),
            'size': 'small'
            if small
            else str(generator.choice(list(composition.SIZES), p=list(composition.SIZES.values()))),
            'truncated': bool(generator.random() < 0.15),
            'body_id': f'b{identity}',
            'outfit_id': f'f{identity}',
        },
    }


def drawn_set(num: int, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    images = [{'id': i, 'rendered': {'background_id': f'g{i}'}} for i in range(num)]
    people = []
    for image in images:
        # Beta: pictures differ much in how many joints they hide, as rendered ones do.
        hidden = generator.beta(1.2, 3.2)
        for _ in range(generator.choice([1, 2, 3, 4], p=[0.8, 0.14, 0.04, 0.02])):
            people.append(person(generator, image['id'], len(people), hidden))
    return {'images': images, 'annotations': people}


def test_stated_shares_are_whole() -> None:
    for shares in (composition.PEOPLE, composition.POSES, composition.SIZES):
        assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize('num', [1, 30, 2000])
def test_right_sets_pass(num: int) -> None:
    text = check_composition(drawn_set(num))
    assert len(text.splitlines()) == 2 + len(composition.STATED)
    assert '**off**' not in text


def test_false_alarms_are_rare() -> None:
    alarms = sum(not all(finding.right for finding in compare(drawn_set(60, seed))) for seed in range(150))
    # Bonferroni's bound is 0.15 alarms in 150; three or more would then have probability below 5e-4.
    assert alarms <= 2


def set_a_third(field: str, value: Any) -> Any:
    def change(coco: dict[str, Any]) -> None:
        for one in coco['annotations'][: len(coco['annotations']) // 3]:
            one['rendered'][field] = value

    return change


def lie_down(coco: dict[str, Any]) -> None:
    for one in coco['annotations']:
        one['rendered']['pose_class'] = 'lying'


def hide(coco: dict[str, Any]) -> None:
    for one in coco['annotations']:
        one['keypoints'][2::3] = [1] * 9 + [2] * 8


def one_each(coco: dict[str, Any]) -> None:
    coco['annotations'] = list({one['image_id']: one for one in coco['annotations']}.values())


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (set_a_third('sector', 2), 'heading 90°: .* 12.5 % is stated'),
        (lie_down, r'pose standing: 0 of 383 \(0.0 %\) where 26.0 % is stated.*; 7 of 25 shares are off'),
        (set_a_third('size', 'small'), 'size small: .* 0–5 % is stated'),
        (set_a_third('truncated', True), 'truncated yes: .* 10–20 % is stated'),
        (hide, r'joints hidden: \d+ of \d+ \(52.9 %\) where 20–35 % is stated.* 1 of 25 shares are off'),
        (one_each, r'people 1: 300 of 300 \(100.0 %\) where 80.0 % is stated'),
    ],
)
def test_a_planted_deviation_is_named(change: Any, words: str) -> None:
    coco = drawn_set(300)
    change(coco)
    with pytest.raises(InputError) as raised:
        check_composition(coco)
    assert re.search(words, str(raised.value))
    assert '\n' not in str(raised.value)


def test_bounds_are_those_of_an_exact_test() -> None:
    for finding in compare(drawn_set(300)):
        if finding.share.low != finding.share.high:
            continue
        low, high = (int(bound) for bound in finding.bounds)
        tail = 1e-3 / len(composition.STATED) / 2
        for count, side in ((low - 1, 'less'), (high + 1, 'greater')):
            if 0 <= count <= finding.total:
                assert stats.binomtest(count, finding.total, finding.share.low, side).pvalue <= tail
        for count, side in ((low, 'less'), (high, 'greater')):
            assert stats.binomtest(count, finding.total, finding.share.low, side).pvalue > tail


def test_enough_pictures_have_to_be_within_a_stated_range() -> None:
    for num, right in ((240, True), (250, False)):
        coco = drawn_set(num)
        for index, one in enumerate(coco['annotations']):
            # 37 % on average, where up to 35 % is stated; so different are the people that 240 may be that far off.
            hidden = (0, 0, 4, 10, 17)[index % 5]
            one['keypoints'][2::3] = [1] * hidden + [2] * (17 - hidden)
        finding = next(found for found in compare(coco) if found.share.family == 'joints')
        assert 0.35 < finding.count / finding.total < 0.38
        assert finding.right is right


def test_hidden_joints_are_counted_among_labelled_ones_and_judged_by_the_picture() -> None:
    coco = drawn_set(200)
    visible = np.array([one['keypoints'][2::3] for one in coco['annotations']])
    finding = next(found for found in compare(coco) if found.share.family == 'joints')
    assert (finding.count, finding.total) == ((visible == 1).sum(), (visible > 0).sum())
    # The jackknife over pictures is another estimator of the same standard error.
    ids = np.array([one['image_id'] for one in coco['annotations']])
    ratios = [
        (visible[ids != image] == 1).sum() / (visible[ids != image] > 0).sum() for image in range(200)
    ]  # fmt: skip
    error = np.sqrt(199 / 200 * ((ratios - np.mean(ratios)) ** 2).sum())
    margin = stats.t.isf(1e-3 / len(composition.STATED) / 2, 199) * error
    assert finding.bounds[1] / finding.total == pytest.approx(0.35 + margin, abs=0.05 * margin)


def test_sets_that_share_something_are_named() -> None:
    first, second = drawn_set(20), drawn_set(20, seed=1)
    for coco, offset in ((first, 0), (second, 1000)):
        for image in coco['images']:
            image['id'] += offset
            image['rendered']['background_id'] += str(offset)
        for one in coco['annotations']:
            one['rendered']['body_id'] += str(offset)
            one['rendered']['outfit_id'] += str(offset)
    check_disjoint({'train': first, 'dev': second})
    second['annotations'][3]['rendered']['body_id'] = first['annotations'][5]['rendered']['body_id']
    with pytest.raises(InputError, match='body b50 is in both train and dev; 1 things are in two splits'):
        check_disjoint({'train': first, 'dev': second})


def test_sets_that_cannot_be_judged() -> None:
    coco = drawn_set(3)
    with pytest.raises(InputError, match='holds nobody'):
        check_composition({**coco, 'annotations': []})
    del coco['annotations'][0]['rendered']
    with pytest.raises(InputError, match='not of rendered people'):
        check_composition(coco)
