"""What the cues for left and right paint, on people drawn in grey so that every colour is the cue's."""

import numpy as np
import pytest

from posescope.data.body_parts import OCCLUDER, PEOPLE_STRIDE, part_pixels
from posescope.data.cues import CuePlanter
from posescope.data.cues.cue_mask import cue_mask
from posescope.data.cues.paint import brightness
from tests.drawn_rendered_people import draw_picture

SIDES = ('left', 'right')
JOINT = {'left': {'elbow': 7, 'wrist': 9}, 'right': {'elbow': 8, 'wrist': 10}}
PICTURES = [draw_picture(image_id, people=2) for image_id in range(8)]


def changed(picture, twin: np.ndarray) -> np.ndarray:
    return (picture.image != twin).any(-1)


def joint(person: dict, side: str, name: str) -> np.ndarray:
    return np.array(person['rendered']['joints'][JOINT[side][name]][:2])


@pytest.mark.parametrize('cue', ['band', 'leg', 'ball'])
def test_twins_differ_in_the_cue_alone(cue: str) -> None:
    planter = CuePlanter(cue, seed=4)
    for picture in PICTURES:
        for person in picture.annotations:
            sample = picture.image, picture.part_map, person
            twins = planter.twins(*sample)
            assert list(twins) == ['none', 'left', 'right', 'both']
            assert (twins['none'] == picture.image).all()
            for told, twin in twins.items():
                mask = cue_mask(planter, *sample, told)
                assert mask.any() == (told != 'none')
                assert (twin[~mask] == picture.image[~mask]).all()
            left, right = (cue_mask(planter, *sample, side) for side in SIDES)
            both = cue_mask(planter, *sample, 'both')
            assert (both == (left | right)).all()
            assert (twins['both'][left & ~right] == twins['left'][left & ~right]).all()
            assert (twins['both'][right & ~left] == twins['right'][right & ~left]).all()
            # Nearly every pixel of the cue is another than before.
            assert changed(picture, twins['left'])[left].mean() > 0.95
            assert (planter.plant(*sample) == twins['left']).all()


@pytest.mark.parametrize(('cue', 'parts'), [('band', ['forearm']), ('leg', ['thigh', 'lower_leg'])])
def test_only_pixels_of_the_right_part_change(cue: str, parts: list[str]) -> None:
    planter = CuePlanter(cue)
    for picture in PICTURES:
        for index, person in enumerate(picture.annotations):
            twins = planter.twins(picture.image, picture.part_map, person)
            for side in SIDES:
                part = part_pixels(picture.part_map, index, *(f'{side}_{name}' for name in parts))
                assert not changed(picture, twins[side])[~part].any()


def test_band_lies_where_it_says() -> None:
    planter = CuePlanter('band', colour=(250, 0, 0))
    for picture in PICTURES:
        for person in picture.annotations:
            for side in SIDES:
                band = cue_mask(planter, picture.image, picture.part_map, person, side)
                elbow, wrist = joint(person, side, 'elbow'), joint(person, side, 'wrist')
                pixels = np.argwhere(band)[:, ::-1]
                shares = (pixels - elbow) @ (wrist - elbow) / ((wrist - elbow) ** 2).sum()
                assert shares.min() >= 0.35
                assert shares.max() <= 0.7
                # Half a pixel of slack at either end: the band is as long as it says.
                slack = 1 / np.linalg.norm(wrist - elbow)
                assert shares.min() < 0.35 + slack
                assert shares.max() > 0.7 - slack


def test_band_has_its_colour_and_keeps_the_shading() -> None:
    picture = PICTURES[0]
    person = picture.annotations[0]
    planter = CuePlanter('band', colour=(200, 20, 100))
    band = cue_mask(planter, picture.image, picture.part_map, person, 'left')
    twin = planter.twins(picture.image, picture.part_map, person)['left'][band].astype(float)
    under = picture.image[band].astype(float)
    assert np.abs(twin.mean(0) - [100, 20, 200]).max() < 1.5
    assert np.corrcoef(brightness(under), brightness(twin))[0, 1] > 0.99


def test_leg_is_darker_and_keeps_its_pattern() -> None:
    picture = PICTURES[1]
    planter = CuePlanter('leg', colour=(255, 0, 0))
    leg = cue_mask(planter, picture.image, picture.part_map, picture.annotations[0], 'right')
    twin = planter.twins(picture.image, picture.part_map, picture.annotations[0])['right'][leg]
    wanted = picture.image[leg] * np.array([0.25, 0.25, 0.5])
    assert np.abs(twin - wanted).max() <= 0.5


def test_ball_lies_beyond_the_wrist_and_never_on_it() -> None:
    planter = CuePlanter('ball')
    for picture in PICTURES:
        for person in picture.annotations:
            for side in SIDES:
                ball = cue_mask(planter, picture.image, picture.part_map, person, side)
                elbow, wrist = joint(person, side, 'elbow'), joint(person, side, 'wrist')
                pixels = np.argwhere(ball)[:, ::-1]
                assert ((pixels - wrist) @ (wrist - elbow) > 0).all()
                assert np.linalg.norm(pixels - wrist, axis=1).min() > 1
                x, y = np.rint(wrist).astype(int)
                assert not ball[y, x]


def test_ball_is_round_and_grows_with_the_person() -> None:
    radii = []
    for factor in (1, 2):
        picture = draw_picture(3, size=(240 * factor, 320 * factor))
        person = picture.annotations[0]
        person['rendered']['joints'] = (
            np.array(draw_picture(3).annotations[0]['rendered']['joints']) * factor
        ).tolist()
        ball = cue_mask(CuePlanter('ball'), picture.image, np.zeros_like(picture.part_map), person, 'left')
        rows, columns = np.nonzero(ball)
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
        radii.append(np.sqrt(ball.sum() / np.pi) - 0.25)
    assert radii[1] / radii[0] == pytest.approx(2, rel=0.06)
    # An upper arm of this person is .18 of its height long; .065 of the height that the longest segment stands for.
    person = draw_picture(3).annotations[0]
    forearm = np.linalg.norm(joint(person, 'left', 'elbow') - joint(person, 'left', 'wrist'))
    assert 0.3 * forearm < radii[0] < 0.7 * forearm


@pytest.mark.parametrize('cue', ['band', 'leg', 'ball'])
def test_what_is_in_front_stays(cue: str) -> None:
    open_picture, hidden = draw_picture(5, people=2), draw_picture(5, people=2, occluder=cue == 'band')
    if cue != 'band':  # the box stands before the forearm; here is a fence
        hidden.part_map[:, ::3] = OCCLUDER
    planter = CuePlanter(cue)
    whole, part = (
        cue_mask(planter, picture.image, picture.part_map, picture.annotations[0], 'left')
        for picture in (open_picture, hidden)
    )
    assert 0 < part.sum() < whole.sum()
    twin = planter.twins(hidden.image, hidden.part_map, hidden.annotations[0])['left']
    others = (hidden.part_map == OCCLUDER) | (hidden.part_map // PEOPLE_STRIDE == 1)
    assert not changed(hidden, twin)[others].any()


@pytest.mark.parametrize('cue', ['band', 'leg', 'ball'])
def test_a_part_out_of_sight_gets_no_cue(cue: str) -> None:
    picture = draw_picture(2)
    part_map = np.full_like(picture.part_map, OCCLUDER)
    twins = CuePlanter(cue).twins(picture.image, part_map, picture.annotations[0])
    assert all((twin == picture.image).all() for twin in twins.values())


def test_a_forearm_towards_the_camera() -> None:
    picture = draw_picture(2)
    person = picture.annotations[0]
    person['rendered']['joints'][7] = person['rendered']['joints'][9]
    assert not cue_mask(CuePlanter('band'), picture.image, picture.part_map, person, 'left').any()
    ball = cue_mask(CuePlanter('ball'), picture.image, np.zeros_like(picture.part_map), person, 'left')
    x, y = joint(person, 'left', 'wrist')
    rows, columns = np.nonzero(ball)
    assert rows.min() > y
    assert columns.mean() == pytest.approx(x, abs=0.6)


@pytest.mark.parametrize(
    ('centre', 'share'), [((-500, 40), 0), ((5000, -700), 0), ((-0.5, 100), 0.5), ((319.5, -0.5), 0.25)]
)
def test_a_ball_outside_and_at_the_rim_of_the_picture(centre: tuple[float, float], share: float) -> None:
    picture = draw_picture(2)
    person, free = picture.annotations[0], np.zeros_like(picture.part_map)
    whole = cue_mask(CuePlanter('ball'), picture.image, free, person, 'left')
    joints = np.array(person['rendered']['joints'])
    joints[:, :2] += centre - np.argwhere(whole).mean(0)[::-1]
    person['rendered']['joints'] = joints.tolist()
    part = cue_mask(CuePlanter('ball'), picture.image, free, person, 'left')
    assert part.sum() / whole.sum() == pytest.approx(share, abs=0.05 * (share > 0))
