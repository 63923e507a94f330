"""Annotation files in several encodings, and joints whose names are nearly the same."""

import json
from pathlib import Path

import pytest

from posescope.data.annotations import joint_places, match_joints, read_categories
from posescope.errors import InputError

PATH = Path('people.json')
CATEGORIES = [{'id': 1, 'name': 'Männchen', 'keypoints': ['nez', 'œil']}]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32'])
@pytest.mark.parametrize('by_default', ['utf-8', 'latin-1'])
def test_categories_are_read_as_json_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, by_default: str
) -> None:
    path = tmp_path / 'people.json'
    text = json.dumps({'images': [], 'categories': CATEGORIES}, ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    read_text = Path.read_text

    def as_the_system(self: Path, encoding: str | None = None, *others: object) -> str:
        return read_text(self, encoding or by_default, *others)

    monkeypatch.setattr(Path, 'read_text', as_the_system)
    assert read_categories(path) == CATEGORIES


def test_no_json_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_bytes(b'\xff\xff')
    for name, words in (('a.json', 'is not valid JSON'), ('b.json', 'does not exist')):
        with pytest.raises(InputError, match=words):
            read_categories(tmp_path / name)


CORNERS = ['corner_1_11', 'corner_11_1', 'x+', 'x-']


def test_names_that_are_spelled_alike_are_taken() -> None:
    assert match_joints(CORNERS, CORNERS, PATH) == [0, 1, 2, 3]
    assert match_joints(CORNERS, CORNERS[::-1], PATH) == [3, 2, 1, 0]
    assert match_joints([*CORNERS, 'Left Eye'], ['left_eye', 'x-'], PATH) == [4, 3]
    # Whoever does not ask for them need not care.
    assert match_joints(['a', 'a', 'b'], ['b'], PATH) == [2]


@pytest.mark.parametrize(
    ('found', 'wanted', 'words'),
    [
        (CORNERS, ['Corner 1 11', 'x+'], r'matched by name: Corner 1 11 of the config may each be corner_1_11 or corn'),
        (CORNERS, ['x+', 'X'], r'by name: X of the config may each be x\+ or x- of the file'),
        (['X', 'y'], ['x+', 'x-'], r'by name: x\+, x- of the config may each be X of the file'),
        (['a', 'a'], ['a'], r'by name: a of the config may each be a of the file'),
        (['x+', 'y'], ['x+', 'x-'], r'missing: x-; the file has 2: x\+, y'),
    ],
)
def test_names_that_cannot_be_told_apart_are_named(found: list[str], wanted: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        match_joints(found, wanted, PATH)
    assert str(PATH) in str(caught.value)


def test_places_of_a_name() -> None:
    assert joint_places('x-', CORNERS) == [3]
    assert joint_places('X', CORNERS) == [2, 3]
    assert joint_places('nose', CORNERS) == []
