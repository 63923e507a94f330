"""Does a set of channels serve a joint? Put at their mean, and every joint measured, against channels like them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.patches import Patches
from posescope.errors import InputError
from posescope.explain.attribution.method import channels_last
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.dependency.effects import GOOD, readable, similarity
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.channel_maps import channel_moments, check_channels
from posescope.explain.units.matched_sets import matched_sets
from posescope.explain.units.paired_effects import PairedEffects, compare_with_controls, plain
from posescope.explain.units.replacement import energy_taken, mean_of_others

__all__ = ['MeanAblation', 'ablated_places', 'mean_ablation']


@dataclass(frozen=True)
class MeanAblation:
    """What it does to K joints when a set of S channels is put at its mean.

    Attributes:
        layer: Name of the layer.
        channels: Of the set.
        control_channels: (D, S) int, of each control.
        energy: What the set loses: mean over people and cells of its squared distance from what replaces it.
        control_energy: (D,) the same of each control.
        displacement: How far joints move, in roots of the person's area.
        ks: KS that joints lose.
        p_controls: (K,) rank of the set's mean displacement among the controls': (1 + controls that move the joint as
            far) / (1 + D). It tells whether the set is special among sets like it; ``displacement.p`` whether it
            moves the joint of more people than the average control.
    """

    layer: str
    channels: tuple[int, ...]
    control_channels: NDArray[np.int64]
    energy: float
    control_energy: NDArray[np.float64]
    displacement: PairedEffects
    ks: PairedEffects
    p_controls: NDArray[np.float64]

    @property
    def joints(self) -> tuple[str, ...]:
        """K names."""
        return self.displacement.joints

    def to_json(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        return {
            'layer': self.layer,
            'channels': list(self.channels),
            'control_channels': self.control_channels.tolist(),
            'energy': self.energy,
            'control_energy': plain(self.control_energy),
            'displacement': self.displacement.to_json(),
            'ks': self.ks.to_json(),
            'p_controls': plain(self.p_controls),
        }


def mean_ablation(
    function: PoseFunction,
    people: LabelledPeople,
    layer: str | None,
    channels: Sequence[int],
    *,
    controls: int = 20,
    others: Tensor | None = None,
    good: float = GOOD,
    batch_size: int = 16,
    resamples: int = 1000,
    permutations: int = 9999,
    seed: int = 0,
) -> MeanAblation:
    """Put channels at their mean over other people and all places, and measure every joint.

    The controls are sets of as many other channels of the same layer that lose as much: each channel is matched with
    one whose energy, the squared distance from its mean, is near. Each set takes one pass over all people.

    Args:
        function: The model.
        people: N people.
        layer: A layer whose output is a map; None for the last before the head.
        channels: The set.
        controls: D, how many control sets are drawn.
        others: (M, 3, H, W) crops of other people, whose mean replaces; None takes for each person the mean of all who
            are on other images.
        good: Only people count whose joint had a KS above it.
        batch_size: Most crops in a forward pass.
        resamples: Of the bootstrap over images.
        permutations: Of signs.
        seed: Of the controls, the bootstrap and the permutations.

    Raises:
        InputError: There is no such layer or channel, too few channels for a control, or nobody counts.
    """
    if controls < 1:
        raise InputError(f'controls={controls}: an effect means nothing without a control, so draw one or more')
    wanted = [int(channel) for channel in channels]
    spatial = find_spatial_layer(function, people.inputs, layer)
    moments = channel_moments(function, people.inputs, spatial, batch_size)
    check_channels(wanted, moments.mean.shape[1], spatial.name)
    means = (
        mean_of_others(moments, people.images)
        if others is None
        else np.broadcast_to(channel_moments(function, others, spatial, batch_size).mean.mean(0), moments.mean.shape)
    )
    energy = energy_taken(moments, means)
    sets = _controls(energy, wanted, controls, spatial.name, seed)
    seen = places_when_seen(function, people.inputs, batch_size)
    counted = readable(function, people, seen, good)
    if not counted.any():
        raise InputError(
            f'none of {len(people)} people has a labelled joint that the model predicts with KS > {good:g}'
        )
    run = partial(ablated_places, function, people.inputs, spatial, means=means, batch_size=batch_size)
    moved, lost = _effects(function, people, seen, counted, [wanted, *sets.tolist()], run)
    compare = partial(
        compare_with_controls,
        joints=function.joints,
        images=people.images,
        resamples=resamples,
        permutations=permutations,
        seed=seed,
    )
    return MeanAblation(
        layer=spatial.name,
        channels=tuple(wanted),
        control_channels=sets,
        energy=float(energy[wanted].sum()),
        control_energy=energy[sets].sum(1),
        displacement=compare(moved[0], moved[1:]),
        ks=compare(lost[0], lost[1:]),
        p_controls=_rank(moved, counted),
    )


def ablated_places(
    function: PoseFunction,
    inputs: Tensor,
    layer: SpatialLayer,
    channels: Sequence[int],
    means: NDArray[np.float64],
    batch_size: int = 16,
) -> NDArray[np.float64]:
    """Predict joints while channels are put at given values.

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        layer: The layer.
        channels: S numbers.
        means: (N, C) what each channel of each person is put at.
        batch_size: Most crops in a forward pass.

    Returns:
        (N, K, 2) pixels of the input.
    """
    chosen = torch.as_tensor(list(channels), device=inputs.device)
    values = torch.as_tensor(np.asarray(means)[:, list(channels)], dtype=torch.float32)
    rows = slice(0, 0)

    def put(output: Tensor, call: int) -> Tensor:
        changed = output.clone()
        layer.maps(changed)[:, chosen] = values[rows, :, None, None].to(changed)
        return changed

    with torch.no_grad(), Patches(function.model, {layer.name: put}) as patches:

        def run(some: slice) -> Tensor:
            nonlocal rows
            rows = some
            patches.clear()
            places = function.decode(function(channels_last(inputs[some]))).places
            patches.finish(1)
            return places

        found = [places for _, places in in_batches(run, len(inputs), batch_size, 'ablating channels')]
    return torch.cat(found).cpu().numpy().astype(np.float64)


def _controls(energy: NDArray[np.float64], channels: list[int], count: int, layer: str, seed: int) -> NDArray[np.int64]:
    """Match by the logarithm of the energy, as a tenth of it counts as much wherever it is."""
    least = max(float(energy.max()) * 1e-12, 1e-300)
    try:
        return matched_sets(np.log(np.maximum(energy, least)), channels, count, np.random.default_rng(seed))
    except InputError:
        raise InputError(
            f"{len(channels)} of {len(energy)} channels of layer '{layer}' leave too few for a control of as many: "
            f'name at most {len(energy) // 2}'
        ) from None


def _effects(
    function: PoseFunction,
    people: LabelledPeople,
    seen: NDArray[np.float64],
    counted: NDArray[np.bool_],
    sets: list[list[int]],
    run: Callable[[Sequence[int]], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement and KS lost, (sets, N, K) each."""
    everyone = np.arange(len(people))
    before = similarity(function, people, everyone, seen)
    moved, lost = [], []
    for channels in sets:
        places = run(channels)
        away = np.linalg.norm(places - seen, axis=-1) / people.roots[:, None]
        moved.append(np.where(counted, away, np.nan))
        lost.append(np.where(counted, before - similarity(function, people, everyone, places), np.nan))
    return np.stack(moved), np.stack(lost)


def _rank(moved: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(K,) from displacements (1 + D, N, K), the set's first."""
    sums = np.nan_to_num(moved).sum(1)
    p = (1 + (sums[1:] >= sums[0]).sum(0)) / len(sums)
    return np.where(counted.any(0), p, np.nan)
