"""Training runs of a small model, in this process or another, and the losses that they logged."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmpose.registry import HOOKS, METRICS

ROOT = Path(__file__).resolve().parents[2]


def logged(work_dir: Path, key: str = 'loss') -> dict[int, float]:
    """Read {iteration: value} from all logs of a work dir; of an iteration done twice the last counts."""
    values: dict[int, float] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json'), key=lambda path: path.stat().st_mtime):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if key in record and 'iter' in record:
                values[record['iter']] = record[key]
    return values


def start(tool: str, *arguments: str | Path) -> subprocess.Popen:
    """Start a tool in a process group of its own, output captured; one thread, since other tests run beside it."""
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    return subprocess.Popen(
        [sys.executable, ROOT / 'tools' / tool, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


@HOOKS.register_module()
class ExplodingHook(Hook):
    """Sets one weight to NaN after a step, as a learning rate that is much too high would."""

    priority = 'HIGHEST'

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter == self.iteration:
            next(runner.model.parameters()).data.fill_(float('nan'))


@METRICS.register_module()
class CountingMetric(BaseMetric):
    """Reports 1, 2, 3 … so that every validation is the best one so far."""

    count = 0

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results) -> dict:
        self.count += 1
        return {'loss': float(self.count)}
