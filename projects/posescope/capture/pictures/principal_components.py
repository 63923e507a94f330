"""Features as colours: the three directions in which they vary most become red, green and blue."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_maps, one_each
from posescope.capture.pictures.colour_scale import GAP_COLOUR, ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import wrapped
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.capture.pictures.place import GridLike
from posescope.errors import InputError

__all__ = ['ColourBasis', 'draw_colours', 'draw_principal_components']

_CUT = 0.01
"""Share of the cells on either side that may have the ends' colours."""

_NAMES = ('red', 'green', 'blue')


@dataclass(frozen=True)
class ColourBasis:
    """Three directions of a layer's features, and the range of each that is drawn.

    Attributes:
        mean: (C,) of the cells it was fitted on.
        components: (3, C) orthonormal directions of most variance, most first; zero where features have fewer.
        shares: (3,) of the variance along each.
        low: (3,) least coordinate that is drawn as itself.
        high: (3,) greatest.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def fit(cls, features: Sequence[ArrayLike]) -> 'ColourBasis':
        """Fit one basis to the cells of one or several maps, so that equal colours mean equal features.

        A direction's sign is that which gives coordinates a positive third moment: it depends neither on the order of
        channels nor on that of cells.

        Args:
            features: (C, H, W) each, of the same C; cells with a value that is not finite are left out.

        Raises:
            InputError: There are none, or they differ in their channels.
        """
        one_each(len(features), 'maps')
        maps = [checked_maps(one, f'features[{index}]') for index, one in enumerate(features)]
        if len({len(one) for one in maps}) > 1:
            raise InputError(f'maps of {sorted({len(one) for one in maps})} channels cannot share a basis')
        cells = np.concatenate([one.reshape(len(one), -1).T for one in maps])
        cells = cells[np.isfinite(cells).all(1)]
        channels = len(maps[0])
        if not len(cells):
            none = np.zeros(3)
            return cls(np.zeros(channels), np.zeros((3, channels)), none, none, none)
        mean = cells.mean(0)
        centred = cells - mean
        noise = 1e-12 * float(np.linalg.norm(cells))  # of rounding: a constant map has no directions
        components, variance = _directions(centred, noise)
        shares = variance[:3] / (variance.sum() or 1.0)
        low, high = np.quantile(centred @ components.T, [_CUT, 1 - _CUT], axis=0)
        return cls(mean, components, shares, low, high)

    def coordinates(self, features: ArrayLike) -> NDArray[np.float64]:
        """Give the (3, H, W) coordinates of (C, H, W) features.

        Raises:
            InputError: The features have another number of channels than the basis.
        """
        maps = checked_maps(features, 'features')
        if len(maps) != len(self.mean):
            raise InputError(f'features have {len(maps)} channels, and the basis has {len(self.mean)}')
        finite = np.isfinite(maps).all(0)
        centred = np.where(finite, maps - self.mean[:, None, None], 0)
        return np.where(finite, np.tensordot(self.components, centred, 1), np.nan)

    def colours(self, features: ArrayLike) -> NDArray[np.float64]:
        """Give the (H, W, 3) colours, from 0 to 1, of (C, H, W) features; NaN where a feature is not finite.

        A component that does not exist is .5 everywhere.
        """
        width = self.high - self.low
        coordinates = np.moveaxis(self.coordinates(features), 0, -1)
        shown = np.where(width > 0, (coordinates - self.low) / np.where(width > 0, width, 1), coordinates * 0 + 0.5)
        return np.clip(shown, 0, 1)


def _directions(centred: NDArray[np.float64], noise: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the (3, C) directions of most variance of (cells, C), and the variance along these and all others."""
    channels = centred.shape[1]
    # R of QR has the same right singular vectors, and is small where there are more cells than channels.
    reduced = np.linalg.qr(centred, mode='r') if len(centred) > channels else centred
    _, spread, directions = np.linalg.svd(reduced, full_matrices=False)
    spread = np.where(spread > noise, spread, 0)
    count = min(3, int((spread > 0).sum()))
    components = np.zeros((3, channels))
    components[:count] = directions[:count]
    third_moment = ((centred @ components.T) ** 3).sum(0)
    components *= np.where(third_moment < 0, -1.0, 1.0)[:, None]
    return components, np.concatenate([spread**2, np.zeros(3)])


def draw_principal_components(
    crops: Sequence[Crop],
    features: Sequence[ArrayLike],
    grids: Sequence[GridLike],
    layers: Sequence[str],
    *,
    shared: bool = True,
    basis: ColourBasis | None = None,
    joint: str | int | None = None,
) -> Figure:
    """Draw a row for each map: the person, the three components as one colour picture, and each alone.

    Args:
        crops: The person of each map.
        features: (C, H, W) each.
        grids: Cells -> pixels of the input, of each map.
        layers: Name of the layer of each map.
        shared: Fit one basis to all maps, so that equal colours mean equal features; else one to each map.
        basis: The basis to use in place of fitted ones.
        joint: Name or number of a joint to mark.

    Raises:
        InputError: Numbers of maps or of channels differ, or a shape is wrong.
    """
    one_each(len(features), 'maps', crops=crops, grids=grids, layers=layers)
    if basis is None and shared:
        basis = ColourBasis.fit(features)
    figure, panels = panel_grid(len(crops), 5, max(crop.aspect for crop in crops), row_heading=0.55)
    bases = [basis or ColourBasis.fit([maps]) for maps in features]
    coordinates = [own.coordinates(maps) for own, maps in zip(bases, features, strict=True)]
    rows = zip(panels, crops, features, grids, layers, bases, coordinates, strict=True)
    for row, crop, maps, grid, layer, own, alone in rows:
        draw_person(row[0], crop, joint)
        draw_colours(row[1], crop, grid, own.colours(maps))
        title(row[1], f'{wrapped(layer, 26)}\nall three as colour')
        scale = ColourScale.of(coordinates if basis else [alone], quantile=1 - _CUT)
        for index, panel in enumerate(row[2:]):
            draw_background(panel, crop)
            picture = draw_map(panel, crop, grid, alone[index], scale)
            title(panel, f'component {index + 1} ({_NAMES[index]})\n{100 * own.shares[index]:.0f} % of the variance')
        for panel in row[1:]:
            draw_joints(panel, crop, faint=True)
            panel.set(xticks=[], yticks=[])
            if joint is not None:
                mark_joint(panel, crop, joint)
        if not basis:
            colour_bar(figure, picture, row, scale, 'coordinate along the component')
    if basis:
        colour_bar(figure, picture, panels, scale, 'coordinate along the component')
    what = 'one basis for all rows: equal colours are equal features' if basis else 'each row has its own basis'
    text = 'principal components of features' + (f'\n{what}' if len(crops) > 1 else '')
    finish(figure, text, crops[0], joint)
    return figure


def draw_colours(panel: Axes, crop: Crop, grid: GridLike, colours: NDArray[np.float64]) -> None:
    """Draw (h, w, 3) colours over a background; cells that have none are as grey as gaps of other maps."""
    draw_background(panel, crop)
    draw_map(panel, crop, grid, np.where(np.isnan(colours), to_rgb(GAP_COLOUR), colours))
