import json
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
