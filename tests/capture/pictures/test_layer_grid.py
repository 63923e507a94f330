"""Layers are summed up side by side, each at its resolution."""

import numpy as np
import pytest

from posescope.capture.pictures import CellGrid, ColourBasis, Place, draw_layer_grid
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import TO_IMAGE, drawn_crop

GRIDS = [CellGrid((8, 8), (3.5, 3.5)), CellGrid((16, 16), (0, 0))]
LAYERS = ['backbone.layer1', 'backbone.layer2']


@pytest.fixture
def features() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(5, 12, 8)), 10 * random.normal(size=(7, 6, 4))]


def test_energy(features: list[np.ndarray]) -> None:
    figure = draw_layer_grid(drawn_crop(), features, GRIDS, LAYERS)
    panels = figure.axes[1:3]
    assert [panel.get_title() for panel in panels] == [
        'backbone.layer1\n5 channels, 12 × 8',
        'backbone.layer2\n7 channels, 6 × 4',
    ]
    for panel, maps, grid in zip(panels, features, GRIDS, strict=True):
        energy = np.linalg.norm(maps, axis=0) / np.sqrt(len(maps))
        picture = panel.images[-1]
        np.testing.assert_allclose(picture.get_array(), energy)
        assert picture.get_clim() == pytest.approx((energy.min(), energy.max()))
        assert tuple(picture.get_extent()) == Place(grid, TO_IMAGE).extent(*energy.shape)
        assert len(panel.child_axes) == 1  # its own colour bar


def test_components(features: list[np.ndarray]) -> None:
    figure = draw_layer_grid(drawn_crop(), features, GRIDS, LAYERS, summary='components')
    for panel, maps in zip(figure.axes[1:3], features, strict=True):
        np.testing.assert_allclose(panel.images[-1].get_array(), ColourBasis.fit([maps]).colours(maps))


def test_wrong(features: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="summary='pca' is unknown: energy or components"):
        draw_layer_grid(drawn_crop(), features, GRIDS, LAYERS, summary='pca')  # type: ignore[arg-type]
    with pytest.raises(InputError, match='1 grids for 2 layers'):
        draw_layer_grid(drawn_crop(), features, GRIDS[:1], LAYERS)
    with pytest.raises(InputError, match='there are no layers to draw'):
        draw_layer_grid(drawn_crop(), [], [], [])
