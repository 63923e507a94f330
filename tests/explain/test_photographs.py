from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.explain.photographs import Photograph, folders_of, those_that_work


def test_every_picture_has_a_folder_of_its_own() -> None:
    images = [Path(name) for name in ('a/one.jpg', 'one_2.jpg', 'b/one.png', 'a/one.jpg', 'two.jpg')]
    names = [folder.name for folder in folders_of(images, Path('out'))]
    assert len(set(names)) == 5
    assert (names[0], names[1], names[4]) == ('one', 'one_2', 'two')


def look(path: Path, folder: Path) -> Photograph:
    if path.name.startswith('bad'):
        raise InputError(f'{path} is damaged')
    return Photograph(path, folder, None, None, 'whole picture')


def places(*names: str) -> list[tuple[Path, Path]]:
    return [(Path(name), Path('out') / name) for name in names]


def test_what_fails_is_left_out_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    found = those_that_work(places('bad1', 'good', 'bad2', 'fine'), look)
    assert [(each.path.name, each.folder.name, len(each)) for each in found] == [
        ('good', 'good', 1),
        ('fine', 'fine', 1),
    ]
    assert capsys.readouterr().err.splitlines() == [
        f'warning: {name} is damaged; this picture is skipped' for name in ('bad1', 'bad2')
    ]
    with pytest.raises(InputError, match='none of the 2 pictures can be explained'):
        those_that_work(places('bad1', 'bad2'), look)


def test_one_alone_fails_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r'^bad is damaged$'):
        those_that_work(places('bad'), look)
    assert capsys.readouterr().err == ''
