"""A dependency matrix drawn as a matrix."""

import numpy as np
from matplotlib.figure import Figure

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, finish
from posescope.explain.dependency.dependency_matrix import DependencyMatrix

__all__ = ['draw_matrix']

_MOST_NAMES = 40
_DOT = '#1a9850'


def draw_matrix(matrix: DependencyMatrix, *, title: str = 'which joint leans on which') -> Figure:
    """Draw the values; a dot marks those that remain when false discoveries are kept to 5 %.

    Args:
        matrix: Measured.
        title: Of the figure.
    """
    joints = len(matrix.joints)
    scale = ColourScale.of([matrix.value])
    side = float(np.clip(0.24 * joints, 2.4, 9))
    figure = Figure(figsize=(side + 2.4, side + 1.8), layout='constrained', facecolor='white')
    panel = figure.subplots()
    values = np.ma.masked_invalid(matrix.value)
    picture = panel.imshow(values, cmap=scale.colours, norm=scale.norm, interpolation='nearest')
    rows, columns = np.nonzero(matrix.marked)
    panel.scatter(columns, rows, s=9, c=_DOT, edgecolors='white', linewidths=0.5, gid='marked')
    ticks = range(0, joints, -(-joints // _MOST_NAMES))
    names = [shortened(matrix.joints[tick].replace('_', ' '), 22) for tick in ticks]
    panel.set_xticks(ticks, names, rotation=90, fontsize=7, parse_math=False)
    panel.set_yticks(ticks, names, fontsize=7, parse_math=False)
    panel.set_xlabel('is hidden', fontsize=8)
    panel.set_ylabel('is read', fontsize=8)
    colour_bar(figure, picture, [panel], scale, matrix.label)
    finish(figure, f'{title}\n{_who(matrix)}')
    return figure


def _who(matrix: DependencyMatrix) -> str:
    counts, images = matrix.people[matrix.people > 0], matrix.images[matrix.people > 0]
    if not counts.size:
        return 'nobody has a pair of joints that counts'
    images = matrix.images[matrix.people > 0]
    least, most = int(counts.min()), int(counts.max())
    people = f'{least} people' if least == most else f'{least} to {most} people'
    fills = ', '.join(fill.replace('_', ' ') for fill in matrix.fills)
    scarce = int(images.min())
    number = '1 image' if scarce == 1 else f'{scarce} images'
    few = '' if (matrix.reason[matrix.people > 0] == '').all() else f'; some pairs on {number} alone'
    return f'{people} a pair{few}; hidden by: {fills}; dots: remain at a false discovery rate of 5 %'
