"""Which layers treat people alike."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.depth.cka import LEAST_PEOPLE, alignment, alignment_error, batch_weights, grams, unbiased_hsic
from posescope.explain.depth.layer_maps import STAGES, LayerMaps
from posescope.explain.pose_function import PoseFunction

__all__ = ['FEATURES', 'LayerSimilarity', 'measure_similarity']

FEATURES = {
    'map': 'all channels of all cells',
    'mean': 'the mean of each channel over cells',
    'joints': 'the channels of the cell under each joint',
}
"""What of a layer is compared."""


@dataclass(frozen=True)
class LayerSimilarity:
    """Debiased linear CKA between L layers, over N people.

    Attributes:
        layers: L names.
        joints: K names with ``features='joints'``; else empty.
        features: One of :data:`FEATURES`.
        people: N.
        value: (L, L), or (K, L, L) with one matrix a joint; see :func:`posescope.explain.depth.cka.alignment`.
        error: Of the same shape, standard errors by leaving out batches.
        untrained: Of the same shape, the same in an untrained network; None without one.
        untrained_error: Of the same shape, or None.
    """

    layers: tuple[str, ...]
    joints: tuple[str, ...]
    features: str
    people: int
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    untrained: NDArray[np.float64] | None = None
    untrained_error: NDArray[np.float64] | None = None

    def content(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        arrays = ('value', 'error', 'untrained', 'untrained_error')
        return {
            'layers': list(self.layers),
            'joints': list(self.joints),
            'features': self.features,
            'people': self.people,
            **{name: _plain(getattr(self, name)) for name in arrays},
        }


def measure_similarity(
    function: PoseFunction,
    people: Tensor | Iterable[Tensor],
    layers: Sequence[str] | str = STAGES,
    *,
    features: str = 'map',
    untrained: PoseFunction | None = None,
    batch_size: int = 32,
) -> LayerSimilarity:
    """Compare layers by how they arrange people, with linear kernels.

    Batches are compared on their own and their estimates averaged, so memory does not grow with the number of people.
    Larger batches have more weight, as their estimates are less noisy. The result suggests, and proves nothing: layers
    may agree on what no joint depends on.

    Args:
        function: The model.
        people: (N, 3, H, W) crops, or batches of them; batches of fewer than four people are left out.
        layers: Layers with maps, or ``'stages'``.
        features: One of :data:`FEATURES`; with ``'joints'`` a matrix a joint, at the places that the model predicts.
        untrained: The same network untrained, see :func:`posescope.explain.depth.untrained.untrained_function`: layers
            are alike by architecture alone, and only what exceeds that was learned.
        batch_size: Most people in a batch, where ``people`` is not cut into batches; it is cut into few of about the
            same size. More make the estimate less noisy.

    Raises:
        InputError: There are fewer than four people, ``batch_size`` is below four, or no such features or layers exist.
    """
    _check(features, batch_size)
    readers: list[LayerMaps] = []
    hsic: list[list[Tensor]] = [[], []]
    counts: list[int] = []
    seen = 0
    for inputs in _batches(people, batch_size):
        seen += len(inputs)
        if len(inputs) < LEAST_PEOPLE:
            continue
        if not readers:
            readers.append(LayerMaps(function, inputs, layers))
            if untrained is not None:
                readers.append(LayerMaps(untrained, inputs, list(readers[0].layers)))
        places = _predicted(function, inputs) if features == 'joints' else None
        for reader, found in zip(readers, hsic, strict=False):
            found.append(_hsic(reader, inputs, features, places))
        counts.append(len(inputs))
    if not readers:
        raise InputError(f'debiased CKA takes batches of {LEAST_PEOPLE} or more people, and there are {seen}')
    weights = batch_weights(counts)
    (value, error), *others = [_summary(found, weights) for found in hsic if found]
    joints = function.joints if features == 'joints' else ()
    beside = others[0] if others else ()
    return LayerSimilarity(tuple(readers[0].layers), joints, features, sum(counts), value, error, *beside)


def _check(features: str, batch_size: int) -> None:
    if batch_size < LEAST_PEOPLE:
        raise InputError(f'batch_size={batch_size}: debiased CKA takes {LEAST_PEOPLE} or more people in a batch')
    if features not in FEATURES:
        raise InputError(f"features='{features}' do not exist (nearest: {nearest(features, FEATURES)})")


def _plain(values: NDArray[np.float64] | None) -> Any:
    if values is None:
        return None
    mixed = values.astype(object)
    mixed[np.isnan(values)] = None
    return mixed.tolist()


def _batches(people: Tensor | Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    if not isinstance(people, Tensor):
        yield from people
        return
    batches = min(-(-len(people) // batch_size), len(people) // LEAST_PEOPLE)
    yield from people.tensor_split(max(batches, 1))


def _hsic(reader: LayerMaps, inputs: Tensor, features: str, places: Tensor | None) -> Tensor:
    """(L, L), or (K, L, L)."""
    maps = reader.of(inputs)
    if places is None:
        return unbiased_hsic(grams([one if features == 'map' else one.mean((2, 3)) for one in maps.values()]))
    under = [_under_joints(reader.layers[name], one, places) for name, one in maps.items()]  # L times (B, K, C)
    return torch.stack([unbiased_hsic(grams([one[:, joint] for one in under])) for joint in range(places.shape[1])])


def _under_joints(layer: SpatialLayer, maps: Tensor, places: Tensor) -> Tensor:
    """(B, K, C) channels at the cell nearest to each place (B, K, 2), pixels of the input."""
    column, row = (
        ((places[..., axis] - layer.grid.offset[1 - axis]) / layer.grid.scale[1 - axis])
        .round()
        .clamp(0, layer.size[1 - axis] - 1)
        .long()
        for axis in (0, 1)
    )
    cells = (row * layer.size[1] + column)[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, cells).transpose(1, 2)


def _predicted(function: PoseFunction, inputs: Tensor) -> Tensor:
    places = places_when_seen(function, inputs.to(function.device), len(inputs))
    return torch.from_numpy(places).to(function.device, torch.float32)


def _summary(
    found: list[Tensor], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and errors of batches (L, L) or (K, L, L)."""
    batches = torch.stack(found).cpu().numpy()
    if batches.ndim == 3:
        return alignment(batches, weights), alignment_error(batches, weights)
    joints = [batches[:, joint] for joint in range(batches.shape[1])]
    values, errors = ([measure(one, weights) for one in joints] for measure in (alignment, alignment_error))
    return np.stack(values), np.stack(errors)
