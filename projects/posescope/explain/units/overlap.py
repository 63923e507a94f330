"""Do a channel's highest responses lie on one part of the body?"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.data.body_parts import BODY_PARTS
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.body_cells import cell_places, mask_at
from posescope.explain.units.channel_maps import channel_maps
from posescope.explain.units.paired_effects import plain

__all__ = ['PartOverlap', 'part_overlap', 'top_thresholds']


@dataclass(frozen=True)
class PartOverlap:
    """Of C channels with M parts of the body, over all people.

    Attributes:
        layer: Name of the layer.
        parts: M names.
        quantile: Share of all cells that lie above a channel's threshold.
        threshold: (C,) response from which a channel counts as on.
        iou: (C, M) pixels where the channel is on and the part is seen, in parts of those where either is; NaN for
            parts that nobody shows.
        chance: (C, M) what that would be if the channel were on as often, but anywhere.
    """

    layer: str
    parts: tuple[str, ...]
    quantile: float
    threshold: NDArray[np.float64]
    iou: NDArray[np.float64]
    chance: NDArray[np.float64]

    def best_part(self) -> list[str]:
        """Name for each channel the part of its largest IoU; empty for a channel that is nowhere on."""
        filled = np.nan_to_num(self.iou, nan=-1.0)
        return [self.parts[int(row.argmax())] if row.max() > 0 else '' for row in filled]

    def to_json(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        arrays = {name: plain(getattr(self, name)) for name in ('threshold', 'iou', 'chance')}
        return {'layer': self.layer, 'parts': list(self.parts), 'quantile': self.quantile, **arrays}


def part_overlap(
    function: PoseFunction,
    inputs: Tensor,
    parts: NDArray[np.uint8],
    layer: str | None = None,
    *,
    quantile: float = 0.005,
    within: NDArray[np.bool_] | None = None,
    batch_size: int = 16,
) -> PartOverlap:
    """Compare channels with parts of the body as Network Dissection does (D. Bau et al., CVPR 2017).

    A channel is on where its map, interpolated to the input's pixels, reaches the value above which a share
    ``quantile`` of all its cells over all people lies. People run twice: for the thresholds, and for the pixels.

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        parts: (N, H, W) codes of :data:`posescope.data.body_parts.BODY_PARTS`, 0 for none, as
            :func:`posescope.explain.units.part_maps.person_parts` gives them.
        layer: A layer whose output is a map; None for the last before the head.
        quantile: The paper's is 0.005.
        within: (N, H, W) bool, which pixels count, and cells whose centres are on them; None for all, as in the paper.
            With ``parts > 0``, the person alone, a channel that responds most at the edges of crops is not told by
            them, and a larger quantile is due.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: There is no such layer or nobody, or shapes do not fit.
    """
    if not len(inputs) or parts.shape != (len(inputs), *inputs.shape[2:]):
        raise InputError(f'parts {parts.shape} have to be (N, H, W) of inputs {tuple(inputs.shape)}, N > 0')
    if not 0 < quantile < 1:
        raise InputError(f'quantile={quantile} is no share between 0 and 1')
    if within is not None and (within.shape != parts.shape or not within.any()):
        raise InputError(f'within {within.shape} has to be {parts.shape}, as parts, and leave a pixel that counts')
    spatial = find_spatial_layer(function, inputs, layer)
    threshold = top_thresholds(function, inputs, spatial, quantile, within, batch_size)
    counting = np.broadcast_to(True, parts.shape) if within is None else within
    shared, on = _counts(function, inputs, parts, counting, spatial, threshold, batch_size)
    seen = np.array([((parts == code) & counting).sum() for code in BODY_PARTS.values()], np.float64)
    either = on[:, None] + seen - shared
    pixels = counting.sum()
    expected = on[:, None] * seen / pixels
    known = (seen > 0) & np.ones_like(shared, bool)
    return PartOverlap(
        layer=spatial.name,
        parts=tuple(BODY_PARTS),
        quantile=quantile,
        threshold=threshold.double().cpu().numpy(),
        iou=np.where(known, shared / np.maximum(either, 1), np.nan),
        chance=np.where(known, expected / np.maximum(on[:, None] + seen - expected, 1), np.nan),
    )


def top_thresholds(
    function: PoseFunction,
    inputs: Tensor,
    layer: SpatialLayer,
    quantile: float,
    within: NDArray[np.bool_] | None = None,
    batch_size: int = 16,
) -> Tensor:
    """The value of each channel's ⌈quantile · cells⌉-th largest response over all people, (C,) float32.

    Only that many values of a channel are held at a time. A threshold lies above a channel's least response, or a
    channel that rests at zero in most cells would be on in all of them; one that never varies gets infinity.
    """
    places = cell_places(layer)
    cells = np.ones((len(inputs), len(places)), bool) if within is None else mask_at(within, places)
    count = max(1, math.ceil(quantile * int(cells.sum())))
    top: Tensor | None = None
    least: Tensor | None = None
    for some, maps in channel_maps(function, inputs, layer, batch_size):
        counting = torch.as_tensor(cells[some], device=maps.device).flatten()
        values = maps.transpose(0, 1).flatten(1)[:, counting]
        if not values.shape[1]:
            continue
        lowest = values.amin(1)
        least = lowest if least is None else torch.minimum(least, lowest)
        joined = values if top is None else torch.cat([top, values], 1)
        top = joined.topk(min(count, joined.shape[1]), 1).values
    if top is None or least is None:
        raise InputError(f'no cell of layer {layer.name} has its centre on a pixel that counts: choose a finer layer')
    above = torch.nextafter(least, torch.full_like(least, torch.inf))
    return torch.where(top[:, 0] > least, torch.maximum(top[:, -1], above), torch.inf)


def _counts(
    function: PoseFunction,
    inputs: Tensor,
    parts: NDArray[np.uint8],
    counting: NDArray[np.bool_],
    layer: SpatialLayer,
    threshold: Tensor,
    batch_size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels where each channel is on and each part seen (C, M), and where it is on (C,)."""
    size = int(inputs.shape[2]), int(inputs.shape[3])
    codes = torch.tensor(list(BODY_PARTS.values()), device=inputs.device)
    shared = torch.zeros(len(threshold), len(codes), dtype=torch.float64, device=inputs.device)
    on = torch.zeros(len(threshold), dtype=torch.float64, device=inputs.device)
    for some, maps in channel_maps(function, inputs, layer, batch_size):
        # One person at a time bounds the memory.
        for one, code, counted in zip(maps, parts[some], counting[some], strict=True):
            where = to_pixels(one, layer.grid, size) >= threshold[:, None, None]
            pixels = where.flatten(1)[:, torch.as_tensor(counted.ravel(), device=where.device)].float()
            of_part = torch.as_tensor(code[counted], device=where.device)[:, None] == codes
            shared += (pixels @ of_part.float()).double()
            on += pixels.sum(1).double()
    return shared.cpu().numpy(), on.cpu().numpy()
