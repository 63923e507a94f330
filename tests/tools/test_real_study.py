"""tools/study.py with the real programs: two models of a thousandth of the usual size, trained for some seconds."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.drawn_people import write_drawn_coco
from tests.engine.runs import start
from tests.small_config import write_small_config
from tools.study import main

pytestmark = pytest.mark.long

EPOCHS = 24


@pytest.fixture(scope='module')
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study file; beside it ``work``, where the study ran undisturbed."""
    folder = tmp_path_factory.mktemp('real')
    files = {
        name: write_drawn_coco(folder / name, num_images=count, people=1, seed=seed)
        for seed, (name, count) in enumerate((('train', 4), ('dev', 3), ('test', 4)))
    }
    more = ''.join(
        f"{loader}_dataloader['dataset'].update(ann_file={str(files[split])!r}, data_prefix=dict(img={images!r}))\n"
        f'{loader}_evaluator = dict(ann_file={str(files[split])!r})\n'
        for loader, split in (('train', 'train'), ('val', 'dev'), ('test', 'dev'))
        for images in [f'{folder / split}/']
    )
    config = write_small_config(folder / 'small.py', folder, epochs=EPOCHS, checkpoint_interval=EPOCHS, more=more)
    runs = [
        {'name': 'nothing', 'config': str(config), 'interpret': True},
        {'name': 'faster', 'config': str(config), 'start': 'nothing', 'controls': ['nothing'],
         'options': {'optim_wrapper.optimizer.lr': 0.01}},
    ]  # fmt: skip
    splits = {name: {'annotations': str(files[name]), 'images': str(folder / name)} for name in ('dev', 'test')}
    content = {'name': 'real', 'splits': splits, 'choose_on': 'dev', 'resamples': 100, 'threads': 1, 'runs': runs}
    (folder / 'study.py').write_text(f'study = {content!r}\n')
    assert main([str(folder / 'study.py'), '--work-dir', str(folder / 'work')]) == 0
    return folder / 'study.py'


def test_models_are_trained_tested_calibrated_measured_and_looked_into(study: Path) -> None:
    work = study.parent / 'work'
    found = json.loads((work / 'study.json').read_text())
    assert [run['status'] for run in found['runs']] == ['finished'] * 2
    for run in found['runs']:
        assert set(run['metrics']) == {'dev', 'test'}
        assert 0 <= run['metrics']['test']['coco/AP'] <= 1
        assert run['cost']['parameters'] > 1000
    one = found['comparisons'][0]
    assert one['verdict'].startswith('no claim: fewer than 50 images')
    values = {run['name']: run['metrics']['test']['coco/AP'] for run in found['runs']}
    assert one['delta_ap'] == pytest.approx(values['faster'] - values['nothing'])
    timing = json.loads((work / 'timing.json').read_text())
    assert timing['runs'][0]['training_seconds'] > 0
    assert 100 < timing['runs'][0]['stages']['train']['peak_memory_mb'] < 4000
    assert timing['models']['nothing']['latency'][1]['milliseconds'] > 0
    assert (work / 'runs/nothing/seed0/dev/features').is_dir()
    assert not (work / 'runs/faster/seed0/dev/features').exists()
    assert (work / 'figures/learning_curves.png').is_file()
    # A checkpoint after each quarter, of which the last stays and is tested.
    log = (work / 'runs/nothing/seed0/run.log').read_text()
    assert '--cfg-options default_hooks.checkpoint.interval=6 default_hooks.checkpoint.max_keep_ckpts=1' in log
    assert log.count('Saving checkpoint at ') == 4
    assert [path.name for path in (work / 'runs/nothing/seed0/train').glob('*.pth')] == [f'epoch_{EPOCHS}.pth']


def results(study: Path, work: Path) -> dict[str, bytes]:
    """What must be the same wherever a study ran: its results, and each test's metrics."""
    names = [f'runs/{run}/seed0/{split}/metrics.json' for run in ('nothing', 'faster') for split in ('dev', 'test')]
    return {name: (study.parent / work / name).read_bytes() for name in ('study.json', *names)}


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_in_a_training_and_a_test_and_finished_by_ray_it_ends_in_the_same(study: Path) -> None:
    pytest.importorskip('ray')
    work, generator = study.parent / 'killed', random.Random(0)
    options = [str(study), '--work-dir', str(work), '--resume']
    first = work / 'runs/nothing/seed0'
    for path in (first / 'train/epoch_6.pth', first / 'dev/config.py'):  # the training is under way; the test is
        process = start('study.py', *options)
        deadline = time.monotonic() + 200
        while not path.exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, f'{path} did not appear'
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (work / 'study.json').exists()
    assert main([*options, '--engine', 'ray', '--workers', '2']) == 0
    assert results(study, work) == results(study, study.parent / 'work')
    stages = json.loads((first / 'record.json').read_text())['stages']
    assert stages['train']['attempts'] + stages['dev']['attempts'] == 4, 'each was killed once'


@pytest.mark.timeout(900)
def test_emitted_jobs_end_in_the_same(study: Path) -> None:
    work = study.parent / 'emitted'
    options = [str(study), '--work-dir', str(work)]
    assert main([*options, '--emit', 'jobs']) == 0
    for wave in sorted((work / 'jobs').glob('wave*.txt')):
        for name in wave.read_text().split():
            subprocess.run(['bash', str(work / 'jobs' / name)], check=True, capture_output=True)
    assert not (work / 'study.json').exists()
    assert main([*options, '--resume']) == 0
    assert results(study, work) == results(study, study.parent / 'work')
