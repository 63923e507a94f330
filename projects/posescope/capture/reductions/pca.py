"""Principal components of the channels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.reductions.moments import moments
from posescope.capture.reductions.reduction import AllReduce, Reduction, channels_last, require_fitted, to_numpy
from posescope.capture.reductions.registry import REDUCTIONS
from posescope.errors import CaptureError, InputError

__all__ = ['PCA']


@REDUCTIONS.register_module(name=['PCA', 'pca'])
class PCA(Reduction):
    """The first k principal components of the channels over space and people, fitted once for the whole run.

    Components are eigenvectors of the covariance in float64; the largest weight of each is positive, so that signs do
    not depend on the solver.

    Args:
        k: How many.
        fit: To how many samples at the beginning of the run they are fitted, at most: fewer where these would take
            more than about 1 GiB of memory.
    """

    def __init__(self, k: int, fit: int = 256) -> None:
        if k < 1 or fit < 1:
            raise InputError(f'PCA needs k ≥ 1 and fit ≥ 1; got k={k}, fit={fit}')
        self.k, self.fit_samples = k, fit
        self._state: dict[str, Tensor] = {}

    @property
    def fitted(self) -> bool:
        """Whether there are components."""
        return bool(self._state)

    def fit(self, maps: Sequence[Tensor], all_reduce: AllReduce | None = None) -> None:
        """Find the components.

        Raises:
            CaptureError: The layer has fewer than k channels.
        """
        mean, covariance = moments(maps, 'PCA', all_reduce, products=True)
        if self.k > len(mean):
            raise CaptureError(f'PCA cannot find k={self.k} components of {len(mean)} channels')
        values, vectors = torch.linalg.eigh(covariance)
        basis = vectors.T.flip(0)[: self.k]
        basis = basis * basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()
        total = values.clamp(min=0).sum().clamp(min=torch.finfo(torch.float64).tiny)
        explained = values.flip(0)[: self.k].clamp(min=0) / total
        self._state = dict(basis=basis.float(), mean=mean.float(), explained=explained.float())

    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Project on the components.

        Returns:
            (N, k, H, W), (N, L, k) or (N, k), float32.
        """
        require_fitted(self)
        basis, mean = (self._state[name].to(maps.device) for name in ('basis', 'mean'))
        last = channels_last(maps, 'PCA')
        if last.shape[-1] != len(mean):
            raise CaptureError(f'PCA was fitted to {len(mean)} channels, not to {last.shape[-1]}')
        projected = (last.float() - mean) @ basis.T
        return projected.movedim(-1, 1) if maps.ndim == 4 else projected

    def expand(self, projected: Tensor) -> Tensor:
        """Project back: the closest maps that the components can tell of.

        Args:
            projected: What :meth:`apply` gave.

        Returns:
            (N, C, H, W), (N, L, C) or (N, C), float32.
        """
        require_fitted(self)
        last = channels_last(projected, 'PCA').float() @ self._state['basis'] + self._state['mean']
        return last.movedim(-1, 1) if projected.ndim == 4 else last

    def describe(self) -> dict[str, Any]:
        """Options, and once it is fitted the share of variance that each component explains."""
        explained = dict(explained=self._state['explained'].tolist()) if self.fitted else {}
        return dict(type='PCA', k=self.k, fit=self.fit_samples, **explained)

    def state(self) -> dict[str, NDArray]:
        """``basis``: (k, C), ``mean``: (C,), ``explained``: (k,) shares of the variance; float32."""
        return {name: to_numpy(tensor) for name, tensor in self._state.items()}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Take components."""
        if state:
            self._state = {name: torch.tensor(state[name]) for name in ('basis', 'mean', 'explained')}
