"""A figure as an array, as visualisation backends take pictures."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ['to_rgb']


def to_rgb(figure: Figure) -> NDArray[np.uint8]:
    """Render a figure.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3].copy()
