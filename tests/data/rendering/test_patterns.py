import numpy as np
import pytest

from posescope.data.rendering.patterns import (
    Checks,
    Dots,
    Halves,
    Locks,
    Mottle,
    Pattern,
    Print,
    Stripes,
    TwoColours,
    value_noise,
)

RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.7)
PATTERNS = [
    Stripes(BLUE, 0.1, 0.3),
    Stripes(BLUE, 0.1, 0.3, upright=True, slant=0.4),
    Checks(BLUE, 0.1, 0.3),
    Dots(BLUE, 0.1, 0.6),
    Mottle(BLUE, 0.1, 0.5),
    Locks(BLUE, 0.1, 0.5),
    Halves(BLUE, height=0.1),
    Print(BLUE, shape='disc'),
    Print(BLUE, shape='lines', behind=True),
]


def points(count: int = 20000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 3))


def test_plain_is_plain() -> None:
    assert (Pattern().colours(points(10), np.array(RED)) == RED).all()


@pytest.mark.parametrize('pattern', PATTERNS, ids=lambda pattern: type(pattern).__name__)
def test_colours_lie_between_the_two(pattern: TwoColours) -> None:
    colours = pattern.colours(points(), np.array(RED))
    share = (colours[:, 0] - RED[0]) / (BLUE[0] - RED[0])
    assert colours == pytest.approx(np.array(RED) * (1 - share[:, None]) + np.array(BLUE) * share[:, None])
    assert share.min() == pytest.approx(0, abs=1e-9)
    assert share.max() > 0.9
    assert hash(pattern) == hash(type(pattern)(**vars(pattern)))


@pytest.mark.parametrize('width', [0.25, 0.5, 0.7])
def test_stripes_have_their_width_and_period(width: float) -> None:
    stripes = Stripes(BLUE, 0.08, width)
    place = points()
    assert stripes.share(place).mean() == pytest.approx(width, abs=0.02)
    assert stripes.share(place + np.array([0.37, 0.2, 0.16])) == pytest.approx(stripes.share(place), abs=1e-6)
    assert Stripes(BLUE, 0.08, width, upright=True).share(place + np.array([0, 0.1, 0.5])) == pytest.approx(
        Stripes(BLUE, 0.08, width, upright=True).share(place), abs=1e-6
    )


def test_checks_and_dots_cover_what_geometry_says() -> None:
    assert Checks(BLUE, 0.1, 0.4).share(points()).mean() == pytest.approx(0.4, abs=0.02)
    # A disc of diameter w in each cell of side 1 covers pi w^2 / 4.
    assert Dots(BLUE, 0.1, 0.6).share(points()).mean() == pytest.approx(np.pi * 0.09, abs=0.02)


def test_a_print_is_on_one_side_and_has_its_size() -> None:
    place = points()
    chest = Print(BLUE, shape='block', centre=(0.0, 0.3), size=(0.3, 0.2))
    share = chest.share(place)
    assert (share[place[:, 1] > 0] == 0).all()
    assert 4 * share[place[:, 1] < 0].mean() == pytest.approx(0.6 * 0.4, rel=0.06)


def test_noise_is_smooth_spread_and_different_by_seed() -> None:
    place = points() * 20
    noise = value_noise(place, 1)
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert 0.1 < noise.std() < 0.3
    assert np.abs(value_noise(place + 1e-3, 1) - noise).max() < 0.01
    assert np.abs(np.corrcoef(noise, value_noise(place, 2))[0, 1]) < 0.05
