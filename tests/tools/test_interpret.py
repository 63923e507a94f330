"""tools/test.py --interpret: from the command line to stores, also through two processes and kills."""

import json
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

import posescope
from posescope.capture.interpret import INTERPRET
from posescope.engine.config import load_config
from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco
from tests.engine.runs import start
from tests.engine.test_launch import launch
from tests.small_config import write_small_config
from tools.test import main as run_test

BASE = ROOT / 'configs' / '_base_' / 'interpret.py'


@pytest.fixture(scope='module')
def five(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Config and checkpoint of a model that has learnt nothing, tested on five people, with flip_test."""
    folder = tmp_path_factory.mktemp('five')
    annotations = write_drawn_coco(folder / 'data', num_images=5, people=1)
    more = "\nmodel['test_cfg'] = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)\n"
    return [str(path) for path in written(folder, annotations.parent, more)]


def written(folder: Path, data: Path, more: str) -> tuple[Path, Path]:
    """A config and a checkpoint of its model with random weights."""
    config = write_small_config(folder / 'small.py', data, more=more)
    torch.manual_seed(0)
    model = MODELS.build(load_config(str(config)).model)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, folder / 'random.pth')
    return config, folder / 'random.pth'


def error(capsys: pytest.CaptureFixture) -> str:
    """The one line that a tool says about bad input."""
    said = capsys.readouterr().err
    assert 'Traceback' not in said
    (line,) = [line for line in said.splitlines() if line.startswith('error:')]
    return line


def test_interpret(five: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INTERPRET['hooks'][0], 'pictures', 0)  # they take long, and are tested with the hook
    assert run_test([*five, '--work-dir', str(tmp_path / 'bare')]) == 0
    assert run_test([*five, '--work-dir', str(tmp_path / 'run'), '--interpret']) == 0
    store = posescope.open_store(tmp_path / 'run' / 'features')
    assert store.complete
    assert store.samples.keys == [(i, i) for i in range(1, 6)]
    stages = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]
    assert sorted(store.layers) == sorted([*stages, *(f'{stage}@mirrored' for stage in stages)])
    assert not (tmp_path / 'run' / 'attention').exists()
    bare, run = (json.loads((tmp_path / name / 'metrics.json').read_text()) for name in ('bare', 'run'))
    assert {key: value for key, value in bare.items() if key.startswith('coco/')} == {
        key: value for key, value in run.items() if key.startswith('coco/')
    }


def test_base_config_and_a_file_of_its_own(five: list[str], tmp_path: Path) -> None:
    """One line in `_base_` does what the option does; --interpret-config goes before it."""
    config = tmp_path / 'with_base.py'
    config.write_text(f'_base_ = [{five[0]!r}, {str(BASE)!r}]\n')
    options = ['--work-dir', str(tmp_path / 'base'), '--cfg-options', 'interpret.hooks.0.pictures=0']
    assert run_test([str(config), five[1], *options]) == 0
    assert len(posescope.open_store(tmp_path / 'base' / 'features').layers) == 8
    mine = tmp_path / 'mine.py'
    mine.write_text("interpret = dict(hooks=[dict(type='FeatureMapHook', layers='head', out_dir='maps')])\n")
    options = ['--work-dir', str(tmp_path / 'mine'), '--interpret-config', str(mine)]
    assert run_test([str(config), five[1], *options]) == 0
    assert posescope.open_store(tmp_path / 'mine' / 'maps').layers == ('head', 'head@mirrored')
    assert not (tmp_path / 'mine' / 'features').exists()


@pytest.mark.parametrize(
    ('hook', 'message'),
    [
        ("type='FeatureMapHook', layers=['backbone.layer9']", 'matches nothing; nearest: backbone.layer'),
        ("type='FeatureMapHook', dtype='float8'", "dtype='float8' is not one of float16, float32, float64"),
        ("type='FeatureMapHook', layer='head'", "FeatureMapHook has no option 'layer' (nearest: layers"),
        ("type='FeatureMapsHook'", "type='FeatureMapsHook' is not registered"),
        ("type='AttentionHook'", 'matches no attention'),
    ],
)
def test_bad_input(hook: str, message: str, five: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / 'mine.py'
    file.write_text(f'interpret = dict(hooks=[dict({hook})])\n')
    assert run_test([*five, '--work-dir', str(tmp_path / 'run'), '--interpret-config', str(file)]) == 2
    assert message in error(capsys)


def test_bad_files(five: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run_test([*five, '--work-dir', str(tmp_path), '--interpret-config', str(tmp_path / 'none.py')]) == 2
    assert 'none.py does not exist' in error(capsys)
    assert run_test([*five, '--work-dir', str(tmp_path), '--interpret-config', five[0]]) == 2
    assert 'lacks interpret=dict(hooks=' in error(capsys)


def test_store_of_another_checkpoint(five: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / 'mine.py'
    file.write_text("interpret = dict(hooks=[dict(type='FeatureMapHook', layers='head')])\n")
    options = ['--work-dir', str(tmp_path / 'run'), '--interpret-config', str(file)]
    assert run_test([*five, *options]) == 0
    other = torch.load(five[1])
    other['state_dict']['head.final_layer.bias'] += 1
    torch.save(other, tmp_path / 'other.pth')
    capsys.readouterr()
    assert run_test([five[0], str(tmp_path / 'other.pth'), *options]) == 2
    assert 'features was written with another checkpoint' in error(capsys)


@pytest.mark.long
def test_two_processes_write_what_one_does(five: list[str], tmp_path: Path) -> None:
    """Of five people, one is seen by both."""
    options = ['--interpret', '--cfg-options', 'test_dataloader.batch_size=1']
    assert run_test([*five, '--work-dir', str(tmp_path / 'one'), *options]) == 0
    launch('dist_test.sh', *five, 2, '--work-dir', tmp_path / 'two', *options)
    one, two = (posescope.open_store(tmp_path / name / 'features') for name in ('one', 'two'))
    assert len(list(two.folder.glob('rank?-*.safetensors'))) == 2
    assert one.complete
    assert two.complete
    assert one.samples.keys == two.samples.keys == [(i, i) for i in range(1, 6)]
    for ours, theirs in zip(one.samples, two.samples, strict=True):
        assert str(ours) == str(theirs)
    assert one.layers == two.layers
    for layer in one.layers:
        assert one[layer][:].tobytes() == two[layer][:].tobytes()
        assert one.grid(layer) == two.grid(layer)


@pytest.mark.long
def test_two_processes_fit_one_reduction(five: list[str], tmp_path: Path) -> None:
    """All people are seen before the fit, so that both runs fit to the same ones, but for the one seen twice."""
    file = tmp_path / 'mine.py'
    file.write_text(
        "interpret = dict(hooks=[dict(type='FeatureMapHook', layers=['backbone.layer3'], dtype='float32', "
        "reduction=dict(type='TopChannels', k=4))])\n"
    )
    options = ['--interpret-config', str(file), '--cfg-options', 'test_dataloader.batch_size=1']
    launch('dist_test.sh', *five, 2, '--work-dir', tmp_path / 'two', *options)
    two = posescope.open_store(tmp_path / 'two' / 'features')
    assert two.complete
    assert two['backbone.layer3'].shape[:2] == (5, 4)
    channels = two.reduction('backbone.layer3')['channels']
    assert run_test([*five, '--work-dir', str(tmp_path / 'one'), '--interpret-config', str(file)]) == 0
    one = posescope.open_store(tmp_path / 'one' / 'features')
    assert one.reduction('backbone.layer3')['channels'][0] == channels[0]


KILLED = """
interpret = dict(hooks=[
    dict(type='FeatureMapHook', layers=['backbone.**'], dtype='float64'),
    dict(type='FeatureMapHook', layers=['backbone.layer*'], out_dir='reduced', reduction=dict(type='PCA', k=3, fit=20)),
])
"""


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != '.lock'}


@pytest.mark.crash
def test_killed_runs_go_on_to_the_same_bytes(tmp_path: Path) -> None:
    """Three kills: early, after the first shard, after the second."""
    annotations = write_drawn_coco(tmp_path / 'data', num_images=60, people=2)
    more = "\nmodel['backbone'].update(base_channels=16, stem_channels=32)\nmodel['head']['in_channels'] = 128\n"
    config, checkpoint = written(tmp_path, annotations.parent, more + KILLED)
    killed, generator = tmp_path / 'killed', random.Random(5)
    for shards in (0, 1, 2):
        process = start('test.py', config, checkpoint, '--work-dir', killed)
        seen = killed / 'features'
        deadline = time.monotonic() + 240
        while len(list(seen.glob('*.safetensors'))) < shards or not (seen / 'manifest.json').exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.3))
        assert process.poll() is None, 'it ended before it could be killed'
        os.killpg(process.pid, 9)
        process.communicate()
        with pytest.warns(UserWarning, match='is not complete'):
            assert not posescope.open_store(seen).complete
    for work_dir in (killed, tmp_path / 'whole'):
        process = start('test.py', config, checkpoint, '--work-dir', work_dir)
        assert process.wait(timeout=300) == 0, process.communicate()[0]
    for store in ('features', 'reduced'):
        found, expected = (files(work_dir / store) for work_dir in (killed, tmp_path / 'whole'))
        assert sorted(found) == sorted(expected)
        assert [name for name in found if found[name] != expected[name]] == []
        assert posescope.open_store(killed / store).complete
    assert len(list((killed / 'features').glob('*.safetensors'))) >= 4
    assert np.isfinite(posescope.open_store(killed / 'features')['backbone.layer4'][:]).all()
