"""A small ResNet learns four real pictures by heart, killed on the way and resumed."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.engine.runs import ROOT, start
from tools.test import main as run_test
from tools.train import main as run_train

CONFIG = """
_base_ = {base!r}
codec = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
model = dict(
    backbone=dict(depth=18, base_channels=32, init_cfg=None),
    head=dict(in_channels=256, deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4), decoder=codec),
    test_cfg=dict(flip_test=False),
)
crop = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
]
target = [dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]
data = dict(type='CocoDataset', data_root={folder!r}, ann_file='test_coco.json', data_prefix=dict(img=''))
one = dict(batch_size=12, num_workers=0, persistent_workers=False)
train_dataloader = dict(**one, dataset=dict(_delete_=True, **data, pipeline=crop + target))
test = dict(_delete_=True, **data, pipeline=crop + target[1:], test_mode=True)
val_dataloader = dict(**one, dataset=test)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file={folder!r} + '/test_coco.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=200, val_interval=200)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=2e-3))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=200, by_epoch=True, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(interval=20, max_keep_ckpts=1), logger=dict(interval=1))
randomness = dict(seed=0)
"""


@pytest.mark.crash
@pytest.mark.long
def test_four_real_pictures_are_learnt_by_heart(tmp_path: Path, real_coco: Path) -> None:
    config, run = tmp_path / 'small.py', tmp_path / 'run'
    base = ROOT / 'configs' / 'selection' / 'coco' / 'td-hm_res50_coco-256x192.py'
    config.write_text(CONFIG.format(base=str(base), folder=str(real_coco)))
    process = start('train.py', config, '--work-dir', run)
    deadline = time.monotonic() + 300
    while not (run / 'epoch_60.pth').exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert run_train([str(config), '--work-dir', str(run), '--resume']) == 0
    assert run_test([str(config), str(run / 'epoch_200.pth'), '--work-dir', str(tmp_path / 'test')]) == 0
    assert json.loads((tmp_path / 'test' / 'metrics.json').read_text())['coco/AP'] > 0.9
