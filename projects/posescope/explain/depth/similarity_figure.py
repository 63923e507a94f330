"""Similarity of layers, drawn."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.panels import colour_bar, finish
from posescope.capture.pictures.panels import title as heading
from posescope.errors import InputError
from posescope.explain.depth.curves import name_layers, new_figure
from posescope.explain.depth.layer_similarity import FEATURES, LayerSimilarity
from posescope.explain.joint_names import find_joints

__all__ = ['draw_similarity']


def draw_similarity(
    similarity: LayerSimilarity, joint: str | None = None, title: str = 'debiased CKA between layers'
) -> Figure:
    """Draw the matrix of the model, and that of the untrained network beside it.

    Args:
        similarity: Measured.
        joint: Of which joint; needed where there is a matrix for each.
        title: Of the figure.

    Raises:
        InputError: There is no such joint, or a joint is missing or not asked for.
    """
    if bool(similarity.joints) != (joint is not None):
        raise InputError(
            f'this similarity has {"one matrix a joint: name a joint" if similarity.joints else "no joints: name none"}'
        )
    matrices = {'the model': similarity.value, 'untrained': similarity.untrained}
    place = find_joints([joint], similarity.joints)[0] if joint is not None else ...
    shown: dict[str, NDArray[np.float64]] = {
        name: values[place] for name, values in matrices.items() if values is not None
    }
    scale = ColourScale.of(list(shown.values()))
    side = float(np.clip(0.3 * len(similarity.layers), 2.2, 8))
    size = len(shown) * side + 3.2, side + 2.2
    figure = new_figure(*size)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for panel, (name, values) in zip(panels, shown.items(), strict=True):
        picture = panel.imshow(np.ma.masked_invalid(values), cmap=scale.colours, norm=scale.norm)
        heading(panel, name)
        name_layers(panel, similarity.layers)
        name_layers(panel, similarity.layers if panel is panels[0] else [], along_y=True)
    colour_bar(figure, picture, panels, scale, 'debiased CKA')
    where = f' of {joint.replace("_", " ")}' if joint is not None else ''
    finish(figure, f'{title}{where}\n{similarity.people} people; {FEATURES[similarity.features]}')
    return figure
