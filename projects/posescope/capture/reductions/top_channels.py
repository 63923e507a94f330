"""The channels that vary most."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.reductions.moments import moments
from posescope.capture.reductions.reduction import AllReduce, Reduction, channels_last, require_fitted, to_numpy
from posescope.capture.reductions.registry import REDUCTIONS
from posescope.errors import CaptureError, InputError

__all__ = ['TopChannels']


@REDUCTIONS.register_module(name=['TopChannels', 'top_channels'])
class TopChannels(Reduction):
    """The k channels of largest variance over space and people, the same ones for the whole run.

    Args:
        k: How many.
        fit: To how many samples at the beginning of the run the choice is fitted, at most: fewer where these would
            take more than about 1 GiB of memory.
    """

    def __init__(self, k: int, fit: int = 256) -> None:
        if k < 1 or fit < 1:
            raise InputError(f'TopChannels needs k ≥ 1 and fit ≥ 1; got k={k}, fit={fit}')
        self.k, self.fit_samples = k, fit
        self._channels: Tensor | None = None

    @property
    def fitted(self) -> bool:
        """Whether channels were chosen."""
        return self._channels is not None

    def fit(self, maps: Sequence[Tensor], all_reduce: AllReduce | None = None) -> None:
        """Choose channels; of equal ones the first.

        Raises:
            CaptureError: The layer has fewer than k channels.
        """
        _, variance = moments(maps, 'TopChannels', all_reduce, products=False)
        if self.k > len(variance):
            raise CaptureError(f'TopChannels cannot keep k={self.k} of {len(variance)} channels')
        self._channels = variance.argsort(descending=True, stable=True)[: self.k]

    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Keep the chosen channels, that of largest variance first.

        Returns:
            (N, k, H, W), (N, L, k) or (N, k).
        """
        require_fitted(self)
        assert self._channels is not None
        channels_last(maps, 'TopChannels')
        return maps.index_select(1 if maps.ndim == 4 else -1, self._channels.to(maps.device))

    def describe(self) -> dict[str, Any]:
        """Options, and the channels once they are chosen."""
        chosen = {} if self._channels is None else dict(channels=self._channels.tolist())
        return dict(type='TopChannels', k=self.k, fit=self.fit_samples, **chosen)

    def state(self) -> dict[str, NDArray]:
        """``channels``: (k,) int64."""
        return {} if self._channels is None else dict(channels=to_numpy(self._channels))

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """Take chosen channels."""
        if 'channels' in state:
            self._channels = torch.tensor(state['channels'], dtype=torch.int64)
