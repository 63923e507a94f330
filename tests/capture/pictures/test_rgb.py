"""A figure becomes an array of its pixels."""

import numpy as np
from matplotlib.figure import Figure

from posescope.capture.pictures import to_rgb


def test_pixels() -> None:
    figure = Figure(figsize=(3, 2), dpi=50, facecolor='#336699')
    picture = to_rgb(figure)
    assert picture.shape == (100, 150, 3)
    assert picture.dtype == np.uint8
    assert (picture == [0x33, 0x66, 0x99]).all()
    assert picture.flags.writeable
