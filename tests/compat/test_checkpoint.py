"""What mmengine writes loads; what could run code does not."""

import contextlib
import copy
import io
import random
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint
from mmengine.runner.checkpoint import load_checkpoint as load_into

from posescope.compat.checkpoint import CheckpointError, load_checkpoint
from posescope.errors import InputError
from tests.compat.checkpoint_files import assert_same, save, write_archive

SCHEDULERS = [
    {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'end': 2},
    {'type': 'MultiStepLR', 'milestones': [1, 2]},
    {'type': 'StepLR', 'step_size': 1},
    {'type': 'ConstantLR'},
    {'type': 'ExponentialLR', 'gamma': 0.9},
    {'type': 'PolyLR'},
    {'type': 'CosineAnnealingLR', 'T_max': 2},
    {'type': 'CosineRestartLR', 'periods': [1, 2], 'restart_weights': [1, 0.5], 'eta_min': 0.0},
    {'type': 'OneCycleLR', 'eta_max': 0.1, 'total_steps': 10, 'by_epoch': False},
    {'type': 'OneCycleLR', 'eta_max': 0.1, 'total_steps': 10, 'by_epoch': False, 'anneal_strategy': 'linear'},
    {'type': 'ReduceOnPlateauLR', 'monitor': 'quality'},
    {'type': 'CosineAnnealingMomentum', 'T_max': 2},
]
METAINFO = {
    'dataset_name': 'drawn',
    'sigmas': np.array([0.026, 0.1], dtype=np.float32),
    'skeleton_link_colors': np.array([[0, 128, 255]], dtype=np.uint8),
    'links': np.zeros((0, 2), dtype=np.int64),
    'flip_indices': [1, 0],
    'CLASSES': ({'id': 1, 'name': 'person'},),
}


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        out = self.layer(torch.stack(inputs) if isinstance(inputs, list) else inputs)
        return {'loss': (out**2).mean()} if mode == 'loss' else [{'out': row} for row in out]


class Points(torch.utils.data.Dataset):
    metainfo = METAINFO

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict:
        return {'inputs': torch.full((2,), float(index)), 'data_samples': index}


class Quality(BaseMetric):
    default_prefix = None

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list) -> dict:
        return {'quality': np.float64(0.5), 'single': np.float32(0.25), 'curve': np.array([1, 2]), 'names': ['a']}


def run_toy(work_dir: Path, ema: bool, **changes: Any) -> Runner:
    torch.manual_seed(0)
    loader = {'dataset': Points(), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}, 'batch_size': 2}
    options: dict = {
        'train_dataloader': loader,
        'val_dataloader': copy.deepcopy(loader),
        'val_evaluator': {'type': Quality},
        'val_cfg': {},
        'train_cfg': {'by_epoch': True, 'max_epochs': 2, 'val_interval': 1},
        'optim_wrapper': {'optimizer': {'type': 'AdamW', 'lr': 0.1, 'weight_decay': 0.1}},
        'param_scheduler': SCHEDULERS,
        'default_hooks': {
            'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'quality', 'rule': 'greater'}
        },
        'custom_hooks': [{'type': 'EMAHook'}] if ema else [],
        'experiment_name': f'{work_dir.name}{changes.get("resume", "")}',
        'log_level': 'ERROR',
        'cfg': Config({'toy': True}),
    }
    runner = Runner(Line(), str(work_dir), **{**options, **changes})
    runner.train()
    return runner


@pytest.fixture(scope='module', params=[False, True], ids=['plain', 'ema'])
def undisturbed(request, tmp_path_factory) -> Runner:
    """A real run of two epochs, with a checkpoint after each."""
    return run_toy(tmp_path_factory.mktemp('ema' if request.param else 'plain'), request.param)


@pytest.fixture(scope='module')
def written(undisturbed) -> Path:
    """The checkpoint after the first epoch."""
    return Path(undisturbed.work_dir) / 'epoch_1.pth'


def test_a_real_checkpoint_loads_back_identical(written):
    loaded = load_checkpoint(written)
    assert {'message_hub', 'meta', 'optimizer', 'param_schedulers', 'state_dict'} <= set(loaded)
    assert_same(loaded, torch.load(written, 'cpu', weights_only=False))


def test_mmengine_loads_it(written):
    truth = torch.load(written, 'cpu', weights_only=False)['state_dict']
    assert_same(_load_checkpoint(str(written), map_location='cpu')['state_dict'], truth)
    model = Line()
    load_into(model, str(written), map_location='cpu')
    assert_same(model.state_dict(), OrderedDict(truth))


def test_mmengine_resumes_from_it(undisturbed, written, tmp_path):
    ema = 'ema_state_dict' in load_checkpoint(written)
    resumed = run_toy(tmp_path / 'resumed', ema, load_from=str(written), resume=True)
    assert_same(resumed.model.state_dict(), undisturbed.model.state_dict())
    losses = [runner.message_hub.get_scalar('train/loss') for runner in (resumed, undisturbed)]
    assert len(losses[0].data[0]) == 4
    np.testing.assert_array_equal(losses[0].data[0], losses[1].data[0])
    assert losses[0].statistics('mean') == losses[1].statistics('mean')


@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_damaged_files_give_one_kind_of_error(written, tmp_path):
    with zipfile.ZipFile(written) as archive:
        name = next(name for name in archive.namelist() if name.endswith('data.pkl'))
        data = archive.read(name)
    draw = random.Random(0)
    path = tmp_path / 'c.pth'
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(draw.choice((1, 3, 30))):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        with contextlib.suppress(CheckpointError):
            load_checkpoint(write_archive(bytes(damaged), path))
            refused -= 1
        refused += 1
    assert refused > 200


def expect(path: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert '\n' not in message
    for part in (path.name, *parts):
        assert part in message
    assert isinstance(caught.value, InputError)  # the tools print these as one line
    assert isinstance(caught.value, ValueError)


def test_missing_file_names_what_is_there(tmp_path):
    save({}, tmp_path / 'epoch_2.pth')
    expect(tmp_path / 'epoch_3.pth', 'does not exist', 'epoch_2.pth')
    expect(tmp_path / 'no' / 'epoch_3.pth', 'does not exist')


def test_folder(tmp_path):
    save({}, tmp_path / 'epoch_2.pth')
    expect(tmp_path, 'is a folder', 'epoch_2.pth')


def test_empty_file(tmp_path):
    (tmp_path / 'c.pth').touch()
    expect(tmp_path / 'c.pth', 'empty')


@pytest.mark.parametrize('content', [random.Random(0).randbytes(1000), b'<!DOCTYPE html><html>', b'{"a": 1}'])
def test_something_else(content, tmp_path):
    (tmp_path / 'c.pth').write_bytes(content)
    expect(tmp_path / 'c.pth', 'not a checkpoint')


def test_archive_that_was_cut_off(written, tmp_path):
    (tmp_path / 'c.pth').write_bytes(written.read_bytes()[:-200])
    expect(tmp_path / 'c.pth', 'cut off')


def test_legacy_file_that_was_cut_off(tmp_path):
    path = save({'a': torch.ones(100)}, tmp_path / 'c.pth', legacy=True)
    path.write_bytes(path.read_bytes()[:-200])
    expect(path, 'c.pth')


def test_other_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / 'c.pth', 'w') as archive:
        archive.writestr('readme.txt', 'hello')
    expect(tmp_path / 'c.pth', 'cannot be read as a checkpoint')


def test_tar_of_old_pytorch(tmp_path):
    with tarfile.open(tmp_path / 'c.pth', 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b''))
    expect(tmp_path / 'c.pth', 'tar format')


def test_without_mmengine(written, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmengine.logging', None)
    expect(written, 'without mmengine.logging, which is not installed')


def test_not_a_dict(tmp_path):
    expect(save([torch.ones(1)], tmp_path / 'c.pth'), 'list')


def test_device_that_is_not_there(tmp_path):
    path = save({'a': torch.ones(1)}, tmp_path / 'c.pth')
    with pytest.raises(CheckpointError, match=r'cannot be read as a checkpoint: .*nowhere'):
        load_checkpoint(path, map_location='nowhere')
