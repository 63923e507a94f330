import numpy as np
import pytest
import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution.bone_relative import BoneFrames

WRIST, ELBOW = 9, 7
SIZE = 160, 120


def person(wrist: tuple[float, float], angle: float, length: float) -> Tensor:
    """(1, 17, 2) a wrist and an elbow, all else unknown; an angle of 0 points up, others to the right of that."""
    places = torch.full((1, 17, 2), torch.nan)
    places[0, WRIST] = torch.tensor(wrist)
    places[0, ELBOW] = torch.tensor(wrist) + length * torch.tensor([np.sin(angle), -np.cos(angle)])
    return places


def spot(x: float, y: float, width: float) -> Tensor:
    """(1, 1, H, W) a Gaussian."""
    rows, columns = torch.arange(SIZE[0])[:, None], torch.arange(SIZE[1])
    return torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))[None, None]


def looks(wrist: tuple[float, float], angle: float, length: float) -> Tensor:
    """A map that lights a spot one bone beyond the wrist and half a bone to its right, a quarter of a bone wide."""
    up = np.array([np.sin(angle), -np.cos(angle)])
    right = np.array([np.cos(angle), np.sin(angle)])
    x, y = np.array(wrist) + length * (-up + 0.5 * right)
    return spot(x, y, length / 4)


def test_what_everybody_looks_at_is_one_spot_whatever_the_pose() -> None:
    frames = BoneFrames(skeleton_of_file('coco'), size=129, bone=30)
    for wrist, angle, length in [((60, 80), 0.0, 20.0), ((50, 60), 1.1, 24.0), ((70, 90), 3.0, 16.0)]:
        frames.add(7 * looks(wrist, angle, length), person(wrist, angle, length), [WRIST])
    found = frames.average()
    mean = found.mean[WRIST].nan_to_num()
    assert found.joint == (64, 64)
    assert found.parent == (34, 64)
    assert np.unravel_index(int(mean.argmax()), mean.shape) == (64 + 30, 64 + 15)
    assert float(mean.sum()) == pytest.approx(1, abs=0.02)
    rows, columns = np.mgrid[:129, :129]
    expected = np.exp(-((rows - 94) ** 2 + (columns - 79) ** 2) / (2 * 7.5**2)) / (2 * np.pi * 7.5**2)
    np.testing.assert_allclose(mean, expected, atol=0.03 * expected.max())
    assert found.people[WRIST] == 3
    assert found.counts[WRIST, 64, 64] == 3


def test_people_count_alike_and_signs_stay() -> None:
    frames = BoneFrames(skeleton_of_file('coco'), size=65, bone=20)
    wrist, other = (60.0, 80.0), (50.0, 70.0)
    frames.add(100 * spot(*wrist, 3), person(wrist, 0, 20), [WRIST])
    frames.add(-0.1 * spot(*other, 3), person(other, 0, 20), [WRIST])
    assert frames.average().mean[WRIST].nan_to_num().abs().max() < 1e-6


def test_pixels_beyond_a_crop_do_not_count() -> None:
    frames = BoneFrames(skeleton_of_file('coco'), size=65, bone=20)
    frames.add(torch.ones(1, 1, *SIZE), person((0.0, 80.0), 0, 20), [WRIST])
    found = frames.average()
    assert (found.counts[WRIST, :, :32] == 0).all()
    assert found.mean[WRIST, :, :32].isnan().all()
    assert (found.counts[WRIST, :, 32:] == 1).all()
    torch.testing.assert_close(found.mean[WRIST, :, 32:], torch.full((65, 33), 1 / (SIZE[0] * SIZE[1])))


def test_people_without_a_bone_are_left_out_and_counted() -> None:
    frames = BoneFrames(skeleton_of_file('coco'))
    places = torch.cat([person((60, 80), 0, 20), person((60, 80), 0, 1), person((60, 80), 0, 20)])
    places[2, ELBOW] = torch.nan
    frames.add(torch.ones(3, 1, *SIZE), places, [WRIST])
    frames.add(torch.zeros(1, 1, *SIZE), places[:1], [WRIST])
    found = frames.average()
    assert found.people[WRIST] == 1
    assert found.left_out[WRIST] == 3
    assert found.people.sum() == 1


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    frames = BoneFrames(skeleton_of_file('coco'))
    with pytest.raises(InputError, match='do not belong together'):
        frames.add(torch.ones(1, 2, *SIZE), person((60, 80), 0, 20))
    with pytest.raises(InputError, match='shorter than half the map'):
        BoneFrames(skeleton_of_file('coco'), size=50, bone=25)


def test_nobody_is_gathered_for_a_joint_without_links() -> None:
    skeleton = skeleton_of_file('posetrack18')
    nose, ear = skeleton.joints.index('nose'), skeleton.joints.index('left_ear')
    frames = BoneFrames(skeleton, size=65, bone=20)
    assert frames.parents[ear] == -1
    places = 40 + torch.arange(17)[None, :, None] * torch.tensor([3.0, 2.0])
    frames.add(torch.ones(2, 2, *SIZE), places.expand(2, -1, -1), [ear, nose])
    found = frames.average()
    assert (found.people[[ear, nose]].tolist(), found.left_out[[ear, nose]].tolist()) == ([0, 2], [2, 0])
    assert found.mean[ear].isnan().all()
