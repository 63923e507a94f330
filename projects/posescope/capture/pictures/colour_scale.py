"""From numbers to colours: limits that panels share, with zero in the middle where numbers have a sign."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['GAP_COLOUR', 'ColourScale']

GAP_COLOUR = '#9e9e9e'
"""Drawn where a value is not a finite number: grey is in neither colour map."""

_UNSIGNED, _SIGNED = 'magma_r', 'PuOr_r'
"""Even steps in lightness; and orange against purple, which every kind of colour vision tells apart. Zero is light in
both, so that a pale photograph can shine through."""

_NEGLIGIBLE = 0.05
"""Share of the largest value up to which negative ones count as noise of an unsigned map, such as a heatmap's."""


@dataclass(frozen=True)
class ColourScale:
    """Limits of colour.

    Attributes:
        low: Value of the first colour.
        high: Value of the last colour.
        signed: Whether zero is in the middle, of a colour map that diverges there.
        extend: Which values lie beyond the limits, as a colour bar takes it.
        has_gaps: Whether some values are not finite.
    """

    low: float
    high: float
    signed: bool
    extend: Literal['neither', 'min', 'max', 'both'] = 'neither'
    has_gaps: bool = False

    @classmethod
    def of(cls, maps: Iterable[NDArray], *, from_zero: bool = True, quantile: float = 1.0) -> 'ColourScale':
        """Find one scale for several maps.

        Args:
            maps: Of any shapes.
            from_zero: Whether an unsigned scale starts at 0, or at the least value.
            quantile: Share of the finite values, counted by their size, that the limits include; below 1, a few
                outliers do not make all else look alike.

        Raises:
            InputError: ``quantile`` is not above 0 and at most 1.
        """
        if not 0 < quantile <= 1:
            raise InputError(f'quantile={quantile} is no share: above 0, and at most 1 (all values)')
        values = np.concatenate([np.ravel(values).astype(np.float64) for values in maps])
        finite = values[np.isfinite(values)]
        gaps = finite.size < values.size
        if not finite.size:
            return cls(0.0, 1.0, False, has_gaps=gaps)
        least, most = float(finite.min()), float(finite.max())
        reach = float(np.quantile(np.abs(finite), quantile)) or max(-least, most)
        if least < -_NEGLIGIBLE * max(-least, most):
            low, high, signed = -reach, reach, True
        else:
            high = min(reach, most)
            low, signed = (min(0.0, least) if from_zero else least), False
        if not high > low:
            low, high = (low, low + 1.0) if low <= 0 else (0.0, low)
        return cls(low, high, signed, _EXTEND[least < low, most > high], gaps)

    @property
    def norm(self) -> Normalize:
        """Values to the range from 0 to 1."""
        return Normalize(self.low, self.high)

    @property
    def colours(self) -> Colormap:
        """The range from 0 to 1 to colours."""
        return matplotlib.colormaps[_SIGNED if self.signed else _UNSIGNED].with_extremes(bad=GAP_COLOUR)

    def label(self, quantity: str) -> str:
        """Say what the colours show."""
        return f'{quantity} (grey: not a number)' if self.has_gaps else quantity


_EXTEND: dict[tuple[bool, bool], Literal['neither', 'min', 'max', 'both']] = {
    (False, False): 'neither',
    (True, False): 'min',
    (False, True): 'max',
    (True, True): 'both',
}
