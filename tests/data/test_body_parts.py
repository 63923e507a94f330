"""Part maps come back from disk as they were, and tell persons and parts apart."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posescope.data.body_parts import (
    BACKGROUND,
    BODY_PARTS,
    MAX_PEOPLE,
    OCCLUDER,
    PEOPLE_STRIDE,
    part_map_path,
    part_pixels,
    read_part_map,
    write_part_map,
)
from posescope.errors import InputError

EVERY_VALUE = np.arange(256, dtype=np.uint8).reshape(8, 32)


def test_values_are_those_that_files_on_disk_have() -> None:
    assert list(BODY_PARTS.values()) == list(range(1, 18))
    assert (BODY_PARTS['left_forearm'], BODY_PARTS['right_lower_leg'], BODY_PARTS['skirt']) == (6, 13, 16)
    assert (BACKGROUND, OCCLUDER, PEOPLE_STRIDE, MAX_PEOPLE) == (0, 255, 32, 7)
    # No part of anybody collides with the background or an occluder.
    values = {who * PEOPLE_STRIDE + part for who in range(MAX_PEOPLE) for part in BODY_PARTS.values()}
    assert len(values) == 7 * 17
    assert values.isdisjoint({BACKGROUND, OCCLUDER})
    assert max(values) <= 255


def test_every_value_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / 'map.png'
    write_part_map(path, EVERY_VALUE)
    np.testing.assert_array_equal(read_part_map(path), EVERY_VALUE)
    assert [entry.name for entry in tmp_path.iterdir()] == ['map.png']
    assert path.is_file()
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ('PNG', 'P', (32, 8))
        colours = np.array(picture.convert('RGB')).reshape(256, 3)
    assert colours[BACKGROUND].tolist() == [0, 0, 0]
    assert colours[OCCLUDER].tolist() == [255, 255, 255]
    first_person = colours[1:18].astype(int)
    distances = np.abs(first_person[:, None] - first_person).sum(-1) + 1000 * np.eye(17, dtype=int)
    assert distances.min() >= 20  # a viewer shows parts apart


def test_a_map_of_few_values_survives_too(tmp_path: Path) -> None:
    part_map = np.zeros((5, 7), np.uint8)
    part_map[2, 3], part_map[4, 6] = 33, OCCLUDER
    write_part_map(tmp_path / 'map.png', part_map)
    np.testing.assert_array_equal(read_part_map(tmp_path / 'map.png'), part_map)


def test_part_pixels_by_hand() -> None:
    part_map = np.array([[0, 6, 7], [38, 255, 6], [4, 36, 70]], np.uint8)
    assert np.argwhere(part_pixels(part_map, 0, 'left_forearm')).tolist() == [[0, 1], [1, 2]]
    assert np.argwhere(part_pixels(part_map, 1, 'left_forearm', 'left_upper_arm')).tolist() == [[1, 0], [2, 1]]
    assert np.argwhere(part_pixels(part_map, 2)).tolist() == [[2, 2]]
    assert not part_pixels(part_map, 3).any()


def test_persons_divide_the_map() -> None:
    owners = np.stack([part_pixels(EVERY_VALUE, who) for who in range(MAX_PEOPLE)])
    assert owners.sum(axis=(1, 2)).tolist() == [17] * 7
    assert owners.sum(axis=0).max() == 1
    assert not owners[:, EVERY_VALUE == OCCLUDER].any()
    assert not owners[:, EVERY_VALUE == BACKGROUND].any()


def test_where_a_part_map_lies() -> None:
    assert part_map_path('data/rendered_people/dev/000200007.jpg') == Path(
        'data/rendered_people/parts/dev/000200007.png'
    )


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown body part 'left_forarm'; nearest: left_forearm"):
        part_pixels(EVERY_VALUE, 0, 'left_forarm')
    with pytest.raises(InputError, match=r'none\.png does not exist; only rendered people have part maps'):
        read_part_map(tmp_path / 'none.png')
    (tmp_path / 'text.png').write_text('no picture')
    with pytest.raises(InputError, match=r'text\.png is no picture'):
        read_part_map(tmp_path / 'text.png')
    Image.new('RGB', (4, 4)).save(tmp_path / 'colour.png')
    with pytest.raises(InputError, match=r'colour\.png is no part map: its pixels are RGB'):
        read_part_map(tmp_path / 'colour.png')


def test_a_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    write_part_map(tmp_path / 'cut.png', EVERY_VALUE)
    whole = (tmp_path / 'cut.png').read_bytes()
    (tmp_path / 'cut.png').write_bytes(whole[: len(whole) - 40])
    with pytest.raises(InputError, match=r'cut\.png'):
        read_part_map(tmp_path / 'cut.png')
