"""RandomiseRegionColour on drawn people of either kind."""

import types
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed
from mmpose.datasets import CocoDataset

from posescope.data.body_parts import part_map_path, part_pixels, read_part_map
from posescope.data.transforms import RandomiseRegionColour
from posescope.errors import InputError
from tests.drawn_rendered_people import write_drawn_rendered_people

ARMS = ('left_forearm', 'right_forearm')
ELBOW, WRIST = 7, 9


def loaded(**place) -> CocoDataset:
    with DefaultScope.overwrite_default_scope('mmpose'):
        return CocoDataset(**place, pipeline=[{'type': 'LoadImage'}])


@pytest.fixture(scope='module')
def rendered(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    """Grey people, two to a picture."""
    root = tmp_path_factory.mktemp('rendered')
    write_drawn_rendered_people(root, 2, people=2)
    return loaded(ann_file='annotations/people.json', data_root=str(root), data_prefix={'img': 'people'})


@pytest.fixture(scope='module')
def real(drawn_coco: Path) -> CocoDataset:
    """People of whom only joints are known."""
    return loaded(ann_file=str(drawn_coco), data_prefix={'img': str(drawn_coco.parent)})


def changed(data: CocoDataset, index: int, seed: int = 0, **options) -> tuple[np.ndarray, np.ndarray, dict]:
    """The picture before and after, and the sample."""
    set_random_seed(seed)
    results = data[index]
    before = results['img'].copy()
    return before, RandomiseRegionColour(prob=1.0, **options)(results)['img'], results


@pytest.mark.parametrize('colour', ['affine', 'texture'])
def test_the_parts_change_and_nothing_else(rendered, colour):
    for index in range(4):
        before, after, results = changed(rendered, index, parts=ARMS, colour=colour)
        part_map = read_part_map(part_map_path(results['img_path']))
        arms = part_pixels(part_map, results['raw_ann_info']['rendered']['person_index'], *ARMS)
        differs = (before != after).any(-1)
        assert not differs[~arms].any()
        assert differs[arms].mean() > 0.9


def test_the_hue_turns_and_brightness_stays(real):
    before, after, results = changed(real, 0, joints=['left_knee'], colour='hue')
    assert (before.max(-1).astype(int) - after.max(-1)).__abs__().max() <= 1, "the value of HSV is a pixel's maximum"
    assert (before != after).any()
    x, y = results['keypoints'][0, 13].astype(int)
    rows, columns = np.nonzero((before != after).any(-1))
    radius = 0.15 * float(results['area']) ** 0.5
    assert np.hypot(columns - x, rows - y).max() <= radius + 1.5


def test_the_affine_change_is_one_gain_and_offset_a_channel(rendered):
    before, after, _ = changed(rendered, 1, parts=['torso'], colour='affine', strength=0.3)
    differs = (before != after).any(-1)
    for channel in range(3):
        x, y = (image[differs][:, channel].astype(float) for image in (before, after))
        inside = (y > 0) & (y < 255)
        gain, offset = np.polyfit(x[inside], y[inside], 1)
        assert np.abs(gain * x + offset - y)[inside].max() < 1.1
        assert abs(gain - 1) <= 0.31
        assert abs(offset) <= 0.3 * 128 + 5


def test_the_placebo_changes_as_many_pixels_elsewhere_on_the_person(rendered):
    transform = RandomiseRegionColour(parts=ARMS, where='anywhere', colour='texture', prob=1.0)
    for seed in range(6):
        set_random_seed(seed)
        results = rendered[0]
        part_map = read_part_map(part_map_path(results['img_path']))
        person = results['raw_ann_info']['rendered']['person_index']
        arms, body = part_pixels(part_map, person, *ARMS), part_pixels(part_map, person)
        before = results['img'].copy()
        differs = (before != transform(results)['img']).any(-1)
        assert not differs[arms].any()
        assert not differs[~body].any()
        assert 0.9 * arms.sum() < differs.sum() <= arms.sum()


def test_bones_are_capsules_for_people_without_part_maps(real):
    results = real[1]
    region = RandomiseRegionColour(bones=[('left_elbow', 'left_wrist')], radius=0.05).region(results)
    ends = results['keypoints'][0, [ELBOW, WRIST]]
    radius = max(0.05 * float(results['area']) ** 0.5, 1)
    length = np.hypot(*(ends[0] - ends[1]))
    assert region.sum() == pytest.approx(2 * radius * length + np.pi * radius**2, rel=0.25)
    x, y = ends.mean(0).round().astype(int)
    assert region[y, x]
    placebo = RandomiseRegionColour(bones=[('left_elbow', 'left_wrist')], where='anywhere', colour='texture', prob=1.0)
    before = results['img'].copy()
    assert (placebo(results)['img'] != before).any()


def test_unlabelled_joints_have_no_region(real):
    results = real[0]
    results['keypoints_visible'][:] = 0
    before = results['img'].copy()
    assert (RandomiseRegionColour(joints=['nose'], colour='texture', prob=1.0)(results)['img'] == before).all()


def test_probability_is_that_of_samples(real):
    results = real[0]
    transform = RandomiseRegionColour(joints=['left_hip'], colour='texture', prob=0.25)
    set_random_seed(1)
    hit = sum((transform(dict(results))['img'] != results['img']).any() for _ in range(300))
    assert hit == pytest.approx(75, abs=4 * np.sqrt(300 * 0.25 * 0.75))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({}, 'needs parts, joints, or bones'),
        ({'bones': [('a', 'b', 'c')]}, 'needs parts, joints, or bones'),
        ({'parts': ['left_forarm']}, "no part 'left_forarm'; nearest: left_forearm"),
        ({'joints': ['nose'], 'colour': 'hues'}, 'nearest are hue'),
        ({'joints': ['nose'], 'where': 'here'}, 'nearest are anywhere'),
        ({'joints': ['nose'], 'prob': 2}, 'each is from 0 to 1'),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        RandomiseRegionColour(**options)


def test_what_does_not_fit_the_data_is_named(real, rendered):
    with pytest.raises(InputError, match="no joint 'left_hnad'; nearest: left_"):
        RandomiseRegionColour(joints=['left_hnad'], prob=1.0)(real[0])
    with pytest.raises(InputError, match='has no "rendered" object'):
        RandomiseRegionColour(parts=['head'], prob=1.0)(real[0])
    named = types.SimpleNamespace(metainfo={'num_keypoints': 2, 'keypoint_id2name': {0: 'x+', 1: 'x-'}})
    results = {**real[0], 'dataset': named, 'keypoints': np.full((1, 2, 2), 9.0), 'keypoints_visible': np.ones((1, 2))}
    with pytest.raises(InputError, match=r"joint 'X' may be x\+ or x-; spell it"):
        RandomiseRegionColour(joints=['X'], prob=1.0)(dict(results))
    assert RandomiseRegionColour(joints=['x-'], prob=1.0)._names(results, 2) == {'x-': 1}
    with pytest.raises(InputError, match="'flip' shows that another transform came before"):
        RandomiseRegionColour(parts=['head'], prob=1.0)({**rendered[0], 'flip': True})
