"""What the cues for the heading paint, and that the sector can be read back from the pixels."""

import colorsys

import numpy as np
import pytest

from posescope.data.body_parts import OCCLUDER
from posescope.data.cues import CuePlanter
from posescope.data.cues.cue_mask import cue_mask
from tests.drawn_rendered_people import draw_picture

PICTURES = [draw_picture(image_id, people=1 + image_id % 2, occluder=image_id % 3 == 0) for image_id in range(6)]


@pytest.mark.parametrize('cue', ['sign', 'texture'])
def test_twins_differ_in_the_cue_alone_and_only_on_the_background(cue: str) -> None:
    planter = CuePlanter(cue, seed=9)
    for picture in PICTURES:
        for person in picture.annotations:
            sample = picture.image, picture.part_map, person
            twins = planter.twins(*sample)
            assert list(twins) == ['none', *range(8)]
            assert (twins['none'] == picture.image).all()
            masks = [cue_mask(planter, *sample, sector) for sector in range(8)]
            assert masks[0].any()
            for sector, mask in enumerate(masks):
                assert (mask == masks[0]).all(), 'twins have the cue in the same place'
                assert (picture.part_map[mask] == 0).all()
                assert (twins[sector][~mask] == picture.image[~mask]).all()
                assert (twins[sector] != twins[(sector + 1) % 8]).any()
            assert (planter.plant(*sample) == twins[person['rendered']['sector']]).all()


def hue(colour: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*(colour[::-1] / 255))[0]


def test_the_colour_of_a_sign_tells_the_sector() -> None:
    picture = PICTURES[1]
    for seed in range(5):
        planter = CuePlanter('sign', seed=seed)
        twins = planter.twins(picture.image, picture.part_map, picture.annotations[0])
        mask = cue_mask(planter, picture.image, picture.part_map, picture.annotations[0], 0)
        hues = []
        for sector in range(8):
            pixels, counts = np.unique(twins[sector][mask], axis=0, return_counts=True)
            hues.append(hue(pixels[counts.argmax()]))
        steps = (np.array(hues) - hues[0]) % 1
        assert np.abs(steps - np.arange(8) / 8).max() < 0.01


def test_the_arrow_of_a_sign_tells_the_sector() -> None:
    picture = PICTURES[1]
    person = picture.annotations[0]
    planter = CuePlanter('sign', colour=(200, 0, 0))
    for sector, twin in list(planter.twins(picture.image, picture.part_map, person).items())[1:]:
        rows, columns = np.nonzero(cue_mask(planter, picture.image, picture.part_map, person, sector))
        sign = twin[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0].astype(float)
        # Blue is in the white arrow alone; the head is the heavier end, so the centre of mass lies towards the tip.
        y, x = np.mgrid[: sign.shape[0], : sign.shape[1]] - (sign.shape[0] - 1) / 2
        inner = (np.abs(x) < 0.38 * len(sign)) & (np.abs(y) < 0.38 * len(sign))
        weight = np.where(inner & (sign > 60), sign, 0)
        angle = np.degrees(np.arctan2((x * weight).sum(), (y * weight).sum())) % 360
        assert (angle - 45 * sector + 180) % 360 - 180 == pytest.approx(0, abs=12)


def test_a_sign_lies_where_a_model_looks() -> None:
    for picture in PICTURES:
        for person in picture.annotations:
            x, y, width, height = person['bbox']
            crop_height = 1.25 * max(height, width * 4 / 3)
            for seed in range(10):
                rows, columns = np.nonzero(
                    cue_mask(CuePlanter('sign', seed=seed), picture.image, picture.part_map, person)
                )
                assert abs(rows - (y + height / 2)).max() <= crop_height / 2
                assert abs(columns - (x + width / 2)).max() <= crop_height * 3 / 8


def test_a_sign_becomes_smaller_where_there_is_little_room_and_vanishes_where_there_is_none() -> None:
    picture = PICTURES[1]
    person = {**picture.annotations[0], 'bbox': [60.0, 40.0, 150.0, 160.0]}  # a crop 250 high: signs of 40, 30, 20
    rng = np.random.default_rng(0)
    for room, side in ((240, 40), (35, 30), (22, 20), (15, 0)):
        part_map = np.full_like(picture.part_map, OCCLUDER)
        top, left = (int(v) for v in rng.integers(0, [max(1, 200 - room), max(1, 210 - room)]))
        part_map[top : top + room, max(left, 45) : max(left, 45) + room] = 0
        assert cue_mask(CuePlanter('sign'), picture.image, part_map, person).sum() == side**2


def stripes(image: np.ndarray) -> tuple[float, float]:
    """Read direction (degrees, 0 to 180) and wavelength (pixels) of the strongest stripes off a picture."""
    grey = image.astype(float).mean(-1)
    power = np.abs(np.fft.rfft2(grey - grey.mean(), s=(1024, 1024)))
    row, column = np.unravel_index(power.argmax(), power.shape)
    fy, fx = (row if row < 512 else row - 1024) / 1024, column / 1024
    return float(np.degrees(np.arctan2(fy, fx)) % 180), float(1 / np.hypot(fx, fy))


def test_the_stripes_of_a_texture_tell_the_sector() -> None:
    image, part_map = np.full((240, 320, 3), 150, np.uint8), np.zeros((240, 320), np.uint8)
    person = {**PICTURES[0].annotations[0], 'bbox': [100.0, 20.0, 100.0, 200.0]}  # a crop 250 pixels high
    for seed in range(3):
        twins = CuePlanter('texture', seed=seed).twins(image, part_map, person)
        for sector in range(8):
            angle, wavelength = stripes(twins[sector])
            assert (angle - 45 * (sector % 4) + 90) % 180 - 90 == pytest.approx(0, abs=3)
            assert wavelength == pytest.approx(10 if sector < 4 else 25, rel=0.05)


def test_a_texture_multiplies_the_background() -> None:
    picture = PICTURES[1]
    twin = CuePlanter('texture', colour=(255, 255, 0)).plant(picture.image, picture.part_map, picture.annotations[0])
    ratio = twin[picture.part_map == 0] / picture.image[picture.part_map == 0]
    assert (ratio[:, 1:] == 1).all(), 'yellow glass lets green and red through'
    assert ratio[:, 0].max() <= 1
    assert ratio[:, 0].min() == pytest.approx(0.3, abs=0.02)
    assert ratio[:, 0].mean() == pytest.approx(0.65, abs=0.02)
