"""How each channel responds under each joint of each person, against elsewhere on that person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.body_cells import BodyCells, cell_places, cells_of_person
from posescope.explain.units.channel_maps import channel_maps

__all__ = ['Responses', 'measure_responses', 'responses_of_cells']


@dataclass(frozen=True)
class Responses:
    """Of C channels to K joints of N people.

    Attributes:
        layer: Name of the layer.
        joints: K names.
        images: (N,) what is resampled together.
        contrast: (N, C, K) float32, mean under the joint minus mean elsewhere on the person; NaN where the joint does
            not count, or no cell is elsewhere.
        auc: (N, C, K) float32, chance that a cell under the joint responds more than one elsewhere on the person, half
            for ties: the area under the ROC curve (J. Hanley and B. McNeil, Radiology 143, 1982).
        variance: (N, C) float32, of the channel over the person's cells.
    """

    layer: str
    joints: tuple[str, ...]
    images: NDArray[np.generic]
    contrast: NDArray[np.float32]
    auc: NDArray[np.float32]
    variance: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of people N."""
        return len(self.images)

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.auc.shape[1]

    @classmethod
    def join(cls, parts: Sequence['Responses']) -> 'Responses':
        """Put batches of people together.

        Raises:
            InputError: There are none, or they are of other layers or joints.
        """
        if not parts:
            raise InputError('there are no responses to join')
        if len({(part.layer, part.joints, part.channels) for part in parts}) > 1:
            raise InputError('responses of different layers or joints cannot be joined')
        arrays = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ('images', 'contrast', 'auc', 'variance')
        )
        return cls(parts[0].layer, parts[0].joints, *arrays)


def measure_responses(
    function: PoseFunction,
    people: LabelledPeople,
    layer: str | None = None,
    *,
    bodies: NDArray[np.bool_] | None = None,
    batch_size: int = 16,
) -> Responses:
    """Read a layer's channels under the visible joints of people.

    Args:
        function: The model.
        people: N people. More than fit into memory are measured in parts, see :meth:`Responses.join`.
        layer: A layer whose output is a map; None for the last before the head.
        bodies: (N, H, W) bool, pixels of the input that show each person, as
            :func:`posescope.explain.units.part_maps.person_parts` finds them; None takes what is near the skeleton.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: There is no such layer, it gives no map, there is nobody, or masks are of another shape.
    """
    if not len(people):
        raise InputError('there is nobody whose joints channels could respond to')
    wanted = (len(people), *people.inputs.shape[2:])
    if bodies is not None and bodies.shape != wanted:
        raise InputError(f'bodies of {len(people)} people have to be {wanted}, not {bodies.shape}')
    spatial = find_spatial_layer(function, people.inputs, layer)
    places = cell_places(spatial)
    found = []
    for some, maps in channel_maps(function, people.inputs, spatial, batch_size):
        values = maps.flatten(2).cpu().numpy()
        for person, value in zip(range(some.start, some.stop), values, strict=True):
            cells = cells_of_person(
                places,
                people.truth[person],
                people.visible[person],
                float(people.roots[person]),
                function.sigmas,
                function.links,
                None if bodies is None else bodies[person],
                function.input_size,
            )
            found.append(responses_of_cells(value[:, cells.cells], cells))
    contrast, auc, variance = (np.stack(part) for part in zip(*found, strict=True))
    return Responses(spatial.name, function.joints, people.images, contrast, auc, variance)


def responses_of_cells(
    values: NDArray[np.float32], cells: BodyCells
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Contrast (C, K), AUC (C, K) and variance (C,) of one person's n cells.

    Args:
        values: (C, n).
        cells: Which of them lie under each joint.
    """
    under = cells.under.T.astype(np.float64)
    count = under.sum(0)
    others = len(under) - count
    defined = (count > 0) & (others > 0)
    hits, misses = np.maximum(count, 1), np.maximum(others, 1)
    sums = values.astype(np.float64) @ under
    contrast = sums / hits - (values.sum(1, dtype=np.float64)[:, None] - sums) / misses
    ranks = rankdata(values, axis=1) if values.size else np.zeros(values.shape)
    # Sum of ranks of those under the joint, less the least that it can be: how many pairs they win (Mann and Whitney).
    auc = (ranks @ under - count * (count + 1) / 2) / (hits * misses)
    variance = values.var(1, dtype=np.float64) if values.shape[1] else np.full(len(values), np.nan)
    return (
        np.where(defined, contrast, np.nan).astype(np.float32),
        np.where(defined, auc, np.nan).astype(np.float32),
        variance.astype(np.float32),
    )
