"""What a study says when it, or what it reads, is no longer what it was."""

import threading
import time
from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.study import survey
from posescope.study.engines import LocalEngine
from posescope.study.record import read_record
from posescope.study.study_folder import trial_lock
from tests.study.small_study import SmallStudy, started, statuses


def test_a_changed_run_is_refused_until_it_is_told_to_run_again(small: SmallStudy) -> None:
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {'name': 'b', 'config': small.config('b', 2.0), 'start': 'a'},
    ]
    before = small.run(small.content(runs))
    small.config('a', 1.5)
    message = r'run a seed 0 was finished with another config than .*a.py is now \(model.skill: 1.0 → 1.5\); --redo a '
    with pytest.raises(InputError, match=message):
        small.study(small.content(runs))
    with pytest.raises(InputError, match='--redo c: the study has no such run'):
        small.study(small.content(runs), redone=['c'])
    after = small.run(small.content(runs), redone=['a'])  # and with it what starts from it
    assert set(statuses(after).values()) == {'finished'}
    assert after['runs'][0]['metrics'] != before['runs'][0]['metrics']
    assert after['runs'][1]['metrics'] != before['runs'][1]['metrics']


def test_other_data_are_refused(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}])
    small.run(content)
    (small.folder / 'test.json').write_text('{"images": [1], "annotations": [2]}')
    with pytest.raises(InputError, match='run a seed 0 was tested on other annotations or boxes of split test'):
        small.study(content)


def test_other_boxes_are_other_data(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}])
    (small.folder / 'boxes.json').write_text('[]')
    small.run(content)
    content['splits']['test']['boxes'] = str(small.folder / 'boxes.json')
    with pytest.raises(InputError, match='other annotations or boxes of split test'):
        small.study(content)
    small.run(content, redone=['a'])
    assert not small.study(content).unfinished
    (small.folder / 'boxes.json').write_text('[1]')
    with pytest.raises(InputError, match='other annotations or boxes of split test'):
        small.study(content)


def test_data_that_changed_between_two_tests_are_not_mixed(small: SmallStudy) -> None:
    """The test on dev is done and the one on test failed; then dev changes."""
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, fails_on='test')}])
    assert statuses(small.run(content)) == {('a', 0): 'failed'}
    (small.folder / 'dev.json').write_text('{"images": [1], "annotations": [2]}')
    with pytest.raises(InputError, match='other annotations or boxes of split dev'):
        small.study(content)


@pytest.mark.parametrize('other', [None, 'https://example.org/other.pth'])
def test_another_start_of_a_finished_run_is_noticed(small: SmallStudy, other: str | None) -> None:
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {'name': 'b', 'config': small.config('b', 2.0), 'start': 'a'},
    ]
    small.run(small.content(runs))
    runs[1]['start'] = other
    with pytest.raises(InputError, match='run b seed 0 was finished with other weights to start from'):
        small.study(small.content(runs))


def test_an_address_is_another_start_than_another_address(small: SmallStudy) -> None:
    run = {'name': 'a', 'config': small.config('a', 1.0), 'start': 'https://example.org/one.pth'}
    digests = []
    for address in ('https://example.org/one.pth', 'https://example.org/two.pth'):
        (trial,) = small.study(small.content([{**run, 'start': address}])).trials
        digests.append(trial.identity)
    assert digests[0] != digests[1]


def test_what_is_run_again_is_removed_once_all_else_is_right(small: SmallStudy) -> None:
    runs = [{'name': name, 'config': small.config(name, 1.0)} for name in ('a', 'b')]
    small.run(small.content(runs))
    small.config('b', 2.0)
    with pytest.raises(InputError, match='run b seed 0 was finished with another config'):
        small.study(small.content(runs), redone=['a'])
    assert read_record(small.folder / 'work/runs/a/seed0/record.json') is not None


def test_a_finished_run_is_looked_into_when_that_is_asked_for_later(small: SmallStudy) -> None:
    run = {'name': 'a', 'config': small.config('a', 1.0)}
    before = small.run(small.content([run]))
    after = small.run(small.content([{**run, 'interpret': True}]))
    folder = small.folder / 'work/runs/a/seed0'
    assert (started(folder, 'train'), started(folder, 'test')) == (1, 3)
    lines = [line for line in (folder / 'run.log').read_text().splitlines() if '--interpret' in line]
    assert len(lines) == 1
    assert '/dev ' in lines[0]
    assert after['runs'][0]['metrics'] == before['runs'][0]['metrics']
    small.run(small.content([{**run, 'interpret': True}]))
    assert started(folder, 'test') == 3
    fresh = small.run(small.content([{**run, 'interpret': True}]), name='fresh')
    assert started(small.folder / 'fresh/runs/a/seed0', 'test') == 2, 'at once, where it is asked for at once'
    assert fresh['runs'][0]['metrics'] == before['runs'][0]['metrics']


def test_a_record_that_another_study_finished_meanwhile_is_kept(small: SmallStudy) -> None:
    run = {'name': 'a', 'config': small.config('a', 1.0)}
    study = small.study(small.content([run]))
    small.config('a', 2.0)
    small.run(small.content([run]))
    with pytest.raises(InputError, match='run a seed 0 was finished meanwhile'), LocalEngine() as engine:
        study.carry_out(engine)
    assert not small.study(small.content([run])).unfinished


def test_another_split_is_only_tested(small: SmallStudy) -> None:
    run = {'name': 'a', 'config': small.config('a', 1.0)}
    content = small.content([run])
    test = content['splits'].pop('test')
    found = small.run({**content, 'choose_on': None})
    assert list(found['runs'][0]['metrics']) == ['dev']
    content['splits']['test'] = test
    found = small.run(content)
    assert list(found['runs'][0]['metrics']) == ['dev', 'test']
    folder = small.folder / 'work/runs/a/seed0'
    assert (started(folder, 'train'), started(folder, 'test')) == (1, 2)


def test_a_training_is_not_thrown_away_because_a_test_failed(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, fails_on='test')}])
    assert statuses(small.run(content)) == {('a', 0): 'failed'}
    small.config('a', 2.0)
    with pytest.raises(InputError, match=r'run a seed 0 was begun with another config .*; --redo a runs it again'):
        small.study(content)
    assert (small.folder / 'work/runs/a/seed0/train/epoch_2.pth').is_file()
    assert set(statuses(small.run(content, redone=['a'])).values()) == {'finished'}


def test_a_finished_run_outlives_a_typo(small: SmallStudy) -> None:
    """Another split is to be tested on, and its config does not load; mended with another value it is another run."""
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}])
    test = content['splits'].pop('test')
    small.run({**content, 'choose_on': None})
    content['splits']['test'] = test
    small.config('a', 1.0, more='oh no')
    assert statuses(small.run(content)) == {('a', 0): 'failed'}
    small.config('a', 3.0)
    with pytest.raises(InputError, match='run a seed 0 was begun with another config'):
        small.study(content)
    small.config('a', 1.0)
    assert set(statuses(small.run(content)).values()) == {'finished'}
    assert started(small.folder / 'work/runs/a/seed0', 'train') == 1


@pytest.mark.parametrize('left', ['everything but the record', 'the record of what follows', 'nothing'])
def test_a_kill_while_runs_are_removed(small: SmallStudy, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    runs = [
        {'name': 'b', 'config': small.config('b', 2.0), 'start': 'a'},
        {'name': 'a', 'config': small.config('a', 1.0)},
    ]
    small.run(small.content(runs))
    small.config('a', 1.5)
    expected = small.run(small.content(runs), 'fresh')

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    if left == 'everything but the record':
        monkeypatch.setattr(survey, 'clear_trial', killed)
        with pytest.raises(KeyboardInterrupt):
            small.study(small.content(runs), redone=['a'])
    elif left == 'the record of what follows':
        for name in 'ab':
            (small.folder / f'work/runs/{name}/seed0/record.json').unlink()
    else:
        survey.remove(small.study(small.content(runs), redone=['a']).folder, ['a', 'b'])
    monkeypatch.undo()
    assert small.run(small.content(runs)) == expected


def test_a_study_that_waits_for_another_process_can_be_stopped(small: SmallStudy) -> None:
    study = small.study(small.content([{'name': 'a', 'config': small.config('a', 1.0)}]))
    waiting = threading.Event()
    with trial_lock(small.folder / 'work/runs/a/seed0'):
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt), LocalEngine(waiting=lambda task: waiting.set()) as engine:
            (trial,) = study.trials
            engine.submit(trial.task(study.plan, study.folder, study.commands, 1))
            assert waiting.wait(10)
            raise KeyboardInterrupt
        assert time.monotonic() - begun < 5


def test_a_calibration_that_was_killed_is_made_again(small: SmallStudy) -> None:
    killer = str(small.folder / 'killed')
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, killed_once=killer)}], calibrate=True)
    assert statuses(small.run(content)) == {('a', 0): 'failed'}
    found = small.run(content)
    assert found['runs'][0]['calibration']['joints']['slope'] == 0.5
    assert found == small.run(content, 'undisturbed')


def test_a_finished_run_is_calibrated_when_that_is_asked_for_later(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}])
    small.run(content)
    found = small.run({**content, 'calibrate': True})
    assert found == small.run({**content, 'calibrate': True}, 'at_once')
    assert found['runs'][0]['calibration'] is not None
    assert started(small.folder / 'work/runs/a/seed0', 'train') == 1


def test_a_trained_run_needs_its_start_no_more(small: SmallStudy) -> None:
    start = small.folder / 'given.pth'
    start.write_text('weights')
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, fails_on='test'), 'start': str(start)}])
    small.run(content)
    start.unlink()
    study = small.study(content)
    assert [trial.label for trial in study.unfinished] == ['a seed 0']


def test_another_start_that_is_not_here_is_another_start(small: SmallStudy) -> None:
    """Where a finished run's start lies elsewhere, its name tells whether it is still meant."""
    start = small.folder / 'given.pth'
    start.write_text('weights')
    run = {'name': 'a', 'config': small.config('a', 1.0), 'start': str(start)}
    small.run(small.content([run]))
    start.unlink()
    assert small.study(small.content([run])).unfinished == []
    with pytest.raises(InputError, match='run a seed 0 was finished with other weights to start from'):
        small.study(small.content([{**run, 'start': str(small.folder / 'other.pth')}]))
