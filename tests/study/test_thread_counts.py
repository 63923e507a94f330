"""One number of threads for all runs of a study."""

import json
from typing import Any

from posescope.study.engines import LocalEngine
from posescope.study.record import read_record
from posescope.study.thread_counts import common_threads, differing_threads
from tests.study.small_study import SmallStudy


def hosts(*threads: Any, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(f'run {number}', {'threads': count, **more}) for number, count in enumerate(threads)]


def test_one_number_is_common() -> None:
    assert common_threads(hosts(2, 2, 2)) == 2
    assert common_threads(hosts(2, 1)) is None
    assert common_threads([('begun', {}), *hosts(3)]) == 3
    assert common_threads([]) is None
    assert differing_threads(hosts(2, 2)) == ''


def test_the_fewer_are_named() -> None:
    said = differing_threads(hosts(1, 1, 2, 1, 2, 1, 4, 1, 2, 1, 2))
    assert '(1 for 6 of them; 2 for run 2, run 4, run 8, 1 more; 4 for run 6)' in said
    assert '\n' not in said


def test_threads_beside_a_gpu_change_nothing() -> None:
    assert differing_threads([*hosts(1, 1), *hosts(16, gpu='H100')]) == ''
    assert common_threads(hosts(16, gpu='H100')) is None


def test_a_mixture_is_said_at_the_end(small: SmallStudy) -> None:
    runs = [{'name': name, 'config': small.config(name, skill)} for name, skill in (('a', 1.0), ('b', 2.0))]
    study = small.study(small.content(runs))
    for trial, threads in zip(study.trials, (3, 5), strict=True):
        with LocalEngine() as engine:
            engine.threads = threads
            study.carry_out(engine, [trial])
    before = json.loads((small.folder / 'work/runs/a/seed0/record.json').read_text())
    study.put_together()
    text = (small.folder / 'work/study.md').read_text()
    assert '- Runs had different numbers of threads (3 for 1 of them; 5 for b seed 0): ' in text
    assert before['host']['threads'] == 3


def test_a_later_test_does_not_change_what_the_training_had(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}], choose_on=None)
    test = content['splits'].pop('test')
    for threads, splits in ((3, {}), (5, {'test': test})):
        content['splits'].update(splits)
        study = small.study(content)
        assert study.unfinished
        with LocalEngine() as engine:
            engine.threads = threads
            study.carry_out(engine)
    record = read_record(small.folder / 'work/runs/a/seed0/record.json')
    assert record.done == ['train', 'dev', 'test']
    assert record.host['threads'] == 3
