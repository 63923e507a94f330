"""Where in a network a joint becomes known: activations of one picture are put into the run of its twin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.evaluation.bootstrap import Interval
from posescope.explain.depth.layer_maps import STAGES
from posescope.explain.depth.patch_regions import REGIONS
from posescope.explain.depth.probe_report import joint_intervals, plain_interval
from posescope.explain.depth.twin_runs import TwinRuns
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['Patching', 'measure_patching']


@dataclass(frozen=True)
class Patching:
    """What patching each of L layers did to K joints of N pairs of pictures.

    Attributes:
        joints: K names.
        layers: L names, in the order of the model's definition.
        region: One of :data:`posescope.explain.depth.patch_regions.REGIONS`, or ``'given'``.
        images: (N,) what is resampled together.
        moved: (N, K) pixels of the input from the joint's place in the clean picture to that in the counterfactual one.
        least: Pixels that a joint has to move to count.
        recovered: (L, N, K) share of the way that the joint goes when the layer is patched: 0 stays, 1 arrives; NaN
            where it moves by less than ``least``. It is the displacement along the way divided by the way's length, so
            below 0 and above 1 are possible.
    """

    joints: tuple[str, ...]
    layers: tuple[str, ...]
    region: str
    images: NDArray[np.generic]
    moved: NDArray[np.float64]
    least: float
    recovered: NDArray[np.float64]

    @property
    def pairs(self) -> NDArray[np.int64]:
        """(K,) how many pairs count for each joint."""
        return (self.moved >= self.least).sum(0)

    def intervals(self, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """For each layer 1 + K means with 95 % intervals over images: of each pair's mean, then joint by joint."""
        return [joint_intervals(rows, self.images, resamples, seed) for rows in self.recovered]

    def content(self) -> dict[str, Any]:
        """The means with their intervals, as what JSON can hold."""
        names = ('all', *self.joints)
        return {
            'joints': list(self.joints),
            'region': self.region,
            'least': self.least,
            'pairs': dict(zip(self.joints, self.pairs.tolist(), strict=True)),
            'layers': [
                {
                    'name': layer,
                    'recovered': {name: plain_interval(one) for name, one in zip(names, row, strict=True)},
                }
                for layer, row in zip(self.layers, self.intervals(), strict=True)
            ],
        }


@torch.no_grad()
def measure_patching(
    function: PoseFunction,
    clean: Tensor,
    counterfactual: Tensor,
    layers: Sequence[str] | str = STAGES,
    *,
    region: str | Tensor = 'joint',
    radius: float | None = None,
    least: float | None = None,
    images: Sequence[Any] | NDArray[Any] | None = None,
    batch_size: int = 16,
) -> Patching:
    """Run clean pictures with one layer's activations taken from their counterfactual twins, layer by layer.

    What a whole layer holds decides all that follows wherever nothing passes it by, so every joint arrives. It is the
    region that makes this an answer: patched under the joint alone, joints arrive from the layer on at which the
    information has come to their own place; patched under what differs between the pictures, up to the layer at which
    it has left there.

    Args:
        function: The model.
        clean: (N, 3, H, W) crops.
        counterfactual: (N, 3, H, W) the same crops of pictures that differ in one thing only.
        layers: Patterns, or ``'stages'``. All outputs of a layer are patched together.
        region: One of :data:`posescope.explain.depth.patch_regions.REGIONS`, or (N, H, W) bool, pixels of the input.
            ``'joint'`` runs the model once for each joint that moves, with discs around its places in both pictures.
        radius: Of these discs, pixels; None for a twelfth of the input's width, the reach of a usual heatmap's peak.
        least: Pixels by which a joint has to move for a share of the way to mean something; None for a 24th of the
            input's width, the standard deviation of a usual heatmap's peak.
        images: (N,) what is resampled together; None for each pair on its own.
        batch_size: Most crops in a pass.

    Raises:
        InputError: Pictures are not twins in shape, no joint moves, there is no such region or layer, or a region is
            asked of a layer that has no map.
    """
    _check(clean, counterfactual, region)
    width = clean.shape[-1]
    least = width / 24 if least is None else least
    in_regions = isinstance(region, Tensor) or region != 'whole'
    runs = TwinRuns(function, clean, counterfactual, layers, in_regions, batch_size)
    moved = runs.way.norm(dim=-1)
    counts = moved >= least
    if not counts.any():
        raise InputError(
            f'no joint of {len(clean)} pairs moves by {least:g} pixels from one picture to the other, so there is no '
            'way of which a layer could recover a share: take other twins, or a smaller least'
        )
    recovered = _recovered(runs, region, counts, width / 12 if radius is None else radius, batch_size)
    return Patching(
        function.joints,
        runs.layers,
        region if isinstance(region, str) else 'given',
        np.arange(len(clean)) if images is None else np.asarray(images),
        moved.cpu().double().numpy(),
        float(least),
        recovered.cpu().double().numpy(),
    )


def _recovered(runs: TwinRuns, region: str | Tensor, counts: Tensor, radius: float, batch_size: int) -> Tensor:
    """(L, N, K) shares of the way, NaN where a joint does not count (N, K)."""
    of_joint = isinstance(region, str) and region == 'joint'
    pair, joint = counts.nonzero(as_tuple=True) if of_joint else (counts.any(1).nonzero()[:, 0], None)
    recovered = runs.way.new_full((len(runs.layers), *counts.shape), torch.nan)

    def run(rows: slice) -> list[Tensor]:
        some, its = pair[rows], None if joint is None else joint[rows]
        return list(runs.shares(some, runs.region(region, some, its, radius)))

    for rows, shares in in_batches(run, len(pair), batch_size, 'patching'):
        some, its = pair[rows], None if joint is None else joint[rows]
        for place, share in enumerate(shares):
            if its is None:
                recovered[place, some] = share
            else:
                recovered[place, some, its] = share[torch.arange(len(some)), its]
    return torch.where(counts, recovered, torch.nan)


def _check(clean: Tensor, counterfactual: Tensor, region: str | Tensor) -> None:
    if clean.shape != counterfactual.shape or clean.ndim != 4 or not len(clean):
        raise InputError(
            f'twins have to be crops (N, 3, H, W) of the same shape, not {tuple(clean.shape)} and '
            f'{tuple(counterfactual.shape)}'
        )
    if isinstance(region, str):
        if region not in REGIONS:
            raise InputError(f"region '{region}' does not exist (nearest: {nearest(region, REGIONS)})")
    elif region.shape != (len(clean), *clean.shape[2:]) or region.dtype != torch.bool:
        wanted = (len(clean), *clean.shape[2:])
        raise InputError(f'the region has to be {wanted} of bool, not {tuple(region.shape)} of {region.dtype}')
