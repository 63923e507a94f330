"""Where a run stopped, and how its data go on from exactly there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from posescope.engine.seeding import SeededSampler

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
    """mmengine's epoch loop that can also start in the middle of an epoch."""

    start_batch = 0

    def run_epoch(self) -> None:
        """Train for one epoch, or for the rest of the one that a checkpoint interrupted."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start, self.start_batch = self.start_batch, 0
        for index, data_batch in enumerate(self.dataloader, start):
            self.run_iter(index, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


class _AdvancedIterator:
    """Stands for an iterator of which ``steps`` items were taken already: those cost nothing."""

    def __init__(self, iterator: Iterator[Any], steps: int) -> None:
        self._iterator, self._steps = iterator, steps

    def __iter__(self) -> '_AdvancedIterator':
        return self

    def __next__(self) -> Any:
        if self._steps > 0:
            self._steps -= 1
            return None
        return next(self._iterator)


def fast_forward(loop: EpochBasedTrainLoop | IterBasedTrainLoop, seed: int | None) -> bool:
    """Let a loop whose counters were resumed draw the data that an undisturbed run would draw next.

    Args:
        loop: A training loop over a :class:`SeededSampler`, counters set from the checkpoint.
        seed: Seed of the resumed run; None keeps the sampler's.

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
    batches = loop.iter - loop.epoch * len(loader)
    if not 0 <= batches <= len(loader):
        # Another batch size or number of processes than before: whole epochs are all that can be meant.
        batches = 0
    sampler.restart(seed, loop.epoch, batches * loader.batch_size)
    if isinstance(loop, ResumableEpochLoop):
        loop.start_batch = batches
    return True
