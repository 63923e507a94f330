"""What probes found, layer by layer, against what they have to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError, nearest
from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity.curve import mean_interval

__all__ = ['BASELINES', 'ProbeReport', 'joint_intervals', 'plain_interval']

BASELINES = {'mean_pose': 'the mean pose', 'pixels': 'raw pixels', 'untrained': 'the untrained network'}
"""What a layer has to beat before it can be said to hold a joint."""


@dataclass(frozen=True)
class ProbeReport:
    """KS of L probes on N people whom they were not fitted to.

    Attributes:
        joints: K names.
        layers: L names, in the order in which the model gives them.
        images: (N,) what is resampled together.
        ks: (L, N, K) NaN where a joint is not labelled.
        baselines: By name of :data:`BASELINES`, (L, N, K) KS of the mean place of the joint in the crops of the people
            that the probes were fitted to; of the same probe on the pixels under the cells; of the same probe on the
            same layer of an untrained network, if there is one.
        model: (N, K) KS of the model itself.
        lambdas: (L, K) penalties.
        trained_on: (K,) people whose labels each joint was fitted to.
        grids: L times rows, columns and channels of the layer.
    """

    joints: tuple[str, ...]
    layers: tuple[str, ...]
    images: NDArray[np.generic]
    ks: NDArray[np.float64]
    baselines: Mapping[str, NDArray[np.float64]]
    model: NDArray[np.float64]
    lambdas: NDArray[np.float64]
    trained_on: NDArray[np.int64]
    grids: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        """Number of people N."""
        return len(self.images)

    def gains(self, over: str, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """Give the mean KS above that of a baseline, with 95 % intervals over images.

        Args:
            over: One of :data:`BASELINES`.
            resamples: Of the bootstrap.
            seed: Of the bootstrap.

        Returns:
            For each layer 1 + K: of each person's mean over joints, then joint by joint.

        Raises:
            InputError: There is no such baseline.
        """
        if over not in self.baselines:
            raise InputError(f"baseline '{over}' was not measured (nearest: {nearest(over, self.baselines)})")
        return [joint_intervals(rows, self.images, resamples, seed) for rows in self.ks - self.baselines[over]]

    def similarities(self, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """Give the mean KS itself, as :meth:`gains` does."""
        return [joint_intervals(rows, self.images, resamples, seed) for rows in self.ks]

    def content(self) -> dict[str, Any]:
        """Everything as what JSON can hold, NaN as None."""
        gains = {over: self.gains(over) for over in self.baselines}
        similarities = self.similarities()
        return {
            'joints': list(self.joints),
            'people': len(self),
            'images': len(np.unique(self.images)),
            'trained_on': self.trained_on.tolist(),
            'ks_of_the_model': self._named(joint_intervals(self.model, self.images)),
            'layers': [
                {
                    'name': layer,
                    **dict(zip(('rows', 'columns', 'channels'), self.grids[place], strict=True)),
                    'lambdas': [None if np.isnan(one) else float(one) for one in self.lambdas[place]],
                    'ks': self._named(similarities[place]),
                    'gain_over': {over: self._named(rows[place]) for over, rows in gains.items()},
                }
                for place, layer in enumerate(self.layers)
            ],
        }

    def _named(self, intervals: list[Interval]) -> dict[str, Any]:
        return {name: plain_interval(one) for name, one in zip(('all', *self.joints), intervals, strict=True)}


def joint_intervals(
    values: NDArray[np.float64], images: NDArray[np.generic], resamples: int = 1000, seed: int = 0
) -> list[Interval]:
    """Give means over people with 95 % intervals over images.

    Args:
        values: (N, K), NaN where a joint of a person does not count.
        images: (N,) what is resampled together.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        1 + K: of each person's mean over joints, then joint by joint.
    """
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(1)
    mean = np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)
    return mean_interval(np.column_stack([mean, values]), images, resamples, seed)


def plain_interval(interval: Interval) -> dict[str, Any]:
    """An interval as what JSON can hold."""
    return {'value': interval.value, 'low': interval.low, 'high': interval.high, 'reason': interval.reason}
