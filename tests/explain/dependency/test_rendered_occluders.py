from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from posescope.data.body_parts import OCCLUDER, part_map_path, write_part_map
from posescope.errors import InputError
from posescope.explain.dependency.effects import measure_effects
from posescope.explain.dependency.fills import build_fills
from posescope.explain.dependency.rendered_occluders import RenderedOccluder, occluder_surfaces, pictures_of
from tests.explain.dependency.planted_people import ELBOW, SHOULDER, people, planted


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """A picture without object, and one with a green one of 60 × 40 pixels."""
    paths = []
    for number, size in enumerate((0, 40)):
        pixels, parts = np.full((100, 120, 3), 200, np.uint8), np.zeros((100, 120), np.uint8)
        pixels[30 : 30 + size, 20:80] = (10, 250, 20)
        parts[30 : 30 + size, 20:80] = OCCLUDER
        path = tmp_path / 'dev' / f'{number}.png'
        path.parent.mkdir(exist_ok=True)
        part_map_path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        write_part_map(part_map_path(path), parts)
        paths.append(path)
    return paths


def test_largest_square_of_the_object(pictures: list[Path]) -> None:
    (surface,) = occluder_surfaces(pictures)
    assert surface.shape[0] == surface.shape[1] == 28  # in the circle with a radius of 20
    assert (surface == (20, 250, 10)).all()  # blue first
    with pytest.raises(InputError, match='no object in front of people'):
        occluder_surfaces(pictures[:1])


def test_fill_is_preprocessed_and_goes_on_mirrored() -> None:
    function = planted()
    ramp = (np.arange(24 * 24 * 3) % 251).astype(np.uint8).reshape(24, 24, 3)
    some = people(2)
    found = RenderedOccluder(function, [ramp, ramp[::-1]]).surface(some, torch.ones(2))
    assert found.shape == some.inputs.shape
    mean, std = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    expected = (ramp[..., ::-1] - np.array(mean)) / std
    np.testing.assert_allclose(found[0, :, :24, :24].permute(1, 2, 0), expected, atol=1e-5)
    torch.testing.assert_close(found[0, :, 24:48, :24], found[0, :, :24, :24].flip(1))
    torch.testing.assert_close(found[0, :, 48:72, :24], found[0, :, :24, :24])
    torch.testing.assert_close(found[1, :, :24], found[0, :, :24].flip(1))


def test_hides_as_any_fill_does() -> None:
    function = planted()
    grey = RenderedOccluder(function, [np.full((24, 24, 3), 7, np.uint8)])
    found = measure_effects(function, people(1), fills=['mean_colour', grey], hide=['left_shoulder'])
    assert found.fills == ('mean_colour', 'rendered_occluder')
    assert found.hidden['ks'][1, 0, ELBOW, SHOULDER] == pytest.approx(1, abs=1e-3)


def test_nothing_to_hide_behind() -> None:
    with pytest.raises(InputError, match='one surface or more'):
        RenderedOccluder(planted(), [])


def test_by_name_with_pictures(pictures: list[Path]) -> None:
    function, some = planted(), people(1)
    (fill,) = build_fills(['rendered_occluder'], function, pictures)
    expected = RenderedOccluder(function, occluder_surfaces(pictures))
    radii = torch.ones(1)
    torch.testing.assert_close(fill.surface(some, radii), expected.surface(some, radii))


class Told(list[str]):
    """People of pictures with such paths, who are told of without being loaded."""

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {'img_path': super().__getitem__(index)}

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError('a picture was loaded')


def test_each_picture_of_a_data_set_once() -> None:
    assert list(pictures_of(Told(['b', 'b', 'a', 'c']))) == ['b', 'a', 'c']
    assert list(pictures_of(Told(['b', 'b', 'a', 'c']), most=2)) == ['b', 'a']
    loaded = [{'data_samples': SimpleNamespace(metainfo={'img_path': path})} for path in 'aba']
    assert list(pictures_of(loaded)) == ['a', 'b']
