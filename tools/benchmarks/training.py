#!/usr/bin/env python
"""How fast a whole training is: ``tools/benchmarks/training.py --json OUT``.

Ours (``tools/train.py CONFIG --amp``) and MMPose's own script take turns, each training a process of its own on all
cores. Both have the same model, people, batches, augmentation, optimiser and number of steps. MMPose's side is the
config without our settings: no channels-last weights, MMPose's transforms and workers. It runs in a process that knows
nothing of posescope but what MMPose needs to start on today's stack. Both compute the optimiser in the same precision.

``training``: seconds for 1000 people from the second epoch on; at least 2.5 times as fast is wanted where the machine
computes in bfloat16, 1.4 times elsewhere. ``training_float32``: the same without ``--amp``, where that is something
else; 1.4 times is wanted. ``…_whole``: from the command to its end, imports included.

``--equivalence`` asks instead whether the trained models are equally good: it trains both sides with several seeds,
tests them on the config's test data, and makes two one-sided Welch tests at a margin of 0.5 AP (0.005). A training that
is finished is not made again. With ``--load-from`` all begin from the weights of one checkpoint, after which seeds
differ less than from random weights, and fewer tell.
"""

import argparse
import copy
import hashlib
import importlib.util
import json
import logging
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device

import posescope
from posescope.atomic import atomic_write
from posescope.compat.bfloat16 import computes_in_bfloat16
from posescope.engine.command import command
from posescope.engine.config import load_config
from posescope.engine.resume import latest_checkpoint
from posescope.errors import InputError
from posescope.evaluation.equivalence import equivalence
from posescope.report.benchmarks import median_interval, record, write_records
from posescope.report.plain_config import plain, plain_config
from posescope.report.timed_runs import Seconds, in_turn
from posescope.study.host import describe_versions, threads_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/selection/rendered/td-hm_res18_rendered-128x96.py'
PEOPLE, EPOCHS, REPEATS, SEEDS = 512, 4, 5, 5
WANTED, WANTED_FLOAT32 = 2.5, 1.4
SAME_LOSS = 0.1
"""Share by which the mean losses of the last epochs may differ: other draws of the augmentation, not other training."""
BARE = f"""
import functools, pathlib, runpy, sys, types
package = types.ModuleType('posescope')  # its stand-ins alone: importing it would register its parts as well
package.__path__ = [{str(Path(posescope.__file__).parent)!r}]
sys.modules['posescope'] = package
from posescope.compat import bfloat16, install
install()
from mmengine.device import get_device
muon_is_used = 'timm.optim.Muon' in pathlib.Path(sys.argv[2]).read_text()
if muon_is_used and not bfloat16.computes_in_bfloat16(get_device().split(':')[0]):
    import torch
    from timm.optim import muon
    muon.zeropower_via_newtonschulz = functools.partial(muon.zeropower_via_newtonschulz, dtype=torch.float32)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
"""Starts MMPose's script. timm's Muon would emulate bfloat16, which ours does not: that is no merit of a training."""


def shared_config(
    path: Path, people: int | None, epochs: int | None, log: bool, load_from: Path | None = None
) -> Config:
    """Read a config and change what both sides change.

    Args:
        path: Of a config of ours.
        people: To train on, a whole number of batches; None takes all.
        epochs: Of the training, over which the schedule is stretched; None takes the config's.
        log: Whether the mean of every epoch is logged, and no checkpoint written.
        load_from: Checkpoint to begin from; None keeps what the config says.

    Raises:
        InputError: The config does not train by epochs, has too few people, or there is no such checkpoint.
    """
    cfg = load_config(str(path))
    full = (cfg.get('train_cfg') or {}).get('max_epochs')
    if full is None:
        raise InputError(f'{path}: train_cfg has no max_epochs; only trainings by epochs are compared')
    loader = cfg.train_dataloader
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    epochs = epochs or full
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs)
    for schedule in cfg.get('param_scheduler') or []:
        if schedule.get('by_epoch', True):
            schedule.update({key: schedule[key] * epochs // full for key in ('begin', 'end') if key in schedule})
    if load_from is not None:
        if not load_from.is_file():
            raise InputError(f'--load-from: checkpoint {load_from} does not exist')
        cfg.load_from = str(load_from.resolve())
    if people is not None:
        if people < loader.batch_size:
            raise InputError(f'--people {people}: a batch has {loader.batch_size}')
        loader.dataset.indices = people // loader.batch_size * loader.batch_size
    hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': epochs, 'save_optimizer': False}}
    if log:
        steps = loader.dataset.indices // loader.batch_size
        hooks['checkpoint']['interval'] = hooks['checkpoint']['save_last'] = False
        hooks['logger'] = {'type': 'LoggerHook', 'interval': steps}
        cfg.log_processor = {'type': 'LogProcessor', 'window_size': steps, 'by_epoch': True}
    cfg.default_hooks = {**(cfg.get('default_hooks') or {}), **hooks}
    return cfg


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: ``ours`` or ``theirs``.
        config: Its config's file.
        options: Of its script.
        threads: Of its process; None leaves that to PyTorch.
    """

    name: str
    config: Path
    options: tuple[str, ...]
    threads: int | None = None

    def train(self, folder: Path, *more: str) -> float:
        """Train into a folder that is empty.

        Args:
            folder: The work dir.
            more: Further options.

        Returns:
            Seconds from the command to its end.

        Raises:
            InputError: The training failed.
        """
        script = [str(ROOT / 'tools/train.py')] if self.name == 'ours' else ['-c', BARE, str(mmpose_script())]
        start = time.perf_counter()
        arguments = [*script, str(self.config), *self.options, '--work-dir', str(folder), *more]
        run(arguments, folder / 'output.txt', self.threads)
        return time.perf_counter() - start


def run(arguments: Sequence[str], output: Path, threads: int | None = None) -> None:
    """Run a Python script in the repository, what it prints going into a file.

    Args:
        arguments: The script and its own.
        output: The file.
        threads: Of the process; None leaves that to PyTorch.

    Raises:
        InputError: It failed; the message has its last line.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ if threads is None else {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    line = [sys.executable, *arguments]
    with output.open('w') as file:
        done = subprocess.run(line, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
    if done.returncode:
        script = next(argument for argument in arguments if argument.endswith('.py'))
        lines = output.read_text().strip().splitlines() or ['it printed nothing']
        raise InputError(f'{script}, exit status {done.returncode}: {lines[-1]} (all of it: {output})')


def mmpose_script() -> Path:
    """MMPose's tools/train.py, which its package carries."""
    spec = importlib.util.find_spec('mmpose')
    path = Path(str(spec and spec.origin)).parent / '.mim/tools/train.py'
    if not path.is_file():
        raise InputError(f'{path} does not exist: install mmpose from a wheel, which carries its scripts')
    return path


def logged(folder: Path) -> list[dict[str, float]]:
    """What a training logged of each epoch: mean ``time`` of a step, seconds, ``loss`` and more."""
    (path,) = folder.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_sides(cfg: Config, folder: Path, amp: bool) -> tuple[Side, Side]:
    """Write both sides' configs.

    Args:
        cfg: Of ours.
        folder: To write into.
        amp: Whether ours trains in mixed precision. MMPose's script does so on a GPU, and refuses a CPU.
    """
    theirs = plain_config(cfg)
    if not amp:
        cfg.optim_wrapper = plain(cfg.optim_wrapper.to_dict())
    folder.mkdir(parents=True, exist_ok=True)
    sides = []
    for name, side, precision in (('ours', cfg, amp), ('theirs', theirs, amp and get_device() != 'cpu')):
        path = folder / f'{name}.py'
        atomic_write(path, side.pretty_text.encode())
        sides.append(Side(name, path, ('--amp',) if precision else ()))
    return sides[0], sides[1]


class TimedTraining:
    """Trainings of one side, one after the other.

    Attributes:
        losses: Mean loss of each epoch of the last one.
    """

    def __init__(self, side: Side, folder: Path, batch: int) -> None:
        self.losses: list[float] = []
        self._side, self._folder, self._batch = side, folder / side.name, batch

    def __call__(self) -> Seconds:
        """Train once more; gives its seconds, and those for 1000 people from the second epoch on."""
        shutil.rmtree(self._folder, ignore_errors=True)
        whole = self._side.train(self._folder)
        epochs = logged(self._folder)
        self.losses = [epoch['loss'] for epoch in epochs]
        step = statistics.fmean(epoch['time'] for epoch in epochs[1:])
        print(f'{self._side.name}: {self._batch / step:.0f} people a second, {whole:.1f} s in all', flush=True)
        return whole, 1000 * step / self._batch


def benchmark_speed(name: str, sides: tuple[Side, Side], batch: int, repeats: int, wanted: float) -> list[dict]:
    """Let both sides train in turn.

    Args:
        name: Of the comparison.
        sides: Ours and theirs.
        batch: People a step.
        repeats: Trainings of each that count, after one that does not.
        wanted: How many times as fast ours should be.
    """
    trainings = [TimedTraining(side, sides[0].config.parent, batch) for side in sides]
    seconds = in_turn(trainings, repeats)
    ours, theirs = (training.losses for training in trainings)
    equal = len(ours) == len(theirs) and math.isclose(ours[-1], theirs[-1], rel_tol=SAME_LOSS)
    peer = ' '.join(('mmpose tools/train.py', *sides[1].options))
    records = []
    for i, suffix, unit in ((1, '', 's for 1000 people'), (0, '_whole', 's')):
        pair = [[run[i] for run in runs] for runs in seconds]
        low, high = median_interval([b / a for a, b in zip(*pair, strict=True)])
        mine, other = map(statistics.median, pair)
        entry = record(name + suffix, peer, mine, other, unit, equal)
        records.append({**entry, 'ratio_low': low, 'ratio_high': high})
    records[0]['wanted'] = wanted
    records[0]['people_a_second'] = [1000 / records[0][side] for side in ('ours', 'theirs')]
    return records


def weights_digest(checkpoint: str | None) -> str | None:
    """SHA-256 of a checkpoint's file, None without one: other weights may come to lie at the same path."""
    is_file = checkpoint is not None and '://' not in checkpoint
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest() if is_file else None


def trained_ap(side: Side, seed: int, folder: Path, coco: Sequence[str] = ()) -> float:
    """Train and test one side with one seed, unless that has been done; gives its AP.

    Args:
        side: Which.
        seed: Of initial weights, order and augmentation.
        folder: Where the result is kept, under the seed and a digest of the config, the first weights, what it is
            tested on, and versions.
        coco: Annotations and pictures to test on; none takes the config's test data.
    """
    begun_from = Config.fromfile(side.config).get('load_from')
    of = side.config.read_text(), weights_digest(begun_from), side.options, *coco, describe_versions()
    digest = hashlib.sha256(repr(of).encode()).hexdigest()[:12]
    result = folder / f'{side.name}_{digest}_{seed}.json'
    if not result.is_file():
        work = folder / result.stem
        shutil.rmtree(work, ignore_errors=True)
        seconds = side.train(work, '--cfg-options', f'randomness.seed={seed}')
        # One test for both: the checkpoint of either is a checkpoint of the other.
        checkpoint, metrics = str(latest_checkpoint(work)), work / 'metrics.json'
        test = [str(ROOT / 'tools/test.py'), str(folder / 'ours.py'), checkpoint, '--work-dir', str(work / 'test')]
        run([*test, *(('--coco', *coco) if coco else ()), '--out', str(metrics)], work / 'test.txt', side.threads)
        content = {'AP': json.loads(metrics.read_text())['coco/AP'], 'seconds': seconds, 'seed': seed}
        atomic_write(result, json.dumps(content).encode())
        shutil.rmtree(work)
    found: float = json.loads(result.read_text())['AP']
    print(f'{side.name}, seed {seed}: AP {found:.4f}', flush=True)
    return found


def benchmark_equivalence(args: argparse.Namespace) -> dict[str, Any]:
    """Train and test both sides with several seeds, in turn or several at a time; no ratio, more is not the aim."""
    cfg = shared_config(args.config, args.people, args.epochs, log=False, load_from=args.load_from)
    threads = threads_of(args.workers)
    sides = [replace(side, threads=threads) for side in write_sides(cfg, args.work_dir, amp=True)]
    with ThreadPoolExecutor(args.workers) as pool:
        trials = ((side, seed, args.work_dir, args.coco or ()) for seed in range(args.seeds) for side in sides)
        found = list(pool.map(lambda trial: trained_ap(*trial), trials))  # one that fails takes the queued ones along
    ours, theirs = found[::2], found[1::2]
    tested = equivalence(ours, theirs)
    means = statistics.fmean(ours), statistics.fmean(theirs)
    entry = record('training_equivalence', 'mmpose tools/train.py', means[0], None, 'AP', equal=tested['p'] < 0.05)
    return {**entry, 'theirs': means[1], **tested, 'seeds': args.seeds, 'AP': {'ours': ours, 'theirs': theirs}}


def speeds(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Compare with mixed precision, and without where that is something else."""
    cfg = shared_config(args.config, args.people or PEOPLE, args.epochs or EPOCHS, log=True)
    reduced = computes_in_bfloat16(get_device().split(':')[0])
    batch = cfg.train_dataloader.batch_size
    amp = write_sides(copy.deepcopy(cfg), folder / 'amp', amp=True)
    records = benchmark_speed('training', amp, batch, args.repeats, WANTED if reduced else WANTED_FLOAT32)
    if reduced:
        sides = write_sides(cfg, folder / 'float32', amp=False)
        return records + benchmark_speed('training_float32', sides, batch, args.repeats, WANTED_FLOAT32)
    records[0]['note'] = 'this CPU has no instructions for bfloat16: with --amp, too, it computes in float32'
    return records


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Compare speeds, or the trained models, and write or print the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, metavar='OUT', help='write the results there as well')
    parser.add_argument('--config', type=Path, default=CONFIG, help='one of ours, default: %(default)s')
    parser.add_argument('--people', type=int, metavar='N', help=f'to train on: {PEOPLE}, or all for --equivalence')
    parser.add_argument('--epochs', type=int, metavar='N', help=f"{EPOCHS}, or the config's for --equivalence")
    parser.add_argument('--repeats', type=int, default=REPEATS, metavar='N', help='that count, default %(default)s')
    parser.add_argument('--equivalence', action='store_true', help='compare the AP of the trained models instead')
    parser.add_argument('--seeds', type=int, default=SEEDS, metavar='N', help='of --equivalence, default %(default)s')
    parser.add_argument(
        '--workers', type=int, default=1, metavar='N', help='trainings at a time for --equivalence, default %(default)s'
    )
    parser.add_argument(
        '--load-from', type=Path, metavar='CHECKPOINT', help='that both sides of --equivalence begin from'
    )
    parser.add_argument(
        '--coco',
        nargs=2,
        metavar=('ANN.json', 'IMAGE_DIR'),
        help="what --equivalence tests on instead of the config's test data; more people, less spread between seeds",
    )
    parser.add_argument(
        '--work-dir', type=Path, default=ROOT / 'work_dirs/benchmarks/training', help='keeps what --equivalence finds'
    )
    args = parser.parse_args(argv)
    if args.seeds < 2 or args.repeats < 1 or args.workers < 1:
        parser.error('a spread takes two --seeds, a median one of --repeats, work one of --workers')
    if not args.equivalence and args.epochs == 1:
        parser.error('--epochs 1: speed counts from the second epoch on')
    if not args.equivalence and (args.load_from or args.coco):
        parser.error('--load-from and --coco belong to --equivalence')
    # Trainings run in the repository, wherever this was started.
    args.work_dir = args.work_dir.absolute()
    args.coco = args.coco and [str(Path(path).absolute()) for path in args.coco]
    logging.disable(logging.WARNING)
    if args.equivalence:
        records = [benchmark_equivalence(args)]
    else:
        with tempfile.TemporaryDirectory() as folder:
            records = speeds(args, Path(folder))
    write_records(args.json, records)
    for entry in records:
        print(*summary(entry), sep='\n')
    return 0 if all(entry['equal'] for entry in records) else 1


def summary(entry: dict[str, Any]) -> Iterator[str]:
    """Put a record into sentences."""
    name = entry['name']
    if 'people_a_second' in entry:
        ours, theirs = entry['people_a_second']
        wanted = f'{entry["wanted"]} times is wanted'
        yield f'{name}: {ours:.0f} people a second against {theirs:.0f}; {wanted}'
    if 'ratio_low' in entry:
        yield f'{name}: {entry["ratio"]:.2f} times as fast, pairs {entry["ratio_low"]:.2f} to {entry["ratio_high"]:.2f}'
    if 'delta' in entry:
        yield (
            f'{name}: AP {entry["ours"]:.4f} against {entry["theirs"]:.4f} over {entry["seeds"]} seeds, '
            f'{entry["delta"]:+.4f} (90 % interval {entry["low"]:+.4f} to {entry["high"]:+.4f}), p {entry["p"]:.3f}: '
            f'{"equivalent" if entry["equal"] else "not shown to be equivalent"} within {entry["margin"]}; at this '
            f'spread {entry["seeds_needed"]} seeds would show it four times out of five'
        )
    if 'note' in entry:
        yield f'{name}: {entry["note"]}'


if __name__ == '__main__':
    sys.exit(main())
