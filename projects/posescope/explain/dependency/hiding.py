"""Predictions from crops of which something is hidden."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['places_when_hidden', 'places_when_seen', 'with_discs']


def with_discs(inputs: Tensor, surface: Tensor, centres: Tensor, radii: Tensor, region: Tensor | None = None) -> Tensor:
    """Put discs of a surface onto crops.

    Args:
        inputs: (B, 3, H, W).
        surface: (B, 3, H, W), what discs show.
        centres: (B, M, 2) x and y, pixels; NaN where a crop has fewer than M discs.
        radii: (B,) pixels; a pixel is hidden if its centre is no farther from that of a disc.
        region: (B, 4) left, top, right and bottom of what discs may change; None for the whole crop.

    Returns:
        (B, 3, H, W).
    """
    height, width = inputs.shape[-2:]
    rows = torch.arange(height, dtype=centres.dtype, device=inputs.device)[:, None]
    columns = torch.arange(width, dtype=centres.dtype, device=inputs.device)
    hidden = torch.zeros(len(inputs), height, width, dtype=torch.bool, device=inputs.device)
    for disc in centres.unbind(1):
        x, y = disc[:, 0, None, None], disc[:, 1, None, None]
        hidden |= (columns - x).square() + (rows - y).square() <= radii[:, None, None].square()
    if region is not None:
        left, top, right, bottom = region[:, :, None, None].unbind(1)
        hidden &= (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
    return torch.where(hidden[:, None], surface, inputs)


def places_when_seen(function: PoseFunction, inputs: Tensor, batch_size: int) -> NDArray[np.float64]:
    """Predict joints of whole crops.

    Args:
        function: The model.
        inputs: (P, 3, H, W).
        batch_size: Most crops in a forward pass.

    Returns:
        (P, K, 2) pixels of the input.
    """
    batches = in_batches(lambda rows: _places(function, inputs[rows]), len(inputs), batch_size, 'looking at people')
    return _joined([places for _, places in batches], len(function.joints))


def places_when_hidden(
    function: PoseFunction,
    people: LabelledPeople,
    surface: Tensor,
    person: NDArray[np.int64],
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    batch_size: int,
) -> NDArray[np.float64]:
    """Predict all joints with discs on crops; each crop is seen once, however many joints are read.

    Discs change the picture alone, not what pads it: that shows no part of a person, and controls never lie there.

    Args:
        function: The model.
        people: P people.
        surface: (P, 3, H, W), what discs show.
        person: (D,) whose crop it is.
        centres: (D, M, 2) of the discs on it, pixels of the input; NaN where there are fewer than M.
        radii: (D,) pixels of the input.
        batch_size: Most crops in a forward pass, which bounds the memory.

    Returns:
        (D, K, 2) pixels of the input.
    """
    inputs = people.inputs
    regions = torch.from_numpy(people.region).to(inputs.device, torch.float32)

    def run(rows: slice) -> NDArray[np.float64]:
        whose = torch.from_numpy(person[rows]).to(inputs.device)
        discs = torch.from_numpy(centres[rows]).to(inputs.device, torch.float32)
        sizes = torch.from_numpy(radii[rows]).to(inputs.device, torch.float32)
        return _places(function, with_discs(inputs[whose], surface[whose], discs, sizes, regions[whose]))

    batches = in_batches(run, len(person), batch_size, 'hiding joints')
    return _joined([places for _, places in batches], len(function.joints))


def _places(function: PoseFunction, inputs: Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        pose = function.decode(function(inputs.contiguous(memory_format=torch.channels_last)))
    return pose.places.cpu().numpy().astype(np.float64)


def _joined(found: list[NDArray[np.float64]], joints: int) -> NDArray[np.float64]:
    return np.concatenate(found) if found else np.empty((0, joints, 2))
