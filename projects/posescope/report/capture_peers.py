"""Other ways to write down what layers give during a test run, for benchmarks to compare with."""

import functools
import operator
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from posescope.report.timed_runs import Seconds, TimedRun

__all__ = ['PEERS', 'CaptumRun', 'NpzHook', 'NpzRun', 'PeerRun', 'TorchLensRun']


class PeerRun(Protocol):
    """A test run in which a peer writes what layers give to a folder, each time anew."""

    def __call__(self) -> Seconds:
        """Make it."""
        ...

    def first(self, layer: str) -> Any:
        """Read a layer's output for the first batch back."""
        ...


class NpzHook(Hook):
    """What people write by hand: forward hooks, and a file a batch."""

    def __init__(self, layers: Sequence[str], folder: Path) -> None:
        self._layers, self._folder = layers, folder

    def before_test(self, runner: Runner) -> None:
        """Register the hooks."""
        self._arrays: dict[str, Any] = {}
        self._handles = [
            runner.model.get_submodule(layer).register_forward_hook(
                lambda module, args, output, layer=layer: self._arrays.__setitem__(layer, output.cpu().numpy())
            )
            for layer in self._layers
        ]
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write a batch."""
        np.savez(self._folder / f'{batch_idx}.npz', **self._arrays)

    def after_test(self, runner: Runner) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def first(self, layer: str) -> Any:
        """A layer's output for the first batch."""
        return np.load(self._folder / '0.npz')[layer]


class NpzRun:
    """A run with :class:`NpzHook`."""

    def __init__(self, run: TimedRun, layers: Sequence[str], folder: Path) -> None:
        self._run, self._hook = run, NpzHook(layers, folder)
        self.first = self._hook.first

    def __call__(self) -> Seconds:
        """Run."""
        return self._run(self._hook)


class CaptumRun:
    """A run made by Captum, which writes a file a layer and batch."""

    def __init__(self, run: TimedRun, layers: Sequence[str], folder: Path) -> None:
        self._run, self._layers, self._folder = run, [f'model.{layer}' for layer in layers], folder

    def __call__(self) -> Seconds:
        """Run."""
        from captum._utils.av import AV

        shutil.rmtree(self._folder, ignore_errors=True)
        return self._run.stepwise(
            lambda steps, numbers: AV.generate_dataset_activations(
                str(self._folder), steps, 'run', self._layers, DataLoader(TensorDataset(numbers), None)
            )
        )

    def first(self, layer: str) -> Any:
        """A layer's output for the first batch."""
        found = torch.load(self._folder / 'av/run/default' / f'model.{layer}' / '0.pt', 'cpu')
        return (found if isinstance(found, Tensor) else found[0]).numpy()


class TorchLensRun:
    """A run traced by TorchLens batch by batch, with layers saved to its disk storage."""

    def __init__(self, run: TimedRun, layers: Sequence[str], folder: Path) -> None:
        self._run, self._layers, self._folder = run, [f'model.{layer}' for layer in layers], folder

    def __call__(self) -> Seconds:
        """Run."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        return self._run.stepwise(self._trace)

    def _trace(self, steps: nn.Module, numbers: Tensor) -> None:
        import torchlens

        for number in numbers:
            storage = torchlens.to_disk(self._folder / str(int(number)))
            # Otherwise PyTorch's functions stay wrapped, and slow down whoever runs next.
            capture = torchlens.options.CaptureOptions(unwrap_when_done=True)
            torchlens.trace(steps, number, save=self._chosen(), storage=storage, capture=capture)

    def _chosen(self) -> Any:
        import torchlens

        chosen = [torchlens.module(layer) for layer in self._layers]
        return functools.reduce(operator.or_, chosen)

    def first(self, layer: str) -> Any:
        """A layer's output for the first batch."""
        import torchlens

        return torchlens.load(self._folder / '0')[f'model.{layer}'].out.cpu().numpy()


PEERS: dict[str, tuple[str, type]] = {
    'captum': ('Captum dataset activations', CaptumRun),
    'npz': ('forward hook with np.savez', NpzRun),
    'torchlens': ('TorchLens disk storage', TorchLensRun),
}
"""Name → what to call it in a table, and its run."""
