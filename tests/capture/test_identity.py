import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from torch import nn

from posescope.capture.identity import config_digest, digest, run_identity, weights_digest
from tests.capture.model_runs import run_config


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'weights')
    return path


def identity(config: Config, checkpoint: Path | None = None, **options: Any) -> dict[str, str]:
    return run_identity(config, nn.Linear(1, 1), None if checkpoint is None else str(checkpoint), options)


def changed(config: Config, key: str, value: Any) -> Config:
    other = Config(config.to_dict())
    other.merge_from_dict({key: value})
    return other


def test_digest_is_that_of_sha256sum(checkpoint: Path) -> None:
    assert digest(checkpoint) == hashlib.sha256(b'weights').hexdigest()
    checkpoint.write_bytes(b'other weights')
    assert digest(checkpoint) == hashlib.sha256(b'other weights').hexdigest()


def test_what_changes_no_number_does_not_matter(drawn_coco: Path, checkpoint: Path, tmp_path: Path) -> None:
    config = run_config('resnet', drawn_coco, tmp_path / 'a')
    first = identity(config, checkpoint, layers=['backbone'])
    assert set(first) == {'config', 'checkpoint', 'annotations'}
    other = run_config('resnet', drawn_coco, tmp_path / 'b')
    other.test_dataloader.update(num_workers=2, persistent_workers=True, pin_memory=True, prefetch_factor=4)
    other.log_level = 'INFO'
    assert identity(other, checkpoint, layers=['backbone']) == first
    moved = tmp_path / 'moved.json'
    moved.write_bytes(drawn_coco.read_bytes())
    config = changed(config, 'test_dataloader.dataset.ann_file', str(moved))
    assert identity(config, checkpoint, layers=['backbone']) == first


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('model.test_cfg.flip_test', True),
        ('model.backbone.depth', 34),
        ('model.data_preprocessor.bgr_to_rgb', False),
        ('test_dataloader.dataset.pipeline.1.padding', 1.5),
        ('test_cfg.fp16', True),
    ],
)
def test_another_config_is_told(key: str, value: Any, drawn_coco: Path, checkpoint: Path, tmp_path: Path) -> None:
    config = run_config('resnet', drawn_coco, tmp_path)
    first, other = identity(config, checkpoint), identity(changed(config, key, value), checkpoint)
    assert {name for name in first if first[name] != other[name]} == {'config'}


def test_other_options_are_told(drawn_coco: Path, tmp_path: Path) -> None:
    config = run_config('resnet', drawn_coco, tmp_path)
    assert config_digest(config, {'layers': ['head']}) != config_digest(config, {'layers': ['backbone']})


def test_other_weights_are_told(drawn_coco: Path, checkpoint: Path, tmp_path: Path) -> None:
    config = run_config('resnet', drawn_coco, tmp_path)
    first = identity(config, checkpoint)
    checkpoint.write_bytes(b'other weights')
    other = identity(config, checkpoint)
    assert {name for name in first if first[name] != other[name]} == {'checkpoint'}


def test_weights_without_a_file() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    first = weights_digest(model)
    assert weights_digest(model) == first
    same = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    same.load_state_dict(model.state_dict())
    assert weights_digest(same) == first
    model[1].running_mean[0] = 1.0
    assert weights_digest(model) != first
    assert weights_digest(model.to(torch.bfloat16)) != weights_digest(model.float())
    found = run_identity(Config({}), model, 'https://example.org/weights.pth', {})
    assert found['checkpoint'] == weights_digest(model)


@pytest.mark.parametrize('file', ['ann_file', 'bbox_file'])
def test_other_labels_are_told(file: str, drawn_coco: Path, tmp_path: Path) -> None:
    config = run_config('resnet', drawn_coco, tmp_path)
    source = drawn_coco if file == 'ann_file' else drawn_coco.parent / 'detections.json'
    mine = tmp_path / 'mine.json'
    mine.write_bytes(source.read_bytes())
    config = changed(config, f'test_dataloader.dataset.{file}', str(mine))
    first = identity(config)
    content = json.loads(mine.read_text())
    (content['annotations'] if file == 'ann_file' else content).pop()
    mine.write_text(json.dumps(content))
    other = identity(config)
    first['checkpoint'] = other['checkpoint']  # of a new random layer each time
    assert {name for name in first if first[name] != other[name]} == {'annotations'}
