#!/usr/bin/env python
"""What looking inside a model costs: ``tools/benchmarks/capture.py --json OUT``.

Bare test runs and captured ones take turns in one process: the same model with random weights, the same rendered people
in memory, evaluation included. Time counts from the second batch on until everything is on the disk; what a run pays
once before that (checksums of the weights, the watched first batch) is ``once``, in seconds. ``overhead`` is the median
of the pairs with its 95 % interval.

``features_hrnet``: four stages of HRNet-W32 in float16, both passes of flip_test; at most 3 % wanted.
``features_fast``: the same of the fast rendered default; at most 15 %.
``attention_vit``: rows for 17 joints of all layers of ViT-S; at most 5 %.
``attention_vit_bytes``: of those rows, against all rows of the same passes; a tenth wanted.
``features_captum``, ``features_torchlens``, ``features_npz``: what we add to a run of the fast default, against what
Captum's dataset activations, TorchLens' disk storage and a forward hook with np.savez add to it; a fifth wanted.
``features_write``: what storing over 1 GB adds to a run, against a sequential, fsynced write of as many bytes; at most
1.5 times that is wanted, a ratio of .67.
``features_memory``: by how much such a run raises the memory, against one of a quarter of the people; the same wanted.
"""

import argparse
import logging
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

import posescope
from posescope.capture.attention_recorder import AttentionRecorder
from posescope.capture.feature_recorder import FeatureRecorder
from posescope.capture.hooks import AttentionHook, CaptureHook, FeatureMapHook
from posescope.capture.stages import stages_of
from posescope.capture.store.writer import StoreWriter
from posescope.capture.stored_capture import StoredCapture
from posescope.engine.command import command
from posescope.report.benchmarks import median_interval, peak_memory, record, with_overhead, write_records
from posescope.report.capture_peers import PEERS
from posescope.report.timed_runs import Seconds, TimedRun, in_turn

from mmpose.structures import PoseDataSample  # isort: skip  posescope makes it importable

ROOT = Path(__file__).parents[2]
CONFIGS, PEOPLE = ROOT / 'configs/selection', ROOT / 'data/rendered_people'
HRNET = 'coco/td-hm_hrnet-w32_coco-256x192.py'
FAST = 'rendered/default.py'
VIT = 'coco/td-hm_ViTPose-small_coco-256x192.py'
SIZES = {HRNET: (40, 8), FAST: (2048, 64), VIT: (160, 16)}
"""People in a run, and in a batch."""
BLOCKS = 7
PEER_PEOPLE = {'captum': 768, 'torchlens': 128, 'npz': 768}
"""In a run; TorchLens takes seconds for a batch."""
GIGABYTE = 10**9


def test_run(config: str, count: int, folder: Path) -> TimedRun:
    """A test run of one of our configs."""
    batch = min(SIZES[config][1], count // 2)
    return TimedRun(CONFIGS / config, PEOPLE / 'annotations/dev.json', PEOPLE / 'dev', count, batch, folder)


class Captured:
    """A run with a capture hook, each time into a new folder; keeps the store of the last one.

    Attributes:
        folder: Of the store.
        equal: Whether each run was evaluated as a bare one, and its store holds everybody.
    """

    def __init__(self, run: TimedRun, hook: Callable[[str], CaptureHook], folder: Path) -> None:
        self._run, self._hook, self.folder = run, hook, folder
        self.equal = True

    def __call__(self) -> Seconds:
        """Run."""
        bare = self._run.metrics
        shutil.rmtree(self.folder, ignore_errors=True)
        seconds = self._run(self._hook(str(self.folder)))
        store = posescope.open_store(self.folder)
        self.equal &= store.complete and len(store.samples) == len(self._run.loader.dataset)
        self.equal &= not bare or bare == self._run.metrics
        return seconds

    @property
    def bytes(self) -> int:
        """Bytes a person."""
        shards = sum(path.stat().st_size for path in self.folder.glob('*.safetensors'))
        return shards // len(self._run.loader.dataset)


def medians(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """Of both."""
    return statistics.median(ours), statistics.median(theirs)


def added_record(
    name: str, peer: str, ours: list[float], theirs: list[float], unit: str, equal: bool
) -> dict[str, Any]:
    """A record of what is added, with the interval of the ratio of pairs; no ratio where ours drowns in noise."""
    entry = record(name, peer, *medians(ours, theirs), unit, equal)
    if entry['ours'] <= 0:
        note = f'what is added to a run is too little to measure ({entry["ours"]:.3g} {unit})'
        return {**entry, 'ratio': None, 'note': note}
    ends = median_interval([b / a if a > 0 else math.inf for a, b in zip(ours, theirs, strict=True)])
    return {**entry, 'interval': [None if math.isinf(end) else end for end in ends]}


def benchmark_run(
    name: str, config: str, hook: Callable[[str], CaptureHook], folder: Path, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Compare test runs with a capture hook and without, and, for attention, bytes of its rows and of all rows."""
    count = args.people or SIZES[config][0]
    run = test_run(config, count, folder)
    captured = Captured(run, hook, folder / 'store')
    ours, bare = in_turn((captured, run), args.blocks or BLOCKS)
    steady = [[seconds[1] for seconds in each] for each in (ours, bare)]
    entry = record(name, 'bare run', *medians(*steady), 's', captured.equal)
    entry = with_overhead(entry, *steady)
    entry['once'] = statistics.median(a[0] - b[0] for a, b in zip(ours, bare, strict=True))
    entry['people'], entry['bytes_a_person'] = count, captured.bytes
    if not name.startswith('attention'):
        return [entry]
    with torch.no_grad(), AttentionRecorder(run.model, queries='all') as recorder:
        arrays = recorder.collect(run.model.test_step(next(iter(run.loader))))
    full = sum(array[0].nbytes for array in arrays.values())
    return [entry, record(f'{name}_bytes', 'all rows', captured.bytes / 1e6, full / 1e6, 'MB a person', captured.equal)]


def benchmark_peers(name: str, folder: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Compare what we add to a run of the fast default with what a peer adds.

    With one pass: Captum keeps only the last call of a layer.
    """
    count = args.people or PEER_PEOPLE[name]
    run = test_run(FAST, count, folder)
    run.model.test_cfg['flip_test'] = False
    layers = stages_of(run.model)
    captured = Captured(run, lambda out: FeatureMapHook(layers=layers, out_dir=out), folder / 'store')
    what, kind = PEERS[name]
    peer = kind(run, layers, folder / 'theirs')
    title = f'features_{name}'
    try:
        peer()
    except Exception as error:  # a peer that cannot do it is a result, too
        reason = f'{what} fails on this model: {type(error).__name__}: {" ".join(str(error).split())[:300]}'
        ours, bare = in_turn((captured, run), args.blocks or BLOCKS)
        added = [a[1] - b[1] for a, b in zip(ours, bare, strict=True)]
        entry = record(title, what, 1e3 * statistics.median(added) / count, None, 'ms a person', captured.equal)
        return [{**entry, 'note': reason}]
    ours, theirs, bare = in_turn((captured, peer, run), args.blocks or BLOCKS)
    mine, other = ([1e3 * (a[1] - b[1]) / count for a, b in zip(each, bare, strict=True)] for each in (ours, theirs))
    store = posescope.open_store(captured.folder)
    rows = [store.samples.keys.index((s.img_id, s.id)) for s in next(iter(run.loader))['data_samples']]
    equal = all(np.array_equal(store[layer][rows], peer.first(layer).astype(np.float16)) for layer in layers)
    entry = added_record(title, what, mine, other, 'ms a person', captured.equal and equal)
    steady = [[seconds[1] for seconds in each] for each in (ours, bare)]
    return [{**with_overhead(entry, *steady), 'people': count}]


class Wide(nn.Module):
    """A stand-in that gives large maps at next to no cost, so that more than the disk can take has to be stored."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 64, 4, stride=4)

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> Tensor:
        """Give (N, 64, 64, 48) for (N, 3, 256, 192)."""
        maps: Tensor = self.backbone(pictures)
        return maps


WIDE_BYTES, WIDE_BATCH = 64 * 64 * 48 * 2, 32
"""Of a person in float16."""


def wide_people(first: int) -> list[PoseDataSample]:
    """Predictions of a batch of drawn people."""
    box = {'input_center': np.array([96, 128]), 'input_scale': np.array([192, 256]), 'input_size': np.array([192, 256])}
    people = []
    for number in range(first, first + WIDE_BATCH):
        person = PoseDataSample(metainfo={'id': number, 'img_id': number, 'ori_shape': (256, 192), **box})
        person.pred_instances = InstanceData(
            keypoints=np.zeros((1, 17, 2)),
            keypoint_scores=np.ones((1, 17)),
            bboxes=np.array([[0, 0, 192, 256]]),
            bbox_scores=np.ones(1),
        )
        people.append(person)
    return people


def wide_run(count: int, folder: Path | None, queue_bytes: int = 256 * 2**20) -> None:
    """Run the stand-in, and store what it gives if there is a folder."""
    model, pictures = Wide(), torch.rand(WIDE_BATCH, 3, 256, 192)
    if folder is None:
        for first in range(0, count, WIDE_BATCH):
            model(pictures)
            wide_people(first)
        return
    options: dict[str, Any] = {'expected': count, 'queue_bytes': queue_bytes, 'announce': lambda line: None}
    writer = StoreWriter(folder, {'benchmark': 'capture'}, **options)
    with StoredCapture(FeatureRecorder(model, ['backbone']), writer) as capture:
        for first in range(0, count, WIDE_BATCH):
            model(pictures)
            capture.add(wide_people(first))


def plain_write(path: Path, size: int) -> None:
    """Write bytes one after the other and bring them to the disk."""
    piece = np.random.default_rng(0).bytes(1 << 24)
    with path.open('wb', buffering=0) as file:
        for start in range(0, size, len(piece)):
            file.write(piece[: size - start])
        os.fsync(file.fileno())


def timed(function: Callable[[], object]) -> Seconds:
    """Seconds of a call."""
    start = time.perf_counter()
    function()
    return 0.0, time.perf_counter() - start


def benchmark_write(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Compare what storing adds to a run with a plain write of as many bytes."""
    count = -(-(args.people or GIGABYTE // WIDE_BYTES) // WIDE_BATCH) * WIDE_BATCH
    store, plain = folder / 'wide', folder / 'plain.bin'

    def storing() -> Seconds:
        shutil.rmtree(store, ignore_errors=True)
        return timed(lambda: wide_run(count, store))

    def writing() -> Seconds:
        plain.unlink(missing_ok=True)
        return timed(lambda: plain_write(plain, size))

    storing()
    size = sum(path.stat().st_size for path in store.glob('*.safetensors'))
    ours, theirs, bare = in_turn(
        (storing, writing, lambda: timed(lambda: wide_run(count, None))), args.blocks or BLOCKS
    )
    added = [a[1] - b[1] for a, b in zip(ours, bare, strict=True)]
    equal = len(posescope.open_store(store).samples) == count
    other = [each[1] for each in theirs]
    return {**added_record('features_write', 'sequential fsynced write', added, other, 's', equal), 'bytes': size}


def benchmark_memory(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Compare the peak memory of storing people with that of storing four times as many."""
    count = -(-(args.people or GIGABYTE // WIDE_BYTES) // WIDE_BATCH) * WIDE_BATCH
    peaks: list[list[float]] = [[], []]
    for turn in range(3):
        for times, found in zip((1, 4), peaks, strict=True):
            store = folder / f'memory{turn}{times}'
            # The queue is small, so that it is full in both: how full a larger one gets is up to the disk.
            found.append(peak_memory(lambda: wide_run(times * count, store, 32 * 2**20)))  # noqa: B023
            shutil.rmtree(store)
    few, many = map(statistics.median, peaks)
    return record('features_memory', 'a quarter of the people', many, few, 'MiB', equal=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """While entered, PyTorch starts no threads: a process that is forked then can compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


RUNS: dict[str, tuple[str, Callable[[str], CaptureHook]]] = {
    'features_fast': (FAST, lambda out: FeatureMapHook(out_dir=out)),
    'features_hrnet': (HRNET, lambda out: FeatureMapHook(out_dir=out)),
    'attention_vit': (VIT, lambda out: AttentionHook(out_dir=out)),
}
NAMES = ('features_memory', 'features_write', *RUNS, *(f'features_{peer}' for peer in PEERS))


def benchmark(name: str, folder: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Run one of :data:`NAMES`."""
    if name == 'features_memory':
        with one_thread():
            return [benchmark_memory(folder, args)]
    if name == 'features_write':
        return [benchmark_write(folder, args)]
    if name in RUNS:
        return benchmark_run(name, *RUNS[name], folder, args)
    return benchmark_peers(name.removeprefix('features_'), folder, args)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparisons and print or write their list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, metavar='OUT', help='write the results there as well')
    parser.add_argument('--only', choices=NAMES, nargs='+', default=NAMES, metavar='NAME', help=', '.join(NAMES))
    parser.add_argument('--blocks', type=int, metavar='N', help=f'runs of each that count, default {BLOCKS}')
    parser.add_argument('--people', type=int, metavar='N', help='people in a run')
    parser.add_argument('--folder', type=Path, metavar='DIR', help='on the disk to write to, default a temporary one')
    args = parser.parse_args(argv)
    logging.disable(logging.WARNING)
    warnings.simplefilter('ignore')
    records = []
    for name in [name for name in NAMES if name in args.only]:  # memory first: freed memory would be used again
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            records += benchmark(name, Path(folder), args)
        print(records[-1], flush=True)
    write_records(args.json, records)
    for entry in records:
        if 'note' in entry:
            print(f'{entry["name"]}: {entry["note"]}')
    return 0 if all(entry['equal'] for entry in records) else 1


if __name__ == '__main__':
    sys.exit(main())
