"""tools/benchmarks/training.py: what it measures, how it decides, and that both sides really train."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.device import get_device

from posescope.compat.bfloat16 import computes_in_bfloat16
from posescope.errors import InputError
from tests.small_config import write_small_config
from tools.benchmarks import training
from tools.benchmarks.training import BARE, CONFIG, Side, TimedTraining, main, shared_config, trained_ap


def test_both_sides_get_the_same_people_and_schedule() -> None:
    cfg = shared_config(CONFIG, people=100, epochs=28, log=True)
    assert cfg.train_dataloader.dataset.indices == 96, 'whole batches of 32'
    assert cfg.default_hooks.logger.interval == cfg.log_processor.window_size == 3, 'the mean of each epoch is logged'
    warm_up, anneal = cfg.param_scheduler
    assert (warm_up.begin, warm_up.end) == (0, 50), 'counted in steps'
    assert (anneal.begin, anneal.end) == (4, 28), 'from 2 of 14 epochs on, stretched'
    assert cfg.train_cfg.max_epochs == 28
    assert cfg.val_dataloader is None


def test_both_sides_begin_from_the_same_weights(tmp_path: Path) -> None:
    weights = tmp_path / 'start.pth'
    weights.touch()
    cfg = shared_config(CONFIG, None, None, log=False, load_from=weights)
    sides = training.write_sides(cfg, tmp_path / 'sides', amp=True)
    assert [Config.fromfile(side.config).load_from for side in sides] == [str(weights)] * 2


def test_bad_input_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    by_steps = write_small_config(tmp_path / 'steps.py', tmp_path, iterations=3)
    with pytest.raises(InputError, match='only trainings by epochs'):
        shared_config(by_steps, None, None, log=False)
    with pytest.raises(InputError, match='--people 20: a batch has 32'):
        shared_config(CONFIG, 20, None, log=False)
    with pytest.raises(InputError, match=r'--load-from: checkpoint .*none\.pth does not exist'):
        shared_config(CONFIG, None, None, log=False, load_from=tmp_path / 'none.pth')
    assert main(['--config', str(tmp_path / 'none.py')]) == 2
    assert 'none.py does not exist' in capsys.readouterr().err
    refused = (
        '--equivalence --seeds 1',
        '--epochs 1',
        '--repeats 0',
        '--workers 0',
        '--coco a.json b',
        '--load-from a.pth',
    )
    for options in map(str.split, refused):
        with pytest.raises(SystemExit):
            main(options)


def test_a_training_that_fails_shows_its_last_line(tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text("print('first')\nraise SystemExit('no such people')\n")
    with pytest.raises(InputError, match=r'exit status 1: no such people \(all of it: .*output.txt\)'):
        training.run([str(script)], tmp_path / 'output.txt')


def test_speed_is_that_of_the_epochs_after_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(self: Side, folder: Path) -> float:
        log = folder / '20260101_000000/vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        epochs = [{'time': time, 'loss': time / 10} for time in (9.0, 0.3, 0.5)]
        log.write_text('\n'.join(map(json.dumps, epochs)))
        return 30.0

    monkeypatch.setattr(Side, 'train', train)
    run = TimedTraining(Side('ours', tmp_path / 'ours.py', ()), tmp_path, batch=32)
    for _ in range(2):  # the second into a new folder
        assert run() == pytest.approx((30, 0.4 / 32 * 1000))
    assert run.losses == pytest.approx([0.9, 0.03, 0.05])


def test_a_finished_training_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / 'theirs.py'
    config.write_text('model = 1')
    side, made = Side('theirs', config, ()), []
    tested_on: list[list[str] | None] = []

    def train(self: Side, folder: Path, *more: str) -> float:
        assert not folder.exists(), 'what a killed training left behind is gone'
        folder.mkdir()
        (folder / 'epoch_2.pth').touch()
        made.append(more)
        return 5.0

    def test(arguments: list[str], output: Path, threads: int | None) -> None:
        assert arguments[1:3] == [str(tmp_path / 'ours.py'), str(output.parent / 'epoch_2.pth')]
        tested_on.append(arguments[arguments.index('--coco') + 1 :][:2] if '--coco' in arguments else None)
        Path(arguments[-1]).write_text(json.dumps({'coco/AP': 0.25 * len(made)}))

    monkeypatch.setattr(Side, 'train', train)
    monkeypatch.setattr(training, 'run', test)
    assert trained_ap(side, 3, tmp_path) == 0.25
    assert trained_ap(side, 3, tmp_path) == 0.25
    assert made == [('--cfg-options', 'randomness.seed=3')]
    (left,) = tmp_path.glob('theirs_*')
    left.unlink()
    left.with_suffix('').mkdir()  # as if it had been killed in the middle
    assert trained_ap(side, 3, tmp_path) == 0.5
    config.write_text('model = 2')
    assert trained_ap(side, 3, tmp_path) == 0.75, 'another config, another training'
    assert trained_ap(side, 3, tmp_path, ['people.json', 'pictures']) == 1, 'another test, another result'
    weights = tmp_path / 'start.pth'
    weights.write_bytes(b'first')
    config.write_text(f'model = 2\nload_from = {str(weights)!r}')
    assert trained_ap(side, 3, tmp_path) == 1.25, 'from weights, not from nothing'
    assert trained_ap(side, 3, tmp_path) == 1.25
    weights.write_bytes(b'second')
    assert trained_ap(side, 3, tmp_path) == 1.5, 'from other weights at the same path'
    assert tested_on == [None, None, None, ['people.json', 'pictures'], None, None]


def test_the_other_side_knows_nothing_of_ours(tmp_path: Path) -> None:
    script, config = tmp_path / 'script.py', tmp_path / 'config.py'
    config.write_text("optimizer = dict(type='timm.optim.Muon')")
    script.write_text(
        'import sys, mmcv.ops, mmpose.registry, torch\n'
        'from timm.optim.muon import zeropower_via_newtonschulz as orthogonalise\n'
        'print(orthogonalise(torch.eye(4), steps=1, coefficients=[(1.5, -0.5, 0.0)]).dtype)\n'
        "print(*(name for name in sys.modules if name.startswith('posescope')), *sys.argv[1:])\n"
    )
    line = [sys.executable, '-c', BARE, str(script), str(config), '--amp']
    shown = subprocess.run(line, capture_output=True, text=True, check=True)
    precision, *modules, first, option = shown.stdout.split()
    assert precision == ('torch.bfloat16' if computes_in_bfloat16(get_device()) else 'torch.float32')
    assert (first, option) == (str(config), '--amp')
    assert {name.split('.')[1] for name in modules if '.' in name} <= {'compat', 'atomic', 'errors'}


@pytest.mark.long
def test_both_sides_train_and_are_compared(drawn_coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=4)
    small: list[Any] = ['--config', config, '--json', tmp_path / 'out.json', '--work-dir', tmp_path / 'work']
    status = main([*map(str, small), '--people', '4', '--epochs', '2', '--repeats', '1'])
    records = json.loads((tmp_path / 'out.json').read_text())
    assert [entry['name'] for entry in records][:2] == ['training', 'training_whole']
    assert status == (0 if all(entry['equal'] for entry in records) else 1)
    speed, whole = records[:2]
    assert speed['people_a_second'] == pytest.approx([1000 / speed['ours'], 1000 / speed['theirs']])
    assert whole['ours'] > 4 * speed['ours'] / 1000
    assert speed['wanted'] in (1.4, 2.5)
    assert 'people a second against' in capsys.readouterr().out
    main([*map(str, small), '--equivalence', '--seeds', '2', '--epochs', '1', '--workers', '2'])
    (entry,) = json.loads((tmp_path / 'out.json').read_text())
    assert entry['name'] == 'training_equivalence'
    assert entry['ratio'] is None, 'both may have an AP of 0'
    assert len(list((tmp_path / 'work').glob('*.json'))) == 4
