"""Bilinear interpolation written from its definition in plain Python, for the tests of the operators that sample."""

import math


def clamped_sample(plane, y, x):
    """RoIAlign's convention: the border is extended by one pixel, and there is nothing beyond."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = math.floor(y), math.floor(x)
    total = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = max(0.0, 1 - abs(y - row)) * max(0.0, 1 - abs(x - column))
            if weight:
                total += weight * plane[row, column]
    return total


def zero_padded_sample(plane, y, x):
    """Deformable convolution's convention: the map is surrounded by zeros."""
    height, width = plane.shape
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * plane[row, column]
    return total
