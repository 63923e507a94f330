"""GroupKeypointRemoval on crops whose joints are known, and in a real pipeline."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.runner import set_random_seed
from mmpose.datasets import CocoDataset
from mmpose.registry import TRANSFORMS

from posescope.data.transforms import GroupKeypointRemoval
from posescope.errors import InputError
from tests.drawn_people import JOINTS

PLACES = np.array([[x, y] for y in (20, 50, 80, 110) for x in (12, 36, 60, 84)] + [[48, 64]], np.float32)
LINKS = [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7)]


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """Joint i leans on i + 1 (0.3), i + 2 (0.2) and i + 3 (0.1), and not on any other."""
    value = np.zeros((17, 17))
    for away, effect in ((1, 0.3), (2, 0.2), (3, 0.1)):
        value[np.arange(17), (np.arange(17) + away) % 17] = effect
    value[np.arange(17), (np.arange(17) + 8) % 17] = -0.5  # hiding this one helps
    path = tmp_path / 'dependency.json'
    path.write_text(json.dumps({'matrices': {'ks': {'joints': list(JOINTS), 'value': value.tolist()}}}))
    return path


def sample(area: float = 1600.0, visible: np.ndarray | None = None) -> dict:
    """A black crop of a person of twice its size in the picture."""
    return {
        'img': np.zeros((128, 96, 3), np.uint8),
        'transformed_keypoints': PLACES[None],
        'keypoints_visible': np.ones((1, 17), np.float32) if visible is None else visible[None],
        'area': np.float32(4 * area),
        'input_size': (96, 128),
        'input_scale': np.array([192, 256], np.float32),
        'skeleton_links': LINKS,
    }


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_those_that_a_joint_leans_on_most_are_hidden_and_it_stays(matrix):
    transform = GroupKeypointRemoval(matrix, count=2)
    seen = np.ones(17, bool)
    groups = {tuple(transform.choose(seen, transform.dependency.value, generator(seed))) for seed in range(300)}
    assert groups == {((i + 1) % 17, (i + 2) % 17) for i in range(17)}
    seen[[1, 4]] = False
    groups = {tuple(transform.choose(seen, transform.dependency.value, generator(seed))) for seed in range(300)}
    assert (2, 3) in groups, 'of joint 0, whose first is not there to be hidden'
    assert not any({1, 4} & set(group) for group in groups)


def test_a_group_may_be_smaller_and_nobody_leans_on_what_helps(matrix):
    transform = GroupKeypointRemoval(matrix, count=9)
    assert {len(transform.choose(np.ones(17, bool), transform.dependency.value, generator(s))) for s in range(40)} == {
        3
    }
    assert transform.choose(np.ones(17, bool), np.zeros((17, 17)), generator()) == []
    assert transform.choose(np.zeros(17, bool), transform.dependency.value, generator()) == []


def test_apart_takes_no_two_that_lean_on_each_other(matrix):
    transform = GroupKeypointRemoval(matrix, count=3, remove='apart')
    for seed in range(100):
        taken = transform.choose(np.ones(17, bool), transform.dependency.value, generator(seed))
        assert len(taken) == 3
        assert min(min((a - b) % 17, (b - a) % 17) for a in taken for b in taken if a != b) > 3


def test_discs_have_the_radius_in_roots_of_the_area_and_hide_the_chosen_joints(matrix):
    transform = GroupKeypointRemoval(matrix, count=2, radius=0.15)
    for seed in range(20):
        chosen = transform.choose(np.ones(17, bool), transform.dependency.value, generator(seed))
        mask = transform.hidden(sample(), generator(seed))
        hides = [joint for joint, (x, y) in enumerate(PLACES.astype(int)) if mask[y, x]]
        assert sorted(hides) == sorted(chosen)
        assert mask.sum() == 2 * 113  # lattice points within 6 = 0.15 · √1600 of one of them


def test_the_control_hides_exactly_as_many_pixels_of_each_person(matrix):
    made = GroupKeypointRemoval(matrix, count=3, radius=0.3)
    control = GroupKeypointRemoval(matrix, count=3, radius=0.3, where='anywhere')
    differs = 0
    for seed in range(40):
        visible = (generator(seed).random(17) < 0.7).astype(np.float32)
        first, second = (one.hidden(sample(visible=visible), generator(seed)) for one in (made, control))
        assert first.sum() == second.sum() > 0
        differs += (first != second).any()
    assert differs == 40


def test_the_control_needs_no_matrix():
    control = GroupKeypointRemoval(where='anywhere', count=2)
    areas = [control.hidden(sample(), generator(seed)).sum() for seed in range(20)]
    assert set(areas) == {2 * 113}


def test_joints_outside_of_the_crop_or_unlabelled_are_not_hidden(matrix):
    transform = GroupKeypointRemoval(matrix, count=3)
    out = sample(visible=np.r_[np.ones(3), np.zeros(14)].astype(np.float32))
    out['transformed_keypoints'] = PLACES[None].copy()
    out['transformed_keypoints'][0, 2] = (96, 40)
    assert {
        tuple(transform.choose(np.arange(17) < 2, transform.dependency.value, generator(s))) for s in range(20)
    } == {(1,)}
    for seed in range(10):
        mask = transform.hidden(out, generator(seed))
        assert mask[20, 36]
        assert mask.sum() == 113


@pytest.mark.parametrize('fill', ['noise', 'mean'])
def test_what_is_not_hidden_stays_and_labels_too(matrix, fill):
    transform = TRANSFORMS.build({'type': 'GroupKeypointRemoval', 'dependency': matrix, 'prob': 1.0, 'fill': fill})
    results = sample()
    results['img'] = generator().integers(0, 256, (128, 96, 3), dtype=np.uint8)
    before = results['img'].copy()
    set_random_seed(3)
    found = transform(results)
    changed = (found['img'] != before).any(-1)
    assert changed.sum() > 0.9 * 3 * 113
    assert changed.sum() <= 3 * 113
    assert found['img'].dtype == np.uint8
    np.testing.assert_array_equal(found['transformed_keypoints'], PLACES[None])
    np.testing.assert_array_equal(found['keypoints_visible'], 1)


def test_probability_and_seed(matrix):
    striped = sample()
    striped['img'] += 100
    striped['img'][::2] += 40
    transform = GroupKeypointRemoval(matrix, prob=0.3)
    set_random_seed(0)
    hit = sum(bool((transform(dict(striped))['img'] != striped['img']).any()) for _ in range(300))
    assert hit == pytest.approx(90, abs=4 * np.sqrt(300 * 0.3 * 0.7))
    transform = GroupKeypointRemoval(matrix, prob=1.0)
    pictures = []
    for seed in (5, 5, 6):
        set_random_seed(seed)
        pictures.append(transform(dict(striped))['img'])
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] != pictures[2]).any()


def test_a_placebo_hides_other_joints_as_often(matrix):
    placebo = GroupKeypointRemoval(matrix, count=2, permute=4)
    groups = {tuple(placebo.choose(np.ones(17, bool), placebo.dependency.value, generator(s))) for s in range(300)}
    assert len(groups) == 17
    assert groups != {((i + 1) % 17, (i + 2) % 17) for i in range(17)}


def test_in_a_pipeline_joints_of_the_matrix_are_matched_by_name(matrix, drawn_coco: Path):
    content = json.loads(matrix.read_text())['matrices']['ks']
    order = generator(1).permutation(17)
    turned = {
        'joints': [content['joints'][i] for i in order],
        'value': np.array(content['value'])[np.ix_(order, order)].tolist(),
    }
    shuffled = matrix.with_name('shuffled.json')
    shuffled.write_text(json.dumps(turned))

    def crops(path: Path) -> list[np.ndarray]:
        data = CocoDataset(
            ann_file=str(drawn_coco),
            data_prefix={'img': str(drawn_coco.parent)},
            pipeline=[
                {'type': 'LoadImage'},
                {'type': 'GetBBoxCenterScale'},
                {'type': 'TopdownAffine', 'input_size': (96, 128)},
                {'type': 'GroupKeypointRemoval', 'dependency': str(path), 'prob': 1.0, 'fill': 'texture'},
                {'type': 'PackPoseInputs'},
            ],
        )
        set_random_seed(0)
        return [data[index]['inputs'].numpy() for index in range(4)]

    for one, other in zip(crops(matrix), crops(shuffled), strict=True):
        assert (one == other).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({}, 'needs dependency='),
        ({'where': 'anywere'}, 'nearest are anywhere'),
        ({'where': 'anywhere', 'fill': 'noisy'}, 'nearest are noise'),
        ({'where': 'anywhere', 'remove': 'groups'}, 'nearest are group'),
        ({'where': 'anywhere', 'prob': 1.5}, 'prob is from 0 to 1'),
        ({'where': 'anywhere', 'count': 0}, 'count 1 or more'),
        ({'dependency': 'none.json'}, 'none.json does not exist'),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        GroupKeypointRemoval(**options)


def test_it_says_where_it_has_to_stand_and_whose_joints_it_needs(matrix):
    early = sample()
    del early['input_scale']
    transform = GroupKeypointRemoval(matrix, prob=1.0)
    with pytest.raises(InputError, match='after TopdownAffine'):
        transform(early)
    fewer = sample()
    fewer['transformed_keypoints'], fewer['keypoints_visible'] = PLACES[None, :5], np.ones((1, 5))
    with pytest.raises(InputError, match='is of 17 joints, and the data set has 5'):
        transform(fewer)


def test_bones_are_those_of_the_data_set_that_the_pipeline_belongs_to():
    """Converted joints still come with the skeleton of where they came from."""
    given = {**sample(), 'skeleton_links': [(20, 24)]}
    given['dataset'] = SimpleNamespace(metainfo={'skeleton_links': LINKS})
    transform = GroupKeypointRemoval(count=2, where='anywhere')
    hidden = transform.hidden(given, generator())
    assert np.array_equal(hidden, transform.hidden(sample(), generator()))
    assert hidden.any()
