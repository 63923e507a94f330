"""A test run that benchmarks make again and again: from memory, with hooks or with a tool that calls the model."""

import copy
import os
import time
from collections.abc import Callable, Sequence
from itertools import count as numbers
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.structures import PoseDataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from posescope.engine.testset import use_coco

__all__ = ['InMemory', 'Run', 'Seconds', 'Steps', 'TimedRun', 'in_turn']

Seconds = tuple[float, float]
"""Of a run: until its second batch begins, and from there to its end."""
Run = Callable[[], Seconds]
_NUMBERS = numbers(1)


class InMemory(Dataset[dict[str, Any]]):
    """The first people of a data set, as its pipeline gives them; where it has fewer, again with other ids."""

    def __init__(self, dataset: Any, count: int) -> None:
        self.dataset, self.metainfo = dataset, dataset.metainfo
        there = [dataset[i] for i in range(min(count, len(dataset)))]
        self._samples = [_renamed(there[i % len(there)], i // len(there)) for i in range(count)]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._samples[index]


def _renamed(sample: dict[str, Any], turn: int) -> dict[str, Any]:
    data_sample = copy.copy(sample['data_samples'])
    renamed = PoseDataSample(metainfo={**data_sample.metainfo, 'id': data_sample.id + turn * 10**6})
    renamed.gt_instances = data_sample.gt_instances
    return {'inputs': sample['inputs'], 'data_samples': renamed}


class SecondBatch(Hook):
    """Notes when the second batch begins."""

    began = 0.0

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Look at the clock."""
        if batch_idx == 1:
            self.began = time.perf_counter()


class TimedRun:
    """A test run of a config on people in memory, with random weights, that can be made again and again.

    Args:
        config: File of a top-down model.
        annotations: COCO-format file of the people.
        images: Folder of their pictures.
        count: How many people.
        batch: How many of them at a time.
        folder: Where the run writes.

    Attributes:
        model: With random weights.
        metrics: Of the last run.
    """

    def __init__(self, config: Path, annotations: Path, images: Path, count: int, batch: int, folder: Path) -> None:
        cfg = Config.fromfile(config)
        cfg.merge_from_dict({'model.backbone.init_cfg': None, 'work_dir': str(folder / 'run'), 'log_level': 'ERROR'})
        use_coco(cfg, annotations, images)
        cfg.test_evaluator = {'type': 'CocoKeypointMetric', 'ann_file': str(annotations)}
        cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
        cfg.train_dataloader = cfg.train_cfg = cfg.optim_wrapper = cfg.val_dataloader = None
        cfg.val_cfg = cfg.val_evaluator = cfg.param_scheduler = None
        # MMEngine gives a visualiser of a known name again, together with the folder of the run that made it.
        cfg.visualizer = {'type': 'Visualizer', 'name': f'timed-{next(_NUMBERS)}'}
        self._runner = Runner.from_cfg(cfg)
        loop: Any = self._runner.test_loop
        data = InMemory(loop.dataloader.dataset, count)
        loop.dataloader = DataLoader(data, batch, collate_fn=pseudo_collate)
        self.loader = loop.dataloader
        self.model: Any = self._runner.model
        self.metrics: dict[str, float] = {}
        self._clock = SecondBatch()
        self._runner.register_hook(self._clock, 'VERY_HIGH')

    def __call__(self, *hooks: Hook) -> Seconds:
        """Run with further hooks."""
        runner = self._runner
        before = list(runner.hooks)
        for hook in hooks:
            runner.register_hook(hook)
        start = time.perf_counter()
        try:
            self.metrics = runner.test()
        finally:
            end = time.perf_counter()
            runner.hooks[:] = before
        return self._clock.began - start, end - self._clock.began

    def stepwise(self, run: Callable[[nn.Module, Tensor], object]) -> Seconds:
        """Run with a tool that calls the model itself.

        Args:
            run: Takes a module and the numbers of the batches, (B, 1); the module takes such a number and makes one
                step of the test with that batch.
        """
        steps = Steps(self)
        start = time.perf_counter()
        run(steps, torch.arange(len(self.loader))[:, None])
        self.metrics = self._runner.test_loop.evaluator.evaluate(len(self.loader.dataset))
        return steps.began - start, time.perf_counter() - steps.began

    def step(self, batch: list[Any] | dict[str, Any]) -> None:
        """Predict a batch and hand it to the evaluator."""
        self._runner.test_loop.evaluator.process(self.model.test_step(batch), batch)


class Steps(nn.Module):
    """A test run as a module, for tools that want to call one."""

    def __init__(self, run: TimedRun) -> None:
        super().__init__()
        self.model = run.model
        self.began = 0.0
        self._step = run.step
        self._batches = list(run.loader)
        self.eval()

    @torch.no_grad()
    def forward(self, number: Tensor) -> Tensor:
        """Make a step; gives the number back."""
        if int(number) == 1:
            self.began = time.perf_counter()
        self._step(self._batches[int(number)])
        return number


def in_turn(runs: Sequence[Run], blocks: int) -> list[list[Seconds]]:
    """Time runs in turn, every second time from the last to the first, after one of each that does not count.

    Returns:
        For each run its seconds.
    """
    seconds: list[list[Seconds]] = [[] for _ in runs]
    for block in range(blocks + 1):
        for i in range(len(runs))[:: 1 if block % 2 else -1]:
            os.sync()  # nobody pays for what another left unwritten
            found = runs[i]()
            if block:
                seconds[i].append(found)
    return seconds
