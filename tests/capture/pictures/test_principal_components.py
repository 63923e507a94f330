"""Principal components are those of an SVD, and their colours do not depend on how channels are numbered."""

import numpy as np
import pytest

from posescope.capture.pictures import CellGrid, ColourBasis, draw_principal_components
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import drawn_crop

GRID = CellGrid((16, 16), (7.5, 7.5))


def drawn_features(channels: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.tensordot(random.normal(size=(channels, 5)) * [9, 5, 3, 1, 0.5], random.gamma(2, size=(5, 6, 4)), 1)


@pytest.mark.parametrize('channels', [4, 7, 100])
def test_components_of_an_svd(channels: int) -> None:
    features = drawn_features(channels)
    basis = ColourBasis.fit([features])
    cells = features.reshape(channels, -1).T
    left, spread, right = np.linalg.svd(cells - cells.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(basis.components * right[:3], 1)), 1)
    np.testing.assert_allclose(basis.shares, (spread**2 / (spread**2).sum())[:3])
    coordinates = basis.coordinates(features).reshape(3, -1)
    np.testing.assert_allclose(np.abs(coordinates), np.abs((left * spread)[:, :3].T), atol=1e-9)
    assert ((coordinates**3).sum(1) > 0).all()


def test_order_of_channels_and_signs_of_them_do_not_matter() -> None:
    features = drawn_features(9)
    colours = ColourBasis.fit([features]).colours(features)
    order = np.random.default_rng(1).permutation(9)
    other = features[order] * np.array([1, -1, 1, 1, -1, 1, -1, 1, 1])[:, None, None]
    np.testing.assert_allclose(ColourBasis.fit([other]).colours(other), colours, atol=1e-9)
    assert colours.min() == 0
    assert colours.max() == 1


def test_one_basis_gives_equal_features_equal_colours() -> None:
    first, second = drawn_features(9), drawn_features(9, 1)
    second[:, 3, 2] = first[:, 1, 1]
    basis = ColourBasis.fit([first, second])
    np.testing.assert_array_equal(basis.colours(first)[1, 1], basis.colours(second)[3, 2])
    both = ColourBasis.fit([np.concatenate([first, second], 1)])
    np.testing.assert_allclose(basis.components, both.components, atol=1e-9)


def test_gaps_stay_out_of_the_fit() -> None:
    features = drawn_features(9)
    broken = features.copy()
    broken[3, 0] = np.nan
    basis = ColourBasis.fit([broken])
    np.testing.assert_allclose(basis.components, ColourBasis.fit([features[:, 1:]]).components, atol=1e-9)
    colours = basis.colours(broken)
    assert np.isnan(colours[0]).all()
    assert np.isfinite(colours[1:]).all()


@pytest.mark.parametrize('value', [0.0, 0.1, 1e6])
def test_a_constant_map_has_no_components(value: float) -> None:
    basis = ColourBasis.fit([np.full((5, 6, 4), value)])
    assert not basis.components.any()
    assert not basis.shares.any()
    assert (basis.colours(np.full((5, 6, 4), value)) == 0.5).all()


def test_fewer_than_three() -> None:
    features = np.random.default_rng(0).random((1, 6, 4))
    basis = ColourBasis.fit([features])
    np.testing.assert_allclose(basis.shares, [1, 0, 0])
    colours = basis.colours(features)
    assert (colours[..., 1:] == 0.5).all()
    assert np.ptp(colours[..., 0]) == 1


def test_figure() -> None:
    maps = [drawn_features(9), drawn_features(9, 1)]
    basis = ColourBasis.fit(maps)
    figure = draw_principal_components([drawn_crop()] * 2, maps, [GRID] * 2, ['layer a', 'layer b'])
    panels, bar = figure.axes[:10], figure.axes[10]
    assert panels[6].get_title() == 'layer b\nall three as colour'
    np.testing.assert_allclose(panels[6].images[-1].get_array(), basis.colours(maps[1]))
    np.testing.assert_allclose(panels[9].images[-1].get_array(), basis.coordinates(maps[1])[2])
    limits = {panel.images[-1].get_clim() for panel in (*panels[2:5], *panels[7:10])}
    assert len(limits) == 1
    assert panels[2].get_title() == f'component 1 (red)\n{100 * basis.shares[0]:.0f} % of the variance'
    assert bar.get_ylabel() == 'coordinate along the component'
    apart = draw_principal_components([drawn_crop()] * 2, maps, [GRID] * 2, ['a', 'b'], shared=False)
    own = ColourBasis.fit(maps[1:]).colours(maps[1])
    np.testing.assert_allclose(apart.axes[6].images[-1].get_array(), own)
    assert 'each row has its own basis' in apart.get_suptitle()


def test_wrong() -> None:
    with pytest.raises(InputError, match=r'maps of \[4, 9\] channels cannot share a basis'):
        ColourBasis.fit([drawn_features(9), drawn_features(4)])
    with pytest.raises(InputError, match='features have 4 channels, and the basis has 9'):
        ColourBasis.fit([drawn_features(9)]).colours(drawn_features(4))
    with pytest.raises(InputError, match='2 crops for 1 maps'):
        draw_principal_components([drawn_crop()] * 2, [drawn_features(4)], [GRID], ['a'])
