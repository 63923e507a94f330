"""A checkpoint and a config whose codecs differ."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from posescope.engine.codec_check import OPTION, read_config_text, refuse_other_codec
from posescope.errors import InputError
from posescope.explain.loading import load_function
from tests.conftest import ROOT
from tests.explain.small_models import config as explained
from tests.explain.small_models import function
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main as run_train

CONFIGS = [
    pytest.param(
        path, id=path.stem, marks=[] if path.stem in ('default', 'rtmpose-s_coco-256x192') else pytest.mark.long
    )
    for path in sorted((ROOT / 'configs/selection').rglob('*.py'))
]
"""To format the text of one takes a second."""
UDP = """
codec = dict(type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1.5)
model['head']['decoder'] = dict(_delete_=True, **codec)
for pipeline in (train_pipeline, val_pipeline):
    next(step for step in pipeline if step['type'] == 'TopdownAffine')['use_udp'] = True
"""


def checkpoint(cfg: Config) -> dict:
    return {'meta': {'cfg': cfg.pretty_text}, 'state_dict': {}}


def small(kind: str, use_udp: bool, **codec) -> Config:
    pipeline = [{'type': 'LoadImage'}, {'type': 'TopdownAffine', 'input_size': (64, 96), 'use_udp': use_udp}]
    head = {'type': 'HeatmapHead', 'decoder': {'type': kind, **codec}}
    return Config({'model': {'head': head}, 'test_dataloader': {'dataset': {'pipeline': pipeline}}})


@pytest.mark.parametrize('path', CONFIGS)
def test_published_and_own_configs_fit_themselves(path):
    cfg = Config.fromfile(path)
    text = cfg.pretty_text
    read = read_config_text(text)
    assert read['model']['head']['decoder']['type'] == cfg.model.head.decoder.type
    assert [step['type'] for step in read['val_dataloader']['dataset']['pipeline']] == [
        step['type'] for step in cfg.val_dataloader.dataset.pipeline
    ]
    refuse_other_codec(cfg, {'meta': {'cfg': text}}, 'own.pth')


def test_what_differs_is_said():
    biased, unbiased = small('MSRAHeatmap', False), small('UDPHeatmap', True)
    with pytest.raises(InputError) as error:
        refuse_other_codec(unbiased, checkpoint(biased), 'a.pth')
    assert str(error.value).startswith(
        'a.pth was trained with decoder MSRAHeatmap, the config has UDPHeatmap; and with TopdownAffine use_udp=False, '
        'the config has use_udp=True'
    )
    assert f'--cfg-options {OPTION}=True' in str(error.value)
    with pytest.raises(InputError, match=r'with decoder UDPHeatmap, the config has MSRAHeatmap'):
        refuse_other_codec(biased, checkpoint(unbiased), 'a.pth')
    with pytest.raises(InputError, match=r'a.pth was trained with TopdownAffine use_udp=True, the config'):
        refuse_other_codec(small('UDPHeatmap', False), checkpoint(unbiased), 'a.pth')
    combined = small('UDPHeatmap', True, heatmap_type='combined')
    with pytest.raises(InputError, match=r"heatmap_type='combined'\), the config has UDPHeatmap\(heatmap_type='gauss"):
        refuse_other_codec(unbiased, checkpoint(combined), 'a.pth')


def test_choices_at_test_time_pass():
    biased = small('MSRAHeatmap', False)
    refuse_other_codec(small('MSRAHeatmap', False, unbiased=True, blur_kernel_size=5), checkpoint(biased), 'a.pth')
    around = small('ExpectedKSCodec', False, codec={'type': 'MSRAHeatmap'}, person_size=40.0)
    refuse_other_codec(around, checkpoint(biased), 'a.pth')
    refuse_other_codec(small('mmpose.MSRAHeatmap', False), checkpoint(biased), 'a.pth')
    wrapped = Config({'model': {'head': {'type': 'WrappedHead', 'pose_head': biased.model.head}}})
    refuse_other_codec(wrapped, checkpoint(biased), 'a.pth')


def test_it_can_be_allowed_and_who_does_not_tell_passes():
    biased, unbiased = small('MSRAHeatmap', False), small('UDPHeatmap', True)
    refuse_other_codec(Config({**unbiased, OPTION: True}), checkpoint(biased), 'a.pth')
    for content in ({}, {'meta': {}}, {'meta': {'cfg': 'model = ('}}, {'meta': {'cfg': 'x = 1'}}, {'meta': None}):
        refuse_other_codec(unbiased, content, 'a.pth')


def test_a_text_is_read_and_never_run(tmp_path):
    trap = tmp_path / 'trap'
    text = f"""
import pathlib
a = dict(b=[1, 'x', (2.5, None)], c={{'d e': True, 5: -1}}, f=open({str(trap)!r}, 'w'), g=pathlib.Path)
open({str(trap)!r}, 'w')
"""
    assert read_config_text(text) == {
        'a': {'b': [1, 'x', [2.5, None]], 'c': {'d e': True, 5: None}, 'f': None, 'g': None}
    }
    assert not trap.exists()


def test_the_tool_refuses_in_one_line(tmp_path, drawn_coco, capsys):
    biased = write_small_config(tmp_path / 'biased.py', drawn_coco.parent)
    unbiased = write_small_config(tmp_path / 'unbiased.py', drawn_coco.parent, more=UDP)
    cfg = Config.fromfile(biased)
    trained = tmp_path / 'trained.pth'
    torch.save({**checkpoint(cfg), 'state_dict': MODELS.build(cfg.model).state_dict()}, trained)
    assert run_test([str(unbiased), str(trained), '--work-dir', str(tmp_path / 'test')]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert errors == [line for line in errors if 'decoder MSRAHeatmap, the config has UDPHeatmap' in line]
    assert len(errors) == 1


@pytest.mark.long
def test_to_resume_is_refused_and_to_start_a_training_or_to_be_told_to_test_is_not(tmp_path, drawn_coco, capsys):
    biased = write_small_config(tmp_path / 'biased.py', drawn_coco.parent, epochs=1)
    unbiased = write_small_config(tmp_path / 'unbiased.py', drawn_coco.parent, epochs=2, more=UDP)
    assert run_train([str(biased), '--work-dir', str(tmp_path / 'run'), '--no-validate']) == 0
    trained = str(tmp_path / 'run' / 'epoch_1.pth')
    on = [str(unbiased), '--work-dir', str(tmp_path / 'on'), '--no-validate']
    assert run_train([*on, '--cfg-options', f'load_from={trained}']) == 0
    test = [str(unbiased), trained, '--work-dir', str(tmp_path / 'test')]
    assert run_test([*test, '--cfg-options', 'allow_other_codec=True']) == 0
    capsys.readouterr()
    assert run_train([*on, '--resume', trained]) == 2
    assert 'decoder MSRAHeatmap, the config has UDPHeatmap' in capsys.readouterr().err


def test_what_is_explained_is_checked_too(tmp_path: Path):
    wanted = explained('udp')
    text = Config({**explained('resnet')}).pretty_text
    path = tmp_path / 'model.pth'
    torch.save({'state_dict': function('udp').model.state_dict(), 'meta': {'cfg': text}}, path)
    with pytest.raises(InputError, match='decoder MSRAHeatmap, the config has UDPHeatmap'):
        load_function(wanted, path, 'cpu')
    wanted.allow_other_codec = True
    load_function(wanted, path, 'cpu')


def test_a_quick_codec_is_the_codec_that_it_quickens() -> None:
    udp, quick = (small(kind, use_udp=True) for kind in ('UDPHeatmap', 'QuickUDPHeatmap'))
    refuse_other_codec(quick, checkpoint(udp), 'x.pth')
    refuse_other_codec(udp, checkpoint(quick), 'x.pth')
