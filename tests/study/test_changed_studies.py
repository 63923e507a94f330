"""What a study says when it, or what it reads, is no longer what it was."""

import pytest

from posescope.errors import InputError
from posescope.study.engines import LocalEngine
from posescope.study.record import read_record
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
