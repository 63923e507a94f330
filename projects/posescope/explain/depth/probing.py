"""Fit probes to some people, and test them on others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.dependency.effects import similarity
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.depth.layer_maps import STAGES, FeatureSource, LayerMaps
from posescope.explain.depth.pixel_patches import PixelPatches
from posescope.explain.depth.probe_report import BASELINES, ProbeReport
from posescope.explain.depth.probes import Probe, ProbeFit, ProbeSettings, read_probes
from posescope.explain.pose_function import PoseFunction

__all__ = ['measure_probes']


def measure_probes(
    function: PoseFunction,
    train: Iterable[LabelledPeople],
    dev: Iterable[LabelledPeople],
    layers: Sequence[str] | str = STAGES,
    *,
    untrained: PoseFunction | None = None,
    settings: ProbeSettings | None = None,
) -> ProbeReport:
    """Measure how well each joint can be read off each layer, against the mean pose, pixels and an untrained network.

    Args:
        function: The model.
        train: Batches of people to fit to: a list, or :class:`posescope.explain.depth.dataset_people.DatasetPeople`.
        dev: Batches of other people, from other images.
        layers: Layers with maps, or ``'stages'``.
        untrained: The same network untrained, see :func:`posescope.explain.depth.untrained.untrained_function`.
        settings: Of the probes.

    Raises:
        InputError: There are no people, a layer gives no map, or there are fewer images than folds.
    """
    first = next(iter(train), None)
    if first is None:
        raise InputError('there are no people to fit the probes to')
    maps = LayerMaps(function, first.inputs, layers)
    sources: dict[str, FeatureSource] = {'ks': maps, 'pixels': PixelPatches(maps.layers)}
    if untrained is not None:
        sources['untrained'] = LayerMaps(untrained, first.inputs, list(maps.layers))
    probes, mean_pose = _fit(sources, train, settings)
    found = _test(function, sources, probes, mean_pose, dev)
    fitted = list(probes['ks'].values())
    return ProbeReport(
        joints=function.joints,
        layers=tuple(maps.layers),
        images=found['images'],
        ks=found['ks'],
        baselines={name: found[name] for name in BASELINES if name in found},
        model=found['model'],
        lambdas=np.stack([probe.lambdas for probe in fitted]),
        trained_on=fitted[0].people,
        grids=tuple((*probe.maps.layer.size, len(probe.weight)) for probe in fitted),
    )


def _fit(
    sources: Mapping[str, FeatureSource], train: Iterable[LabelledPeople], settings: ProbeSettings | None
) -> tuple[dict[str, dict[str, Probe]], NDArray[np.float64]]:
    """By source and layer the probes; and (K, 2) the mean pose, NaN for a joint that nobody has labelled."""
    fits = {name: ProbeFit(source, settings) for name, source in sources.items()}
    total, count = np.zeros(1), np.zeros(1)
    for batch in train:
        total = total + np.nan_to_num(batch.truth).sum(0)
        count = count + np.isfinite(batch.truth).sum(0)
        for fit in fits.values():
            fit.add(batch)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return {name: fit.probes() for name, fit in fits.items()}, mean


def _test(
    function: PoseFunction,
    sources: Mapping[str, FeatureSource],
    probes: Mapping[str, Mapping[str, Probe]],
    mean_pose: NDArray[np.float64],
    dev: Iterable[LabelledPeople],
) -> dict[str, NDArray]:
    """By source (L, N, K) KS, and (N, K) that of the model; the images (N,)."""
    parts: dict[str, list[NDArray]] = defaultdict(list)
    for batch in dev:
        everybody = np.arange(len(batch))
        for name, source in sources.items():
            places = read_probes(source, probes[name], batch.inputs)
            parts[name].append(np.stack([similarity(function, batch, everybody, one) for one in places.values()]))
        mean = similarity(function, batch, everybody, np.broadcast_to(mean_pose, batch.truth.shape))
        parts['mean_pose'].append(np.broadcast_to(mean, parts['ks'][-1].shape))
        seen = places_when_seen(function, batch.inputs.to(function.device), len(batch))
        parts['model'].append(similarity(function, batch, everybody, seen))
        parts['images'].append(batch.images)
    if not parts:
        raise InputError('there are no people to test the probes on')
    return {name: np.concatenate(arrays, axis=1 if arrays[0].ndim == 3 else 0) for name, arrays in parts.items()}
