"""A checkpoint hook that never leaves a run without a complete checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmpose.registry import HOOKS

from posescope.atomic import atomic_write
from posescope.engine.resume import latest_checkpoint
from posescope.errors import InputError, TrainingDivergedError, nearest


class _DeferredRemovals:
    """Stands before a storage backend and keeps removals until :meth:`carry_out`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._removals: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: Any) -> None:
        """Remember to remove a file."""
        self._removals.append(('remove', path))

    def rmtree(self, path: Any) -> None:
        """Remember to remove a folder."""
        self._removals.append(('rmtree', path))

    def carry_out(self, spared: set[str]) -> None:
        """Do what was remembered, except for ``spared`` paths (they were written anew meanwhile)."""
        for method, path in self._removals:
            if str(path) not in spared:
                getattr(self._backend, method)(path)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's :class:`CheckpointHook` with the order of its steps turned round.

    mmengine removes an old checkpoint *before* it writes the new one, so a full disk or a kill in between leaves
    neither. Here the new file is complete first (:meth:`ResumableRunner.save_checkpoint` writes beside it and renames),
    then ``last_checkpoint`` names it, and only then is the old one removed. Weights that are not finite are never
    saved.
    Arguments are those of mmengine's hook.
    """

    def before_train(self, runner: Any) -> None:
        """Prepare, as mmengine does, and remove what a kill in the middle of a file left."""
        super().before_train(runner)
        if runner._resume and self.last_ckpt is None:  # type: ignore[has-type]
            path = Path(str(self.out_dir)) / self.filename_tmpl.format(self._step(runner))
            self.last_ckpt = str(path) if path.is_file() else None
        if is_main_process() and '://' not in str(self.out_dir):
            for path in Path(self.out_dir).glob('.*.pth.*.part'):
                path.unlink(missing_ok=True)

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        """Save the best; and save again, as the host does with a new best, if the validation moved a schedule."""
        super().after_val_epoch(runner, metrics)
        step = self._step(runner)
        written = self.last_ckpt is not None and Path(str(self.last_ckpt)).name == self.filename_tmpl.format(step)
        if written and _follows_validation(runner.param_schedulers):
            meta = dict(epoch=runner.epoch, iter=runner.iter, validated=runner.epoch)
            self._save_checkpoint_with_step(runner, step, meta)

    def _step(self, runner: Any) -> int:
        return int(runner.epoch if self.by_epoch else runner.iter)

    @contextmanager
    def _removing_afterwards(self) -> Iterator[_DeferredRemovals]:
        backend: Any = self.file_backend  # type: ignore[has-type]
        self.file_backend = deferred = _DeferredRemovals(backend)
        try:
            yield deferred
        finally:
            self.file_backend = backend

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        refuse_non_finite(runner)
        with self._removing_afterwards() as deferred:
            super()._save_checkpoint_with_step(runner, step, meta)
        if is_main_process():
            atomic_write(Path(runner.work_dir) / 'last_checkpoint', str(self.last_ckpt).encode())
            deferred.carry_out({str(self.last_ckpt)})

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        if self.save_best:
            refuse_non_finite(runner)
            lacking = [key for key in self.key_indicators if key != 'auto' and metrics and key not in metrics]
            if lacking:
                raise InputError(
                    f"save_best='{lacking[0]}': the validation reports no such metric (nearest: "
                    f'{nearest(lacking[0], metrics)})'
                )
        with self._removing_afterwards() as deferred:
            super()._save_best_checkpoint(runner, metrics)
        if self.save_best and is_main_process():
            paths = [self.best_ckpt_path] if len(self.key_indicators) == 1 else self.best_ckpt_path_dict.values()
            deferred.carry_out({str(path) for path in paths})


def _follows_validation(schedulers: Any) -> bool:
    """Whether a schedule waits for validations, as ``ReduceOnPlateauLR`` does."""
    if isinstance(schedulers, dict):
        return any(map(_follows_validation, schedulers.values()))
    return any(getattr(one, 'need_val_args', False) for one in schedulers or ())


def refuse_non_finite(runner: Any) -> None:
    """Raise :class:`TrainingDivergedError` if a parameter of the runner's model is NaN or infinite."""
    names, parameters = zip(*runner.model.named_parameters(), strict=True)
    # A sum is finite only if all of its terms are; one transfer for all parameters together.
    sums = torch.stack([parameter.detach().sum(dtype=torch.float32) for parameter in parameters])
    broken = (~torch.isfinite(sums)).nonzero().flatten().tolist()
    if broken:
        raise TrainingDivergedError(
            f'weight {names[broken[0]]} is no longer finite at iteration {runner.iter + 1}; '
            f'{last_good(runner.work_dir)}'
        )


def last_good(work_dir: str | Path) -> str:
    """Say which complete checkpoint a run has, for an error message."""
    path = latest_checkpoint(Path(work_dir))
    return 'no checkpoint had been written' if path is None else f'the last good checkpoint is {path}'
