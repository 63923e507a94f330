"""Pictures that are read once."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.fileio import LocalBackend, register_backend
from mmpose.datasets.transforms import LoadImage
from PIL import Image

from posescope.data.transforms import CachedImage


def loaded(path: Path, *steps: object, **options: object) -> dict:
    results = {'img_path': str(path)}
    for step in (*steps, LoadImage(**options)):
        results = step.transform(results)  # type: ignore[attr-defined]
    return results


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (600, 600, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'picture.png'), pixels)
    return tmp_path / 'picture.png'


def test_a_picture_is_read_once(picture: Path) -> None:
    cached, expected = CachedImage(), loaded(picture)
    first = loaded(picture, cached)
    picture.unlink()
    again = loaded(picture, cached)
    for results in (first, again):
        np.testing.assert_array_equal(results['img'], expected['img'])
        assert results['img_shape'] == results['ori_shape'] == (600, 600)
    with pytest.raises(ValueError, match='read-only'):
        again['img'][0] = 0


@pytest.mark.parametrize(
    'options', [{'color_type': 'grayscale'}, {'color_type': 'unchanged', 'imdecode_backend': 'pillow'}]
)
def test_it_reads_as_load_image_does(tmp_path: Path, options: dict) -> None:
    path = tmp_path / 'palette.png'
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).quantize(16).save(path)  # Pillow gives the numbers of its colours, OpenCV the colours
    expected = loaded(path, **options)['img']
    assert expected.shape == (20, 30)
    assert not np.array_equal(loaded(path)['img'], expected)
    found = loaded(path, CachedImage(**options), **options)['img']
    np.testing.assert_array_equal(found, expected)


def test_files_come_from_where_load_image_takes_them(picture: Path) -> None:
    class Below(LocalBackend):
        def __init__(self, root: str) -> None:
            self.root = Path(root)

        def get(self, filepath: str) -> bytes:  # type: ignore[override]
            return super().get(self.root / filepath)

    register_backend('below', Below, force=True)
    options = {'backend_args': {'backend': 'below', 'root': str(picture.parent)}}
    found = CachedImage(**options).transform({'img_path': picture.name})['img']
    np.testing.assert_array_equal(found, loaded(Path(picture.name), **options)['img'])
    assert 'img' not in CachedImage().transform({'img_path': picture.name})


def test_what_does_not_fit_is_read_again(picture: Path) -> None:
    cached = CachedImage(megabytes=1)  # the picture takes 1.03
    loaded(picture, cached)
    picture.unlink()
    with pytest.raises(FileNotFoundError):
        loaded(picture, cached)


def test_an_empty_file_is_left_to_who_names_it(tmp_path: Path) -> None:
    path = tmp_path / 'empty.jpg'
    path.touch()
    with pytest.raises(Exception, match=re.escape(str(path))):
        loaded(path, CachedImage())
