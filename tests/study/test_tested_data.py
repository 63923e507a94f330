"""What runs are tested on, and who else reads it."""

import json
import shutil
from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.study.plan import Split
from posescope.study.run_config import resolve
from posescope.study.study_file import plan_of
from posescope.study.tested_data import digest_of_data, digest_of_file, same_data
from tests.study.small_study import SmallStudy


def test_digest_of_file(small: SmallStudy) -> None:
    path = small.folder / 'abc'
    path.write_bytes(b'abc')
    # FIPS 180-2, appendix B.1.
    assert digest_of_file(path) == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    assert digest_of_file(small.folder / 'gone') is None


def test_one_file_has_many_names(small: SmallStudy) -> None:
    dev, test = (str(small.folder / f'{name}.json') for name in ('dev', 'test'))
    copy = str(small.folder / 'copy.json')
    shutil.copy(dev, copy)
    assert same_data(dev, copy)
    assert same_data(dev, f'{small.folder}/test/../dev.json')
    assert not same_data(dev, test)
    assert not same_data(dev, str(small.folder / 'gone.json'))


def test_a_config_has_data_of_its_own(small: SmallStudy) -> None:
    dev = str(small.folder / 'dev.json')
    own = {'test_dataloader': {'dataset': {'ann_file': dev}}}
    named = digest_of_data(Split('dev', dev, ''), {})
    assert named == digest_of_file(small.folder / 'dev.json')
    assert digest_of_data(Split('dev', dev, '', boxes=dev), {}) not in (named, None)
    assert digest_of_data(Split('dev'), own) not in (named, None)
    assert digest_of_data(Split('dev'), {}) is None
    assert digest_of_data(Split('dev', dev, '', boxes='gone.json'), {}) is None


def resolved(small: SmallStudy, splits: dict, more: str = '', **study: object) -> None:
    runs = [
        {'name': 'base', 'config': small.config('base', 1.0, more=more)},
        {'name': 'run', 'config': small.config('run', 1.0, more=more), 'start': 'base', **study.pop('run', {})},
    ]
    plan = plan_of({**small.content(runs, **study), 'splits': splits})
    resolve(plan, plan.runs['run'])


def test_the_choice_is_not_made_on_what_is_compared_on(small: SmallStudy) -> None:
    splits = small.content([])['splits']
    resolved(small, splits)
    shutil.copy(small.folder / 'test.json', small.folder / 'copy.json')
    copied = {**splits, 'dev': {**splits['dev'], 'annotations': str(small.folder / 'copy.json')}}
    with pytest.raises(InputError, match='choose_on=dev has annotations of test'):
        resolved(small, copied)
    with pytest.raises(InputError, match='split dev, which chooses, and split test, which is compared on'):
        resolved(small, {'dev': None, 'test': None})
    own = f'test_dataloader = dict(dataset=dict(ann_file={str(small.folder / "test.json")!r}))'
    with pytest.raises(InputError, match='are the same data: '):
        resolved(small, {**splits, 'dev': None}, own)
    comparison = {'name': 'on dev', 'run': 'run', 'control': 'base', 'split': 'dev'}
    with pytest.raises(InputError, match='choose_on=dev is the split that the comparisons are made on'):
        resolved(small, splits, comparisons=[comparison])


def test_nothing_is_learnt_from_what_a_start_did_on_test(small: SmallStudy) -> None:
    splits = small.content([])['splits']
    for folder in ('{start}', 'work_dirs/small/runs/a/seed0'):
        resolved(small, splits, run={'options': {'model': {'diagnosis': f'{folder}/dev/diagnosis.json'}}})
    with pytest.raises(InputError, match=r'read \{start\}/test: what was found on test cannot be learnt from; take'):
        resolved(small, splits, run={'options': {'model': {'diagnosis': '{start}/test/diagnosis.json'}}})


def test_a_config_that_trains_on_its_own_test_data(small: SmallStudy) -> None:
    data = f'dict(dataset=dict(ann_file={str(small.folder / "dev.json")!r}))'
    more = f'train_dataloader = {data}\ntest_dataloader = {data}'
    with pytest.raises(InputError, match=r'train_dataloader of config .* reads split dev'):
        resolved(small, {'dev': None}, more, choose_on=None)
    val = more.replace('train_', 'val_')
    with pytest.raises(InputError, match=r'val_dataloader of config .* reads split test'):
        resolved(small, {'test': None}, val, choose_on=None)
    resolved(small, {'test': None}, val, choose_on=None, validate=False)


@pytest.mark.parametrize(
    'path',
    [
        '{start}/dev/a.json and {start}/test/b.json',
        '{start}//test/a',
        '{start}/dev/../test/a',
        'work_dirs/small/runs/a/seed0/test/b.json',
        '/somewhere/other/runs//b/seed12/dev/../test/matches.npz',
    ],
)
def test_no_way_round_leads_to_what_was_found_on_test(small: SmallStudy, path: str) -> None:
    splits = small.content([])['splits']
    run = {'options': {'model': {'read': path}}}
    with pytest.raises(InputError, match='cannot be learnt from; take'):
        resolved(small, splits, run=dict(run))
    with pytest.raises(InputError, match=r'cannot be learnt from$'):
        resolved(small, {'test': splits['test']}, run=dict(run), choose_on=None)


def write_people(path: Path, people: list[int], **layout: int) -> str:
    """A file in which a person's number is where its joint is."""
    images = [{'id': person, 'file_name': f'somewhere/{person}.jpg'} for person in people]
    rows = [{'id': i, 'image_id': person, 'keypoints': [person, 7, 2]} for i, person in enumerate(people)]
    path.write_text(json.dumps({'images': images, 'annotations': rows}, **layout))
    return str(path)


def test_people_in_common_are_the_same_data(tmp_path: Path) -> None:
    test = write_people(tmp_path / 'test.json', [3, 4, 5])
    assert same_data(test, write_people(tmp_path / 'indented.json', [3, 4, 5], indent=1))
    assert same_data(test, write_people(tmp_path / 'more.json', [1, 2, 5]))
    assert not same_data(test, write_people(tmp_path / 'others.json', [1, 2, 6]))
    write_people(tmp_path / 'others.json', [1, 2, 3, 4])
    assert same_data(test, str(tmp_path / 'others.json')), 'it was written anew'
    (tmp_path / 'list.json').write_text('[1, 2]')
    assert not same_data(test, str(tmp_path / 'list.json'))


def test_training_pictures_may_not_hold_test_pictures(small: SmallStudy) -> None:
    splits = small.content([])['splits']
    write_people(small.folder / 'test.json', [8, 9])
    write_people(small.folder / 'dev.json', [6, 7])
    train = write_people(small.folder / 'train.json', [1, 2, 3])
    more = f'train_dataloader = dict(dataset=dict(ann_file={train!r}))'
    resolved(small, splits, more)
    write_people(small.folder / 'train.json', [1, 2, 3, 9])
    with pytest.raises(InputError, match='reads split test'):
        resolved(small, splits, more)
