"""What maps with a few planted pixels say."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from posescope.explain.crops import Crops
from posescope.explain.map_reading import MapReader, MapReading
from posescope.explain.person_mask import PersonMask
from posescope.explain.pose import Pose

NAMES = ('nose', 'left_wrist', 'right_wrist')
SCALE, LEFT, TOP = 2.0, 10.0, 20.0
"""Two pixels of the picture for each of the input, whose first is at (10, 20)."""
HEIGHT, WIDTH = 40, 30
PLACES = torch.tensor([[[5.0, 5.0], [20.0, 10.0], [8.0, 30.0]]])


def crops(box: tuple[float, ...] = (10, 20, 60, 100), shape: tuple[int, int] = (200, 200)) -> Crops:
    sample = PoseDataSample(metainfo={'ori_shape': shape})
    sample.gt_instances = InstanceData(bboxes=np.array([box], np.float32))
    to_image = np.array([[[SCALE, 0, LEFT], [0, SCALE, TOP]]])
    nothing = np.zeros((1, 2))
    return Crops(torch.zeros(1, 3, HEIGHT, WIDTH), nothing, nothing, (WIDTH, HEIGHT), to_image, [sample])


def read(
    maps: torch.Tensor,
    joint: int = 0,
    scores: tuple[float, ...] = (1, 1, 1),
    mask: PersonMask | None = None,
    **options: object,
) -> MapReading:
    pose = Pose(PLACES, torch.tensor([scores]))
    reader = MapReader(NAMES, crops(**options), pose, 0, mask)  # type: ignore[arg-type]
    (reading,) = reader.read(maps[None], [joint])
    return reading


def planted(*pixels: tuple[int, int, float]) -> torch.Tensor:
    """A map with values at columns and rows."""
    maps = torch.zeros(HEIGHT, WIDTH)
    for x, y, value in pixels:
        maps[y, x] = value
    return maps


def test_one_pixel() -> None:
    reading = read(planted((20, 10, 3.0), (0, 0, -2.0)))
    assert (reading.positive, reading.negative) == (3.0, -2.0)
    assert reading.peak == reading.centre == (SCALE * 20 + LEFT, SCALE * 10 + TOP)
    assert reading.spread == 0
    assert reading.looks_at == {'left_wrist': 1.0}
    assert reading.elsewhere == reading.near_joint == reading.beside_picture == 0
    assert reading.in_box == 1
    assert reading.words('nose') == 'nose: looks at left wrist (100%); on no joint: 0%'
    assert reading.di == pytest.approx(100 / (HEIGHT * WIDTH))  # a Gini coefficient of 1 - 1 / pixels


def test_shares_centre_and_spread() -> None:
    """Three quarters at the nose, one quarter far from all joints, 20 columns or 40 pixels to the right."""
    reading = read(planted((5, 5, 3.0), (25, 5, 1.0)), box=(0, 0, 40, 200))
    assert reading.centre == pytest.approx((SCALE * 10 + LEFT, SCALE * 5 + TOP))
    assert reading.spread == pytest.approx(40 * np.sqrt(0.75 * 0.25))
    assert reading.looks_at == {'nose': 0.75}
    assert (reading.near_joint, reading.elsewhere, reading.in_box) == (0.75, 0.25, 0.75)
    assert reading.words('nose') == 'nose: looks at itself (75%); on no joint: 25%'


def test_a_pixel_counts_to_the_nearest_joint_within_reach() -> None:
    """The reach is 0.15 · √(0.53 · 50 · 80) = 6.9 pixels of the picture: 3 of the input, and not 4."""
    reading = read(planted((8, 5, 1.0), (9, 5, 1.0), (20, 13, 2.0)))
    assert reading.looks_at == {'left_wrist': 0.5, 'nose': 0.25}
    assert reading.elsewhere == 0.25


def test_joints_that_are_not_seen_are_not_looked_at() -> None:
    maps = planted((20, 10, 1.0), (8, 30, 1.0))
    assert read(maps, scores=(1, 0.2, 1)).looks_at == {'right_wrist': 0.5}
    unseen = read(maps, joint=1, scores=(1, 0.2, 1))
    assert unseen.near_joint == 0.5
    everybody = read(maps, scores=(0.1, 0.1, 0.1)).looks_at
    assert everybody == {'left_wrist': 0.5, 'right_wrist': 0.5}


def test_padding_is_beside_the_picture() -> None:
    """The picture ends after pixel 49 to the right: column 19 of the input shows 48, column 20 shows 50."""
    reading = read(planted((19, 10, 1.0), (20, 10, 3.0)), shape=(200, 50))
    assert reading.beside_picture == 0.75


def test_a_uniform_map_has_indices_of_one() -> None:
    reading = read(torch.ones(HEIGHT, WIDTH))
    assert reading.li == pytest.approx(1)
    assert reading.di == pytest.approx(100)
    assert reading.ri is not None
    assert [reading.ri[name] for name in NAMES] == pytest.approx([1, 1, 1])


def test_the_foreground_index_takes_a_mask() -> None:
    """A mask of one pixel is 25 once it is dilated: a pixel in it has FI = H · W / 25, one beside it 0."""
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[10, 20] = True
    mask = PersonMask(pixels, 'by hand', None)
    assert read(planted((22, 12, 3.0)), mask=mask).fi == pytest.approx(HEIGHT * WIDTH / 25)
    assert read(planted((23, 12, 3.0)), mask=mask).fi == 0
    assert read(planted((22, 12, 3.0), (5, 5, -9.0)), mask=mask).fi == pytest.approx(HEIGHT * WIDTH / 25)
    assert read(torch.ones(HEIGHT, WIDTH), mask=mask).fi == pytest.approx(1)
    assert read(planted((22, 12, 3.0))).fi is None
    assert read(planted((22, 12, -3.0)), mask=mask) == MapReading(0.0, -3.0)


def test_nothing_speaks_for_a_joint() -> None:
    reading = read(planted((3, 3, -1.0)))
    assert reading == MapReading(0.0, -1.0)
    assert reading.words('left_wrist') == 'left wrist: nothing speaks for it'
    assert read(planted((29, 39, 1.0))).words('nose') == 'nose: looks at no joint'


def test_three_joints_are_named_and_little_ones_are_not() -> None:
    looks = {'left_wrist': 0.5, 'nose': 0.3, 'right_wrist': 0.04}
    reading = MapReading(1.0, 0.0, looks_at=looks, elsewhere=0.16)
    assert reading.words('nose') == 'nose: looks at left wrist (50%), itself (30%); on no joint: 16%'
