"""Where a run stopped, and how its data go on from exactly there."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop

from posescope.atomic import atomic_write
from posescope.engine.seeding import SeededSampler

_VALIDATION = 'last_validation'
"""File in the work dir that names the epoch after which the last validation ended."""
_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def latest_checkpoint(work_dir: Path) -> Path | None:
    """Find the checkpoint that a run should go on from.

    ``last_checkpoint`` names it; where that file is missing, empty or names something that is gone (a kill in the
    middle of mmengine's own write), the newest numbered checkpoint is taken. Files are renamed into place when they are
    complete, so every one that is there can be read.

    Args:
        work_dir: Folder of the run.

    Returns:
        The file, or None if the run has none yet.
    """
    record = work_dir / 'last_checkpoint'
    if record.is_file():
        name = record.read_text().strip()
        # The folder may have been moved or copied since: what lies beside the record is meant.
        for path in (work_dir / Path(name).name, Path(name)):
            if name and path.is_file():
                return path
    matches = {path: _NUMBERED.fullmatch(path.name) for path in work_dir.glob('*.pth')}
    numbered = {path: int(match[1]) for path, match in matches.items() if match is not None}
    return max(numbered, key=lambda path: (path.stat().st_mtime_ns, numbered[path]), default=None)


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop that can also start in the middle of an epoch, or with the validation at its end.

    Attributes:
        start_batch: Batches of the first epoch that were done before.
        done: Batches of this epoch that are done.
    """

    start_batch = 0
    done = 0

    def run(self) -> torch.nn.Module:
        """Train; a validation that the run was stopped in is made first."""
        self.runner.call_hook('before_train')
        if self._epoch:
            self._decide_current_val_interval()  # as the host does after each epoch
        if self._lacks_validation():
            self.runner.logger.info(f'the validation after epoch {self._epoch} had not ended: it is made now')
            self._validate()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            if self._due():
                self._validate()
        self.runner.call_hook('after_train')
        model: torch.nn.Module = self.runner.model
        return model

    def run_epoch(self) -> None:
        """Train for one epoch, or for the rest of the one that a checkpoint interrupted."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start, self.start_batch = self.start_batch, 0
        for index, data_batch in enumerate(self.dataloader, start):
            self.done = index + 1
            self.run_iter(index, data_batch)
        self.done = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def position(self) -> dict[str, int]:
        """Where in its epoch the loop is, and in what kind of batches."""
        return {'done': self.done, **_batches(self)}

    @property
    def _work_dir(self) -> Path:
        return Path(self.runner.work_dir)

    def _lacks_validation(self) -> bool:
        """Whether the run was stopped in a validation; the first process tells the others, which may lack its files."""
        if not self._epoch or self.start_batch or not self._due():
            return False
        validated = self.runner._loaded_meta.get('validated')
        answer = [self._epoch not in (validated, _last_validation(self._work_dir))]
        broadcast_object_list(answer)
        return answer[0]

    def _due(self) -> bool:
        """Whether a validation belongs after the epochs that are done."""
        by_interval = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        return self.runner.val_loop is not None and self._epoch >= self.val_begin and by_interval

    def _validate(self) -> None:
        self.runner.val_loop.run()
        if is_main_process():
            atomic_write(self._work_dir / _VALIDATION, f'{self._epoch}\n'.encode())


def _last_validation(work_dir: Path) -> int | None:
    """After which epoch the last validation ended; None if that is not known."""
    path = work_dir / _VALIDATION
    text = path.read_text().strip() if path.is_file() else ''
    return int(text) if text.isdecimal() else None


def _batches(loop: EpochBasedTrainLoop) -> dict[str, int]:
    loader = loop.dataloader
    return {'batch_size': loader.batch_size or 0, 'world_size': get_world_size(), 'batches': len(loader)}


class _AdvancedIterator:
    """Stands for an iterator of which ``steps`` items were taken already: those cost nothing."""

    def __init__(self, iterator: Iterator[Any], steps: int) -> None:
        self.iterator, self._steps = iterator, steps

    def __iter__(self) -> '_AdvancedIterator':
        return self

    def __next__(self) -> Any:
        if self._steps > 0:
            self._steps -= 1
            return None
        return next(self.iterator)


def endless_iterator(loop: BaseLoop) -> Any:
    """MMEngine's own iterator of a loop over iterations, behind what :func:`fast_forward` puts before it; else None."""
    iterator = getattr(loop, 'dataloader_iterator', None)
    return iterator.iterator if isinstance(iterator, _AdvancedIterator) else iterator


def fast_forward(
    loop: EpochBasedTrainLoop | IterBasedTrainLoop, seed: int | None, position: Mapping[str, int] | None = None
) -> bool:
    """Let a loop whose counters were resumed draw the data that an undisturbed run would draw next.

    Args:
        loop: A training loop over a :class:`SeededSampler`, counters set from the checkpoint.
        seed: Seed of the resumed run; None keeps the sampler's.
        position: What the checkpoint says of :meth:`ResumableEpochLoop.position`; None if it says nothing.

    Returns:
        False if that cannot be done without loading the data again (a batch sampler or an endless sampler of another
        kind); then the loop is left as it was.
    """
    loader = loop.dataloader
    sampler = loader.sampler
    if not isinstance(sampler, SeededSampler) or loader.batch_size is None:
        return False
    endless = isinstance(sampler.inner, InfiniteSampler)
    if isinstance(loop, IterBasedTrainLoop):
        epoch, batches = (0, loop.iter) if endless else divmod(loop.iter, len(loader))
        sampler.restart(seed, epoch, batches * loader.batch_size)
        iterator = type(loop.dataloader_iterator)(loader)
        iterator._epoch = epoch
        loop.dataloader_iterator = _AdvancedIterator(iterator, loop.iter)
        return True
    if endless:
        return False
    batches = loop.iter - loop.epoch * len(loader) if position is None else position['done']
    other = position is not None and _batches(loop) != {key: position.get(key) for key in _batches(loop)}
    if other and batches:
        print_log(
            f'the batches are others than those of which {batches} were done in epoch {loop.epoch + 1}: it begins anew',
            'current',
            logging.WARNING,
        )
    if other or not 0 <= batches <= len(loader):
        batches = 0  # whole epochs are all that can be meant
    sampler.restart(seed, loop.epoch, batches * loader.batch_size)
    if isinstance(loop, ResumableEpochLoop):
        loop.start_batch = batches
    return True
