import json
from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.study.record import FINISHED, Identity, Stage, TrialRecord, read_record, write_record


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / 'runs' / 'a' / 'record.json'
    assert read_record(path) is None
    record = TrialRecord('a', 3, 'a.py', Identity('abc', None), FINISHED, done=['train', 'dev'])
    record.stages['train'] = Stage(12.5, 2, 20.0, 512.0, None)
    record.metrics['dev'] = {'coco/AP': 0.5, 'coco/AP (L)': None}
    write_record(path, record)
    assert read_record(path) == record
    assert [one.name for one in path.parent.iterdir()] == ['record.json']
    assert record.seconds == 12.5
    assert record.complete(['train', 'dev'])
    assert not record.complete(['train', 'dev', 'test'])


def test_records_are_read_by_earlier_and_later_versions(tmp_path: Path) -> None:
    """Parts of an energy that are not known take no key, which an earlier version would not know, and may lack."""
    path = tmp_path / 'record.json'
    record = TrialRecord('a', 0, 'a.py', Identity('abc'), stages={'train': Stage(1.0), 'dev': Stage(gpu_joules=2.0)})
    write_record(path, record)
    stages = json.loads(path.read_text())['stages']
    assert set(stages['train']) == {'seconds', 'attempts', 'cpu_seconds', 'peak_memory_mb', 'energy_joules'}
    assert stages['dev']['gpu_joules'] == 2.0
    assert read_record(path) == record


@pytest.mark.parametrize('content', ['{', '[]', '{"format": "posescope trial", "version": 1}', '{"format": "other"}'])
def test_what_is_no_record_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'record.json'
    path.write_text(content)
    with pytest.raises(InputError, match=r'record.json'):
        read_record(path)
