"""What a run's model costs: parameters, arithmetic, time for one person and for a batch, memory. Also a program."""

import argparse
import hashlib
import json
import pprint
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import posescope  # noqa: F401  makes MMPose importable where this is the program
from posescope.atomic import atomic_write
from posescope.engine.building import building
from posescope.engine.command import command
from posescope.engine.config import load_config
from posescope.errors import InputError
from posescope.evaluation.model_cost import input_size_of, joints_of, measure_cost
from posescope.study.host import describe_host

__all__ = ['BATCH', 'digest_of_model', 'measure']

BATCH = 32
"""People in the larger batch."""
_REPEATS = 5
_PATIENCE = 20.0
"""Seconds after which no further batch is timed, unless it is only the second."""


def digest_of_model(content: Mapping[str, Any], losses: bool = False) -> str | None:
    """Name what costs depend on: the model and the size of its input; None if the config does not say the size.

    Args:
        content: Of the config.
        losses: Whether losses count, which take time in training alone.
    """
    try:
        size = input_size_of(Config(dict(content)), 'model')
    except InputError:
        return None
    model = content.get('model')
    text = pprint.pformat((model if losses else _without_losses(model), size))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_losses(value: Any) -> Any:
    """The same without what MMPose's configs call ``loss``, ``loss_…`` or ``…_loss``, which no prediction computes."""
    if isinstance(value, Mapping):
        return {key: _without_losses(one) for key, one in value.items() if 'loss' not in str(key).split('_')}
    return [_without_losses(one) for one in value] if isinstance(value, list | tuple) else value


def measure(cfg: Config, name: str, threads: int, repeats: int = 20) -> dict[str, Any]:
    """Measure a config's model with random weights on noise, on the CPU.

    Args:
        cfg: The config of a top-down model.
        name: What to call it in a message.
        threads: For the larger batch; one person is predicted on one thread.
        repeats: Predictions of one person that are timed.

    Returns:
        ``exact``: input_size, parameters, multiply_adds; ``measured``: latency_ms by batch with its threads, memory.

    Raises:
        InputError: The model cannot be built or is not top-down.
    """
    cost = measure_cost(cfg, name, repeats)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        batch_ms = 1e3 * _seconds_of_batch(cfg, name)
    finally:
        torch.set_num_threads(before)
    return {
        'exact': {
            'input_size': list(cost.input_size),
            'parameters': cost.parameters,
            'multiply_adds': cost.multiply_adds,
        },
        'measured': {
            'latency': [
                {'batch': 1, 'threads': 1, 'milliseconds': cost.milliseconds},
                {'batch': BATCH, 'threads': threads, 'milliseconds': batch_ms},
            ],
            'inference_memory_mb': _peak_memory_mb(),
            'host': describe_host(threads),
        },
    }


def _seconds_of_batch(cfg: Config, name: str) -> float:
    """Median time from normalised crops to joints of a whole batch, after one that does not count."""
    width, height = input_size_of(cfg, name)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')), building(f'model of {name}'):
        model = MODELS.build(cfg.model)
    model.eval()
    joints = joints_of(model)
    inputs = torch.randn(BATCH, 3, height, width, generator=torch.Generator().manual_seed(0))
    times: list[float] = []
    begun = time.perf_counter()
    with torch.inference_mode():
        while len(times) < 2 or (len(times) <= _REPEATS and time.perf_counter() - begun < _PATIENCE):
            people = [_person((width, height), joints) for _ in range(BATCH)]
            start = time.perf_counter()
            model(inputs, people, mode='predict')
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _person(size: tuple[int, int], joints: int) -> PoseDataSample:
    """A person whose crop is the whole picture."""
    size_array = np.array(size, np.float32)
    meta = {'input_size': size, 'input_center': size_array / 2, 'input_scale': size_array}
    # Which joints a mirrored picture exchanges makes no difference to the time.
    sample = PoseDataSample(metainfo={**meta, 'flip_indices': list(range(joints))})
    boxes = np.array([[0, 0, *size]], np.float32)
    sample.gt_instances = InstanceData(bboxes=boxes, bbox_scores=np.ones(1, np.float32))
    return sample


def _peak_memory_mb() -> float | None:
    """Largest resident set of this process so far, MiB; None where the system does not tell."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith('VmHWM:')]
    return int(found[0]) / 1024 if found else None


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure a config's model and write the result.

    Args:
        argv: ``CONFIG --out FILE --threads N``; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description='Measure what a top-down model costs on this CPU.')
    parser.add_argument('config')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args(argv)
    found = measure(load_config(args.config), Path(args.config).stem, args.threads)
    atomic_write(args.out, (json.dumps(found, indent=1) + '\n').encode())
    return 0


if __name__ == '__main__':
    sys.exit(main(None))
