import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from posescope.errors import InputError
from posescope.explain.explanation_folder import check_free, new_folder, write_content, write_maps


def test_everything_or_nothing(tmp_path: Path) -> None:
    folder = tmp_path / 'deep' / 'photo'
    with pytest.raises(ZeroDivisionError), new_folder(folder) as unfinished:
        write_content({}, unfinished)
        raise ZeroDivisionError
    assert list((tmp_path / 'deep').iterdir()) == []
    with new_folder(folder) as unfinished:
        write_content({'first': 1}, unfinished)
        assert not folder.exists()
    assert [path.name for path in (tmp_path / 'deep').iterdir()] == ['photo']


def test_an_older_explanation_is_replaced_only_by_a_finished_one(tmp_path: Path) -> None:
    folder = tmp_path / 'photo'
    with new_folder(folder) as unfinished:
        write_content({'number': 1}, unfinished)
        (unfinished / 'old.png').touch()
    with pytest.raises(KeyboardInterrupt), new_folder(folder):
        raise KeyboardInterrupt
    assert (folder / 'old.png').exists()
    with new_folder(folder) as unfinished:
        write_content({'number': 2}, unfinished)
    assert [path.name for path in folder.iterdir()] == ['explanation.json']
    assert json.loads((folder / 'explanation.json').read_text()) == {'number': 2}
    assert list(tmp_path.iterdir()) == [folder]


def test_folders_with_other_things_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(InputError, match='holds other things than an explanation'):
        check_free(tmp_path)
    with pytest.raises(InputError, match='is a file'):
        check_free(tmp_path / 'thesis.tex')
    (tmp_path / 'empty').mkdir()
    check_free(tmp_path / 'empty')


def test_what_is_not_finite_becomes_null(tmp_path: Path) -> None:
    write_content({'values': [1.5, float('nan')], 'inner': {'low': float('inf')}}, tmp_path)
    assert json.loads((tmp_path / 'explanation.json').read_text()) == {'values': [1.5, None], 'inner': {'low': None}}


def test_maps_are_made_one_by_one(tmp_path: Path) -> None:
    maps = {f'saliency/{name}': np.random.default_rng(n).random((4, 3), np.float32) for n, name in enumerate('ba')}
    write_maps({name: lambda name=name: maps[name] for name in maps}, tmp_path)
    found = load_file(tmp_path / 'maps.safetensors')
    assert sorted(found) == ['saliency/a', 'saliency/b']
    for name, values in found.items():
        np.testing.assert_array_equal(values, maps[name])


def test_after_a_kill_the_same_process_number_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / 'photo'
    unfinished = tmp_path / f'.photo.{os.getpid()}.part'
    unfinished.mkdir()
    (unfinished / 'half.png').touch()
    with new_folder(folder) as found:
        write_content({'number': 1}, found)
    assert [path.name for path in tmp_path.rglob('*')] == ['photo', 'explanation.json']


def test_what_a_kill_between_two_renames_left_is_put_back(tmp_path: Path) -> None:
    folder, before = tmp_path / 'photo.1', tmp_path / '.photo.1.77.old'
    before.mkdir()
    write_content({'number': 1}, before)
    others = [tmp_path / '.photo.1.2.77.old', tmp_path / '.photo.1.77.older']
    for other in others:
        other.mkdir()
    with pytest.raises(ZeroDivisionError), new_folder(folder):
        raise ZeroDivisionError
    assert json.loads((folder / 'explanation.json').read_text()) == {'number': 1}
    before.mkdir()
    with new_folder(folder) as found:
        write_content({'number': 2}, found)
    assert sorted(tmp_path.iterdir()) == sorted([*others, folder])
    assert json.loads((folder / 'explanation.json').read_text()) == {'number': 2}


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    content = {'id': np.int64(3), 'score': np.float32('nan'), 'box': np.array([1.5, np.inf]), 'name': np.str_('a')}
    write_content(content, tmp_path)
    found = json.loads((tmp_path / 'explanation.json').read_text())
    assert found == {'id': 3, 'score': None, 'box': [1.5, None], 'name': 'a'}
