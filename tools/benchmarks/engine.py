#!/usr/bin/env python
"""What safe checkpoints and seeded samples cost: ``tools/benchmarks/engine.py --json OUT``.

``checkpoint``: writing one of ResNet-50 with Adam's state, fsynced and renamed, against mmengine's plain write.
``sample_seeding``: a pass over augmented people with generators seeded per sample, against the same pass without.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import posescope  # noqa: F401  makes MMPose importable
from posescope.engine.command import command
from posescope.engine.runner import ResumableRunner
from posescope.engine.seeding import SeededDataset, SeededSampler
from posescope.report.benchmarks import interleaved, record, with_overhead, write_records

CONFIG = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
REPEATS = 7


def compare(name: str, peer: str, ours: Callable[[], object], theirs: Callable[[], object]) -> dict:
    """Time ours and theirs in turn and tell what ours adds; ``equal`` is for the caller to set."""
    seconds = interleaved((ours, theirs), REPEATS)
    return with_overhead(record(name, peer, *map(statistics.median, seconds), 's', equal=True), *seconds)


def write_people(folder: Path, count: int = 64) -> None:
    """Write pictures of noise with one made-up person each: the pipeline does not mind."""
    generator = np.random.default_rng(0)
    images, annotations = [], []
    for index in range(1, count + 1):
        cv2.imwrite(str(folder / f'{index}.png'), generator.integers(0, 255, (240, 320, 3), dtype=np.uint8))
        images.append({'id': index, 'file_name': f'{index}.png', 'width': 320, 'height': 240})
        joints = np.c_[generator.uniform([60, 20], [260, 220], (17, 2)), np.full(17, 2)]
        annotations.append(
            {
                'id': index,
                'image_id': index,
                'category_id': 1,
                'iscrowd': 0,
                'bbox': [60, 20, 200, 200],
                'area': 2e4,
                'num_keypoints': 17,
                'keypoints': joints.ravel().tolist(),
            }
        )
    content = {'images': images, 'annotations': annotations, 'categories': [{'id': 1, 'name': 'person'}]}
    (folder / 'people.json').write_text(json.dumps(content))


def build_runner(folder: Path) -> ResumableRunner:
    """Build a runner for ResNet-50 over the made-up people, with its optimiser's state filled by one step."""
    runner = ResumableRunner.from_cfg(Config.fromfile(_inheriting(folder)))
    runner.train()
    return runner


def _inheriting(folder: Path) -> Path:
    path = folder / 'resnet.py'
    path.write_text(
        f"""
_base_ = {CONFIG!r}
data = dict(data_root={str(folder)!r}, ann_file='people.json', data_prefix=dict(img=''))
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(**data, indices=2))
val_cfg = None
val_dataloader = None
val_evaluator = None
test_cfg = None
test_dataloader = None
test_evaluator = None
model = dict(backbone=dict(init_cfg=None))
train_cfg = dict(max_epochs=1, val_interval=9)
default_hooks = dict(checkpoint=dict(interval=9, save_last=False, save_best=None))
work_dir = {str(folder / 'run')!r}
log_level = 'ERROR'
"""
    )
    return path


def benchmark_checkpoint(runner: ResumableRunner, folder: Path) -> dict:
    """Compare the atomic write with mmengine's."""
    entry = compare(
        'checkpoint',
        'mmengine Runner.save_checkpoint',
        lambda: runner.save_checkpoint(str(folder), 'ours.pth'),
        lambda: Runner.save_checkpoint(runner, str(folder), 'theirs.pth'),
    )
    mine, other = (torch.load(folder / name)['state_dict'] for name in ('ours.pth', 'theirs.pth'))
    equal = mine.keys() == other.keys() and all(torch.equal(mine[key], other[key]) for key in mine)
    return {**entry, 'equal': equal}


def benchmark_seeding(runner: ResumableRunner) -> dict:
    """Compare a pass over seeded samples with one over the same data set unseeded."""
    loader = {'dataset': dict(runner.cfg.train_dataloader.dataset), 'batch_size': 8, 'num_workers': 0}
    loader['dataset']['indices'] = None
    sampler = {'type': 'DefaultSampler', 'shuffle': True}
    plain = Runner.build_dataloader({**loader, 'sampler': sampler}, seed=0)
    seeded = Runner.build_dataloader(
        {
            **loader,
            'dataset': {'type': SeededDataset, 'dataset': loader['dataset']},
            'sampler': {'type': SeededSampler, 'sampler': sampler},
        },
        seed=0,
    )
    entry = compare('sample_seeding', 'mmengine data loader', lambda: list(seeded), lambda: list(plain))
    # Other draws, so other pictures: what has to be equal is which people come in which order.
    orders = [[sample.metainfo['id'] for batch in part for sample in batch['data_samples']] for part in (seeded, plain)]
    return {**entry, 'equal': orders[0] == orders[1]}


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run both comparisons and write or print their list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, metavar='OUT', help='write the results there as well')
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_people(folder)
        runner = build_runner(folder)
        results = [benchmark_checkpoint(runner, folder), benchmark_seeding(runner)]
    write_records(args.json, results)
    return 0 if all(result['equal'] for result in results) else 1


if __name__ == '__main__':
    sys.exit(main())
