"""What becomes of single trials, and of those that depend on them."""

import dataclasses
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from posescope.errors import InputError
from posescope.study import trial
from posescope.study.engines import EngineLostError, LocalEngine
from posescope.study.record import TrialRecord, read_record
from tests.study.fake_programs import digest
from tests.study.small_study import SmallStudy, started, statuses


def weights(seed: int, skill: float, epochs: int, start: str = 'scratch') -> str:
    """What the fake training ends in, computed here."""
    for number in range(1, epochs + 1):
        start = digest(start, seed, number, skill)
    return start


def test_a_broken_run_fails_alone(small: SmallStudy) -> None:
    runs = [
        {'name': 'gone', 'config': 'gone.py'},
        {'name': 'diverged', 'config': small.config('diverged', 1.0, broken=True)},
        {'name': 'follows', 'config': small.config('good', 1.0), 'start': 'diverged'},
        {'name': 'good', 'config': small.config('good', 1.0), 'seeds': [0, 1]},
    ]
    study = small.study(small.content(runs))
    reported = []
    with LocalEngine() as engine:
        study.carry_out(engine, report=lambda trial: reported.append(trial.label))
    found = study.put_together()
    assert statuses(found) == {
        ('gone', 0): 'failed', ('diverged', 0): 'failed', ('follows', 0): 'failed', ('good', 0): 'finished',
        ('good', 1): 'finished',
    }  # fmt: skip
    reasons = {run['name']: run['reason'] for run in found['runs'] if run['reason']}
    assert reasons['gone'] == 'config gone.py does not exist'
    assert reasons['diverged'] == 'train: the loss is not finite at iteration 3'
    assert reasons['follows'] == f'its start diverged seed 0 failed: {reasons["diverged"]}'
    assert sorted(reported) == ['diverged seed 0', 'follows seed 0', 'gone seed 0', 'good seed 0', 'good seed 1']
    assert [trial.label for trial in study.failed] == ['gone seed 0', 'diverged seed 0', 'follows seed 0']
    text = (study.folder.root / 'study.md').read_text()
    assert '2 of 5 trainings and tests are finished.' in text
    assert f'- **diverged, seed 0: failed**: {reasons["diverged"]}' in text


def test_mended_runs_are_run_and_finished_ones_are_not(small: SmallStudy) -> None:
    runs = [
        {'name': 'broken', 'config': small.config('broken', 1.0, broken=True)},
        {'name': 'good', 'config': small.config('good', 1.0)},
    ]
    small.run(small.content(runs))
    small.config('broken', 1.0)
    found = small.run(small.content(runs))
    assert set(statuses(found).values()) == {'finished'}
    assert started(small.folder / 'work/runs/good/seed0', 'train') == 1
    assert started(small.folder / 'work/runs/good/seed0', 'test') == 2
    assert started(small.folder / 'work/runs/broken/seed0', 'train') == 1, 'its folder was cleared'


def test_runs_start_from_runs(small: SmallStudy) -> None:
    runs = [
        {'name': 'changed', 'config': small.config('changed', 2.0), 'start': 'base', 'controls': ['nothing']},
        {'name': 'nothing', 'config': small.config('nothing', 1.0), 'start': 'base'},
        {'name': 'base', 'config': small.config('base', 1.0, epochs=3), 'seeds': [7]},
        {'name': 'each', 'config': small.config('each', 3.0), 'start': 'nothing'},
    ]
    found = small.run(small.content(runs, seeds=[0, 1]))
    assert set(statuses(found).values()) == {'finished'}
    base = weights(7, 1.0, 3)
    for name, skill in (('changed', 2.0), ('nothing', 1.0)):
        for seed in (0, 1):
            path = small.folder / f'work/runs/{name}/seed{seed}/train/epoch_2.pth'
            assert path.read_text() == weights(seed, skill, 2, base)
    expected = weights(1, 3.0, 2, weights(1, 1.0, 2, base))
    assert (small.folder / 'work/runs/each/seed1/train/epoch_2.pth').read_text() == expected


def test_given_weights_are_only_tested(small: SmallStudy) -> None:
    (small.folder / 'given.pth').write_text('weights')
    run = {'name': 'given', 'config': small.config('a', 1.0), 'train': False, 'start': str(small.folder / 'given.pth')}
    found = small.run(small.content([run]))
    assert statuses(found) == {('given', 0): 'finished'}
    assert started(small.folder / 'work/runs/given/seed0', 'train') == 0
    luck = int(digest('weights', 'test')[:6], 16) / 16**6
    assert found['runs'][0]['metrics']['test']['coco/AP'] == pytest.approx(0.4 + 0.01 * luck)


def test_weights_that_are_not_there(small: SmallStudy) -> None:
    run = {'name': 'given', 'config': small.config('a', 1.0), 'train': False, 'start': 'below/given.pth'}
    with pytest.raises(InputError, match=r'start below/given\.pth of run given does not exist'):
        small.study(small.content([run]))


def test_what_nobody_expected_fails_one_run_alone(small: SmallStudy) -> None:
    """A training that writes its checkpoints somewhere else, and one whose metrics are no JSON."""
    elsewhere = str(small.folder / 'elsewhere')
    runs = [
        {'name': 'elsewhere', 'config': small.config('elsewhere', 1.0, out_dir=elsewhere)},
        {'name': 'good', 'config': small.config('good', 1.0)},
    ]
    found = small.run(small.content(runs))
    assert statuses(found) == {('elsewhere', 0): 'failed', ('good', 0): 'finished'}
    assert 'leave out_dir out of default_hooks.checkpoint' in found['runs'][0]['reason']


def test_untrained_runs_hand_their_weights_on(small: SmallStudy) -> None:
    """c starts from b, which is a as it is."""
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {'name': 'b', 'config': small.config('b', 1.5), 'start': 'a', 'train': False},
        {'name': 'c', 'config': small.config('c', 2.0), 'start': 'b', 'train': False},
        {'name': 'd', 'config': small.config('d', 3.0), 'start': 'c'},
    ]
    found = small.run(small.content(runs, seeds=[0, 1]))
    assert set(statuses(found).values()) == {'finished'}
    assert [seed for name, seed in statuses(found) if name == 'c'] == [0, 1]
    for seed in (0, 1):
        path = small.folder / f'work/runs/d/seed{seed}/train/epoch_2.pth'
        assert path.read_text() == weights(seed, 3.0, 2, weights(seed, 1.0, 2))


def test_a_criterion_that_the_first_test_does_not_report_ends_the_study_early(small: SmallStudy) -> None:
    runs = [{'name': name, 'config': small.config(name, 1.0)} for name in ('a', 'b', 'c')]
    study = small.study(small.content(runs, criterion='oks/meen'))
    with pytest.raises(InputError, match='no run reports criterion oks/meen'), LocalEngine() as engine:
        study.carry_out(engine)
    assert sum(trial.finished(study.plan) for trial in small.study(small.content(runs)).trials) < 3


def test_records_are_enough_to_go_on_elsewhere(small: SmallStudy) -> None:
    """Nothing but records and matches is copied, and the config's data lie elsewhere by then."""
    small.save_matches({1.0: 1, 2.0: 1})
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {'name': 'b', 'config': small.config('b', 2.0), 'controls': ['a']},
    ]
    content = small.content(runs, cost=True)
    expected = small.run(content)
    for path in (small.folder / 'work').rglob('*'):
        if path.name in ('record.json', 'matches.npz') or path.parent.name == 'costs':
            copy = small.folder / 'elsewhere' / path.relative_to(small.folder / 'work')
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    study = small.study(content, 'elsewhere')
    assert study.unfinished == []
    assert study.put_together() == expected
    record = (small.folder / 'elsewhere/runs/a/seed0/record.json').read_text()
    assert str(small.folder / 'work') not in record
    assert len(record) < 5000


def test_matches_that_were_not_copied_along_are_named(small: SmallStudy) -> None:
    """Of one run nothing but records came, of the other all but one seed's matches."""
    small.save_matches({1.0: 2, 2.0: 2})
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {'name': 'b', 'config': small.config('b', 2.0), 'controls': ['a']},
    ]
    content = small.content(runs, seeds=[0, 1])
    small.run(content)
    for path in (small.folder / 'work').rglob('*'):
        if path.name == 'record.json' or (path.name == 'matches.npz' and ('/b/' in str(path))):
            copy = small.folder / 'elsewhere' / path.relative_to(small.folder / 'work')
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (found,) = small.study(content, 'elsewhere').put_together()['comparisons']
    ending = 'is not here and has to be copied along from where'
    assert found['verdict'] == f'no claim: runs/a/seed0/test/matches.npz {ending} a was tested'
    for seed in (0, 1):
        name = f'runs/a/seed{seed}/test/matches.npz'
        (small.folder / 'elsewhere' / name).parent.mkdir(parents=True)
        (small.folder / 'elsewhere' / name).write_bytes((small.folder / 'work' / name).read_bytes())
    (small.folder / 'elsewhere/runs/b/seed1/test/matches.npz').unlink()
    (found,) = small.study(content, 'elsewhere').put_together()['comparisons']
    assert found['verdict'] == f'no claim: runs/b/seed1/test/matches.npz {ending} b was tested'


def test_stopping_leaves_what_the_next_call_goes_on_with(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, epochs=40, pause=0.05)}])
    study = small.study(content)
    folder = study.folder.trial('a', 0)

    def interrupt_soon() -> None:
        while not (folder / 'train/epoch_3.pth').is_file():
            time.sleep(0.01)
        engine._children.stop()

    engine = LocalEngine()
    threading.Thread(target=interrupt_soon).start()
    with engine:
        study.carry_out(engine)
    record = read_record(folder / 'record.json')
    assert (record.status, record.reason, record.done) == ('running', '', [])
    small.config('a', 1.0, epochs=40)  # another pause is another config
    with pytest.raises(InputError, match='was begun with another config'):
        small.study(content)
    small.config('a', 1.0, epochs=40, pause=0.05)
    small.run(content)
    assert (folder / 'train/epoch_40.pth').read_text() == weights(0, 1.0, 40)
    assert '--resume' in (folder / 'run.log').read_text()
    assert read_record(folder / 'record.json').stages['train'].attempts == 2


def test_an_exception_stops_programs(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, pause=60)}])
    study = small.study(content)
    start = time.monotonic()

    def interrupt() -> None:
        while not (study.folder.trial('a', 0) / 'run.log').is_file():
            time.sleep(0.01)
        raise KeyboardInterrupt

    def enter() -> None:
        with LocalEngine() as engine:
            engine.submit(study.trials[0].task(study.plan, study.folder, study.commands, 1))
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        enter()
    assert time.monotonic() - start < 5


def test_two_studies_do_not_do_the_same_work(small: SmallStudy) -> None:
    """The second waits for the first, and then finds nothing to do."""
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, pause=0.2)}])
    waited = []

    def one() -> None:
        study = small.study(content)
        with LocalEngine(waiting=lambda task: waited.append(task.name)) as engine:
            study.carry_out(engine)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waited == ['a']
    assert started(small.folder / 'work/runs/a/seed0', 'train') == 1


class LostEngine:
    """Goes away after its first trial."""

    threads = 1

    def __init__(self) -> None:
        self._inner = LocalEngine()
        self._count = 0

    def __enter__(self) -> 'LostEngine':
        self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._inner.__exit__(None, None, None)

    def submit(self, task: Any) -> Any:
        self._count += 1
        future = self._inner.submit(task)
        if self._count > 1:
            future.cancel()
            future = type(future)()
            future.set_exception(EngineLostError('the cluster went away'))
        return future


def test_records_outlive_an_engine(small: SmallStudy) -> None:
    runs = [{'name': name, 'config': small.config('a', 1.0)} for name in 'ab']
    content = small.content(runs)
    study = small.study(content)
    with pytest.raises(EngineLostError, match='went away'), LostEngine() as engine:
        study.carry_out(engine)
    found = small.run(content)
    assert set(statuses(found).values()) == {'finished'}
    for name in 'ab':
        assert started(Path(small.folder / f'work/runs/{name}/seed0'), 'train') == 1


def test_calibration_and_cost_that_fail_cost_a_line(small: SmallStudy) -> None:
    run = {'name': 'a', 'config': small.config('a', 1.0)}
    found = small.run(small.content([run], calibrate=True, cost=True))
    assert found['runs'][0]['calibration']['joints'] == {'slope': 0.5, 'brier': 0.1, 'ece': 0.05, 'ece_noise': None}
    assert not (small.folder / 'work/runs/a/seed0/dev/predictions.pkl').exists()
    assert found['runs'][0]['cost'] == {'input_size': [96, 128], 'parameters': 10**6, 'multiply_adds': 10**8}
    (small.folder / 'given').write_text('weights')
    broken = {
        'name': 'b', 'config': small.config('b', 1.0, broken=True), 'train': False, 'start': str(small.folder / 'given')
    }  # fmt: skip
    found = small.run(small.content([broken], cost=True), 'other')
    assert found['runs'][0]['status'] == 'finished'
    assert found['runs'][0]['cost'] is None
    timing = json.loads((small.folder / 'other/timing.json').read_text())
    assert timing['models']['b'] == {'problem': 'the model cannot be built'}


def test_stopped_between_calibration_and_its_record(small: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written down next time, the predictions are there until it is."""
    run = {'name': 'a', 'config': small.config('a', 1.0)}
    content = small.content([run], calibrate=True)
    real = trial.write_record

    def write(path: Path, record: TrialRecord) -> None:
        if 'calibrate' in record.done:
            raise KeyboardInterrupt
        real(path, record)

    monkeypatch.setattr(trial, 'write_record', write)
    with pytest.raises(KeyboardInterrupt), LocalEngine() as engine:
        small.study(content).carry_out(engine)
    monkeypatch.setattr(trial, 'write_record', real)
    found = small.run(content)
    assert found['runs'][0]['calibration'] is not None
    assert not (small.folder / 'work/runs/a/seed0/dev/predictions.pkl').exists()


def test_a_measurement_that_was_killed_is_made_again(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}], cost=True)
    study = small.study(content)
    with LocalEngine() as engine:
        study.carry_out(engine)
    killed = (sys.executable, '-S', '-c', 'import os; os.kill(os.getpid(), 9)')
    study.commands = dataclasses.replace(study.commands, measure=killed)
    study.measure_costs()
    assert study.put_together()['runs'][0]['cost'] is None
    assert small.run(content)['runs'][0]['cost']['parameters'] == 10**6
    (kept,) = (small.folder / 'work/costs').glob('*.json')
    before = kept.stat().st_mtime_ns
    small.run(content, redone=['a'])
    assert kept.stat().st_mtime_ns > before


def test_a_finding_of_the_start_is_looked_for_when_the_run_begins(small: SmallStudy) -> None:
    """The start leaves findings on dev; what names one that is not there fails alone, until it is mended."""
    path = small.folder / 'work/runs/a/seed0/dev/findings.json'
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0, findings='turned'), 'seeds': [0]},
        {'name': 'b', 'config': small.config('b', 2.0), 'start': 'a', 'finding': '{start}/dev/findings.json#turned'},
        {'name': 'c', 'config': small.config('c', 2.0), 'start': 'a', 'finding': '{start}/dev/findings.json#tuned'},
    ]
    found = small.run(small.content(runs))
    assert statuses(found) == {('a', 0): 'finished', ('b', 0): 'finished', ('c', 0): 'failed'}
    assert found['runs'][2]['reason'].endswith('dev/findings.json holds no finding tuned (nearest: turned)')
    assert started(small.folder / 'work/runs/c/seed0', 'train') == 0
    path.unlink()  # a run that has begun needs it no more
    runs[2]['finding'] = None
    assert set(statuses(small.run(small.content(runs))).values()) == {'finished'}
