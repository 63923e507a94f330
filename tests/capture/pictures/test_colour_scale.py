"""Colours have the limits of all panels, and zero in the middle where values have a sign."""

import numpy as np
import pytest

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.errors import InputError


def test_unsigned_from_zero() -> None:
    scale = ColourScale.of([np.array([[2.0, 3]]), np.array([5.0])])
    assert (scale.low, scale.high, scale.signed, scale.extend) == (0, 5, False, 'neither')
    assert ColourScale.of([np.array([2.0, 5])], from_zero=False).low == 2


def test_signed_has_zero_in_the_middle() -> None:
    scale = ColourScale.of([np.array([-1.0, 0, 4])])
    assert (scale.low, scale.high, scale.signed) == (-4, 4, True)
    red, green, blue, _ = scale.colours(scale.norm(0.0))
    assert min(red, green, blue) > 0.95


def test_noise_below_zero_gives_no_sign() -> None:
    scale = ColourScale.of([np.array([-0.04, 1.0])])
    assert (scale.low, scale.high, scale.signed) == (-0.04, 1, False)
    assert ColourScale.of([np.array([-0.06, 1.0])]).signed


def test_outliers_lie_beyond_the_limits() -> None:
    values = np.append(np.linspace(0, 1, 101), 100.0)
    scale = ColourScale.of([values], quantile=0.99)
    assert scale.high == pytest.approx(np.quantile(values, 0.99))
    assert scale.extend == 'max'
    assert ColourScale.of([np.append(values, -100)], quantile=0.9).extend == 'both'


@pytest.mark.parametrize(
    ('values', 'limits'), [([0, 0], (0, 1)), ([3, 3], (0, 3)), ([-3, -3], (-3, 3)), ([np.nan, np.inf], (0, 1))]
)
def test_constants_and_nothing(values: list[float], limits: tuple[float, float]) -> None:
    scale = ColourScale.of([np.array(values, float)])
    assert (scale.low, scale.high) == limits


def test_gaps_are_told() -> None:
    scale = ColourScale.of([np.array([1, np.nan, -np.inf])])
    assert scale.has_gaps
    assert (scale.low, scale.high) == (0, 1)
    assert scale.label('activation') == 'activation (grey: not a number)'
    assert ColourScale.of([np.ones(3)]).label('activation') == 'activation'


def test_unsigned_colours_darken_evenly() -> None:
    colours = ColourScale(0, 1, False).colours(np.linspace(0, 1, 50))[:, :3]
    luma = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luma) < 0).all()


def test_wrong_quantile() -> None:
    with pytest.raises(InputError, match='quantile=0 is no share'):
        ColourScale.of([np.ones(2)], quantile=0)
