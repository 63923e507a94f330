"""The part of a photograph that a crop shows: drawn many times, a large photograph takes minutes."""

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from posescope.capture.pictures import Crop

__all__ = ['cut_out', 'label_in_photograph']


def cut_out(crop: Crop) -> tuple[Crop, tuple[int, int]]:
    """Leave away what of a photograph lies around the region that the network saw.

    Args:
        crop: The person.

    Returns:
        The same person in pixels of what is left, and x and y of its first pixel in the photograph.
    """
    if crop.photograph is None:
        return crop, (0, 0)
    height, width = crop.photograph.shape[:2]
    left, right, bottom, top = crop.limits
    first_x, first_y = (int(np.clip(np.floor(edge), 0, size - 1)) for edge, size in ((left, width), (top, height)))
    last_x = int(np.clip(np.ceil(right) + 1, first_x + 1, width))
    last_y = int(np.clip(np.ceil(bottom) + 1, first_y + 1, height))
    shift = np.array([first_x, first_y], np.float64)
    moved = crop.to_image.copy()
    moved[:, 2] -= shift
    left_over = replace(
        crop,
        to_image=moved,
        keypoints=None if crop.keypoints is None else crop.keypoints - shift,
        photograph=crop.photograph[first_y:last_y, first_x:last_x],
    )
    return left_over, (first_x, first_y)


def label_in_photograph(panel: Axes, first: tuple[int, int]) -> None:
    """Give a panel's axes ticks at round pixels of the photograph that it was cut from."""
    for axis, limits, start in ((panel.xaxis, panel.get_xlim(), first[0]), (panel.yaxis, panel.get_ylim(), first[1])):
        low, high = sorted(limits)
        ticks = [tick for tick in MaxNLocator(4).tick_values(low + start, high + start) if low <= tick - start <= high]
        axis.set_ticks([tick - start for tick in ticks], [f'{tick:.4g}' for tick in ticks])
