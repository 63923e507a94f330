"""Linear probes: how well each joint's place can be read off a layer by a 1×1 convolution."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.depth.joint_maps import JointMaps, spread_for
from posescope.explain.depth.layer_maps import FeatureSource
from posescope.explain.depth.normal_equations import MOST_BYTES, NormalEquations
from posescope.explain.depth.ridge import LAMBDAS, fit_ridge

__all__ = ['Probe', 'ProbeFit', 'ProbeSettings', 'fit_probes', 'read_probes']


@dataclass(frozen=True)
class ProbeSettings:
    """How probes are fitted.

    Attributes:
        lambdas: Penalties to try, relative to features of variance 1.
        folds: Of the cross-validation.
        spread: Standard deviation of the Gaussians that are to be read, pixels of the input; None for that of usual
            heatmaps and at least one cell, see :func:`posescope.explain.depth.joint_maps.spread_for`.
        most_bytes: Most memory for the matrices of a layer.

    Raises:
        InputError: A number makes no sense.
    """

    lambdas: Sequence[float] = LAMBDAS
    folds: int = 5
    spread: float | None = None
    most_bytes: int = MOST_BYTES

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InputError(f'folds={self.folds} of the probes: cross-validation takes at least 2')
        if not self.lambdas or not all(penalty > 0 for penalty in self.lambdas):
            raise InputError(f'lambdas={list(self.lambdas)} of the probes have to be numbers above 0')
        if self.spread is not None and not self.spread > 0:
            raise InputError(f'spread={self.spread:g} of the probes has to be above 0 pixels')


@dataclass(frozen=True)
class Probe:
    """A 1×1 convolution from the channels of a layer to a map for each joint.

    Attributes:
        maps: What the maps mean.
        weight: (C, K) float64; NaN for a joint that nobody had labelled.
        bias: (K,) float64.
        lambdas: (K,) penalty of each joint.
        people: (K,) int, how many people's labels each joint was fitted to.
    """

    maps: JointMaps
    weight: Tensor
    bias: Tensor
    lambdas: NDArray[np.float64]
    people: NDArray[np.int64]

    def read(self, features: Tensor) -> Tensor:
        """Find joints in maps of the layer.

        Args:
            features: (B, C, h, w).

        Returns:
            (B, K, 2) x and y in pixels of the input; NaN for a joint without probe.
        """
        weight, bias = (part.to(features.device) for part in (self.weight, self.bias))
        maps = torch.einsum('bchw,ck->bkhw', features.double(), weight) + bias[:, None, None]
        places = self.maps.decode(maps.nan_to_num().float())
        return torch.where(bias.isfinite()[:, None], places, torch.nan)


class ProbeFit:
    """Fits a probe for each layer, batch by batch.

    Each cell is a row: ridge regression from its channels to the values that Gaussians around the labelled joints have
    there. The penalty is chosen joint by joint, by the squared error in folds of images that were held out. Sums of
    products are gathered, so memory does not grow with the number of people.

    Args:
        source: Gives the maps.
        settings: How to fit.
    """

    def __init__(self, source: FeatureSource, settings: ProbeSettings | None = None) -> None:
        self._source = source
        self._settings = settings or ProbeSettings()
        self._images: dict[object, int] = {}
        self._made: dict[str, tuple[JointMaps, NormalEquations]] = {}
        self._people: NDArray[np.int64] = np.zeros(1, np.int64)

    def add(self, people: LabelledPeople) -> None:
        """Add people; those of one image are in one fold."""
        folds = [self._fold(image) for image in people.images.tolist()]
        truth = torch.as_tensor(people.truth, dtype=torch.float32, device=people.inputs.device)
        known = truth.isfinite().all(-1)
        self._people = self._people + known.sum(0).cpu().numpy()
        size = int(people.inputs.shape[-1]), int(people.inputs.shape[-2])
        for name, features in self._source.of(people.inputs).items():
            if name not in self._made:
                self._made[name] = self._start(name, features.shape[1], len(people.truth[0]), size)
            maps, equations = self._made[name]
            rows, wanted = (part.flatten(2).transpose(1, 2) for part in (features, maps.encode(truth)))
            equations.add(rows, wanted, known, folds)

    def probes(self) -> dict[str, Probe]:
        """Solve: by name of the layer, its probe.

        Raises:
            InputError: There are fewer images than folds.
        """
        folds = self._settings.folds
        if len(self._images) < folds:
            raise InputError(
                f'{folds} folds of the probes take as many images, and the people to fit are on {len(self._images)}'
            )
        return {name: self._solved(*made) for name, made in self._made.items()}

    def _fold(self, image: object) -> int:
        return self._images.setdefault(image, len(self._images)) % self._settings.folds

    def _start(self, name: str, channels: int, joints: int, size: tuple[int, int]) -> tuple[JointMaps, NormalEquations]:
        layer, settings = self._source.layers[name], self._settings
        spread = spread_for(layer, size) if settings.spread is None else settings.spread
        equations = NormalEquations(channels, joints, settings.folds, settings.most_bytes)
        return JointMaps(layer, size, spread), equations

    def _solved(self, maps: JointMaps, equations: NormalEquations) -> Probe:
        ridge = fit_ridge(equations, self._settings.lambdas)
        return Probe(maps, ridge.weight, ridge.bias, ridge.lambdas, self._people)


def fit_probes(
    source: FeatureSource, people: Iterable[LabelledPeople], settings: ProbeSettings | None = None
) -> dict[str, Probe]:
    """Fit a probe for each layer of a source to batches of people, see :class:`ProbeFit`."""
    fit = ProbeFit(source, settings)
    for batch in people:
        fit.add(batch)
    return fit.probes()


def read_probes(source: FeatureSource, probes: Mapping[str, Probe], inputs: Tensor) -> dict[str, NDArray[np.float64]]:
    """Find joints in every layer.

    Args:
        source: Gives the maps.
        probes: Of :func:`fit_probes`.
        inputs: (B, 3, H, W) crops.

    Returns:
        By name of the layer, (B, K, 2) x and y in pixels of the input.
    """
    features = source.of(inputs)
    return {name: probe.read(features[name]).cpu().double().numpy() for name, probe in probes.items()}
