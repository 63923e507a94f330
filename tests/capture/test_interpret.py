from pathlib import Path

import pytest
from mmengine.config import Config

from posescope.capture.interpret import INTERPRET, add_interpretation, use_interpretation
from posescope.errors import InputError
from tests.conftest import ROOT

BASE = ROOT / 'configs' / '_base_' / 'interpret.py'
HOOK = {'type': 'FeatureMapHook', 'layers': ['head']}


def test_the_base_config_is_what_the_option_switches_on() -> None:
    assert Config.fromfile(BASE).interpret == INTERPRET


@pytest.mark.parametrize('empty', [{}, {'interpret': None}])
def test_asked_on_the_command_line(empty: dict) -> None:
    cfg = Config({'custom_hooks': [{'type': 'SyncBuffersHook'}], **empty})
    use_interpretation(cfg, None)
    add_interpretation(cfg)
    assert [hook['type'] for hook in cfg.custom_hooks] == ['SyncBuffersHook', 'FeatureMapHook', 'AttentionHook']
    cfg.interpret.hooks[0].pictures = 99
    assert INTERPRET['hooks'][0]['pictures'] == 2


def test_what_the_config_says_goes_first() -> None:
    cfg = Config({'interpret': {'hooks': [HOOK]}})
    use_interpretation(cfg, None)
    add_interpretation(cfg)
    assert cfg.custom_hooks == [HOOK]


def test_a_file_goes_before_the_config(tmp_path: Path) -> None:
    file = tmp_path / 'mine.py'
    file.write_text(f"_base_ = {str(BASE)!r}\ninterpret = dict(hooks=[dict(type='AttentionHook')])\n")
    cfg = Config({'interpret': {'hooks': [HOOK]}})
    use_interpretation(cfg, str(file))
    add_interpretation(cfg)
    assert cfg.custom_hooks == [{'type': 'AttentionHook'}]


def test_nothing_asked_nothing_added() -> None:
    cfg = Config({'model': {}})
    add_interpretation(cfg)
    assert 'custom_hooks' not in cfg


def test_a_file_without_interpret(tmp_path: Path) -> None:
    file = tmp_path / 'other.py'
    file.write_text('model = dict()\n')
    with pytest.raises(InputError, match=r'other.py lacks interpret=dict\(hooks='):
        use_interpretation(Config({}), str(file))


@pytest.mark.parametrize('wrong', [[HOOK], {'hook': [HOOK]}, {'hooks': HOOK}, {'hooks': ['FeatureMapHook']}, 'stages'])
def test_wrong_interpret(wrong: object) -> None:
    with pytest.raises(InputError, match=r'interpret takes dict\(hooks='):
        add_interpretation(Config({'interpret': wrong}))


def test_a_config_that_a_run_wrote_down_has_its_hooks_once(tmp_path: Path) -> None:
    """MMEngine dumps what it was given, hooks and ``interpret``; whoever tests from the work dir meets both."""
    cfg = Config({'custom_hooks': [{'type': 'SyncBuffersHook'}], 'interpret': {'hooks': [HOOK]}})
    add_interpretation(cfg)
    cfg.dump(tmp_path / 'dumped.py')
    again = Config.fromfile(tmp_path / 'dumped.py')
    add_interpretation(again)
    assert again.custom_hooks == cfg.custom_hooks
    use_interpretation(again, str(BASE))
    add_interpretation(again)
    assert [hook['type'] for hook in again.custom_hooks] == ['SyncBuffersHook', 'FeatureMapHook', 'AttentionHook']
