"""What all reductions share: fit to the first samples of a run if need be, then make maps smaller."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import CaptureError

__all__ = ['AllReduce', 'Reduction', 'channels_last', 'require_fitted', 'to_numpy']

AllReduce = Callable[[Tensor], Tensor]
"""Sums a float64 tensor over all ranks, and gives each the sum."""


class Reduction(ABC):
    """Makes what a layer gave smaller before it is stored.

    Attributes:
        fit_samples: How many samples of the run :meth:`fit` wants to see; 0 if there is nothing to fit.
        keeps_grid: Whether the result is a map with the same rows and columns.
        needs_places: Whether :meth:`apply` needs to know where the joints are.
    """

    fit_samples: int = 0
    keeps_grid: bool = True
    needs_places: bool = False

    @property
    def fitted(self) -> bool:
        """Whether :meth:`apply` may be called."""
        return True

    def fit(self, maps: Sequence[Tensor], all_reduce: AllReduce | None = None) -> None:  # noqa: B027  many need no fit
        """Fit to the first samples of a run.

        Args:
            maps: (n, C, H, W), (n, L, C) or (n, C) each.
            all_reduce: Under several ranks, each of which must call it; the result is then the same in each.
        """

    @abstractmethod
    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Reduce what a layer gave.

        Args:
            maps: (N, C, H, W), tokens (N, L, C) or vectors (N, C).
            places: (N, K, 2) row and column of each joint on the map; NaN where there is none.

        Returns:
            (N, ...).

        Raises:
            CaptureError: It cannot reduce tensors of this shape, or was not fitted.
        """

    def describe(self) -> dict[str, Any]:
        """For the manifest of a store: type, options, and what was found in fitting."""
        return dict(type=type(self).__name__)

    def state(self) -> dict[str, NDArray]:
        """What it was fitted to; empty if nothing."""
        return {}

    def restore(self, state: Mapping[str, NDArray]) -> None:  # noqa: B027
        """Take what :meth:`state` gave, in place of fitting; an empty state changes nothing."""


def channels_last(maps: Tensor, who: str) -> Tensor:
    """View maps, tokens or vectors as (N, ..., C).

    Raises:
        CaptureError: It is not clear which axis holds the channels.
    """
    if maps.ndim == 4:
        return maps.movedim(1, -1)
    if maps.ndim in (2, 3):
        return maps
    raise CaptureError(
        f'{who} reduces maps (N, C, H, W), tokens (N, L, C) or vectors (N, C), not {tuple(maps.shape)}; '
        "choose another layer or reduction='whole'"
    )


def require_fitted(reduction: Reduction) -> None:
    """Refuse to apply what was not fitted."""
    if not reduction.fitted:
        raise CaptureError(
            f'{type(reduction).__name__} must be fitted to some samples, or restored, before it is applied'
        )


def to_numpy(tensor: Tensor) -> NDArray:
    """A copy for :meth:`Reduction.state`."""
    return np.array(tensor.numpy())
