"""Our tools take every option of MMPose's scripts, with the same defaults and shapes."""

import argparse
import importlib.util
import sys
from pathlib import Path

import mmpose
import pytest
from mmengine.config import DictAction

from posescope.engine.options import Settings, train_parser
from posescope.engine.options import test_parser as build_test_parser

SCRIPTS = Path(mmpose.__file__).parent / '.mim' / 'tools'
OWN = {'train': set(), 'test': {'coco', 'bbox_file', 'interpret', 'interpret_config'}}


def host_actions(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, argparse.Action]:
    """Run MMPose's own ``parse_args`` and take its parser's actions."""
    spec = importlib.util.spec_from_file_location(f'host_{name}', SCRIPTS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parsers = []

    def remember(parser: argparse.ArgumentParser, *args: object, **kwargs: object) -> argparse.Namespace:
        parsers.append(parser)
        return argparse.Namespace(local_rank=0)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', remember)
    monkeypatch.setattr(sys, 'argv', [name])
    module.parse_args()
    return {action.dest: action for action in parsers[0]._actions}


@pytest.mark.parametrize(('name', 'build'), [('train', train_parser), ('test', build_test_parser)])
def test_options_are_those_of_mmpose(name: str, build: object, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = host_actions(name, monkeypatch), {action.dest: action for action in build()._actions}
    assert ours.keys() - theirs.keys() == OWN[name]
    assert theirs.keys() <= ours.keys()
    for dest, action in theirs.items():
        own = ours[dest]
        assert own.option_strings == action.option_strings
        assert (own.nargs, own.const, own.type) == (action.nargs, action.const, action.type)
        assert type(own) is type(action) or (type(own), type(action)) == (Settings, DictAction)
        assert own.choices == action.choices
        assert (own.default or None) == (action.default or None), dest


def test_help_teaches(capsys: pytest.CaptureFixture) -> None:
    for build in (train_parser, build_test_parser):
        with pytest.raises(SystemExit) as stop:
            build().parse_args(['--help'])
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert 'examples:' in text
        assert all(action.help for action in build()._actions)
