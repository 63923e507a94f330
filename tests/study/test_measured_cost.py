import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from posescope.study.measured_cost import BATCH, digest_of_model, main, measure
from tests.small_config import write_small_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_small_config(tmp_path / 'small.py', tmp_path)


def test_counts_and_times(config: Path, tmp_path: Path) -> None:
    assert main([str(config), '--out', str(tmp_path / 'cost.json'), '--threads', '1']) == 0
    found = json.loads((tmp_path / 'cost.json').read_text())
    model = MODELS.build(Config.fromfile(config).model)
    assert found['exact']['parameters'] == sum(one.numel() for one in model.parameters())
    assert found['exact']['input_size'] == [64, 96]
    one, batch = found['measured']['latency']
    assert (one['batch'], one['threads'], batch['batch'], batch['threads']) == (1, 1, BATCH, 1)
    assert 0 < one['milliseconds'] < batch['milliseconds']
    assert found['measured']['inference_memory_mb'] > 50


def test_bad_models_are_one_line(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config.write_text(config.read_text() + "\nmodel['backbone']['type'] = 'ResNat'\n")
    assert main([str(config), '--out', str(tmp_path / 'cost.json')]) == 2
    assert capsys.readouterr().err.count('\n') == 1
    assert not (tmp_path / 'cost.json').exists()


def test_a_measurement_is_of_model_and_input_size(config: Path) -> None:
    content = Config.fromfile(config).to_dict()
    digest = digest_of_model(content)
    assert digest_of_model({**content, 'train_cfg': {}}) == digest
    assert digest_of_model({**content, 'model': {**content['model'], 'backbone': {}}}) != digest
    head = {**content['model']['head'], 'loss': {'type': 'L1Loss'}, 'loss_vis': None, 'oks_loss': {'beta': 2}}
    assert digest_of_model({**content, 'model': {**content['model'], 'head': head}}) == digest
    assert digest_of_model({**content, 'model': {**content['model'], 'head': head}}, losses=True) != digest
    assert digest_of_model({**content, 'model': {**content['model'], 'head': {**head, 'lossless': 1}}}) != digest
    assert digest_of_model({'model': content['model']}) is None


def test_slow_models_are_timed_less_often(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.study.measured_cost._PATIENCE', 0.0)
    found = measure(Config.fromfile(config), 'small', 1, repeats=1)
    assert found['measured']['latency'][1]['milliseconds'] > 0
