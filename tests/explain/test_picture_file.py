import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import LoadImage
from PIL import Image, ImageOps

from posescope.errors import InputError
from posescope.explain.picture_file import read_picture

COLOURS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (12, 20, 3), dtype=np.uint16)


def loaded(path: Path) -> np.ndarray:
    """What MMPose's loader makes of the file."""
    return LoadImage()({'img_path': str(path)})['img']


def test_colours_come_blue_first(tmp_path: Path) -> None:
    path = tmp_path / 'Füße 1.png'
    Image.fromarray(COLOURS).save(path)
    np.testing.assert_array_equal(read_picture(path), COLOURS[..., ::-1])
    np.testing.assert_array_equal(read_picture(str(path)), loaded(path))


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    path = tmp_path / 'grey.png'
    Image.fromarray(COLOURS[..., 0]).save(path)
    np.testing.assert_array_equal(read_picture(path), COLOURS[..., :1].repeat(3, 2))
    np.testing.assert_array_equal(read_picture(path), loaded(path))


def test_a_fourth_channel_is_left_out_as_by_mmpose(tmp_path: Path) -> None:
    path = tmp_path / 'rgba.png'
    alpha = np.arange(240, dtype=np.uint8).reshape(12, 20, 1)
    Image.fromarray(np.concatenate([COLOURS, alpha], 2)).save(path)
    np.testing.assert_array_equal(read_picture(path), COLOURS[..., ::-1])
    np.testing.assert_array_equal(read_picture(path), loaded(path))


@pytest.mark.parametrize('grey', [False, True])
def test_sixteen_bits_keep_the_upper_eight(tmp_path: Path, grey: bool) -> None:
    path = tmp_path / 'deep.png'
    values = DEEP[..., 0] if grey else DEEP
    cv2.imwrite(str(path), values)
    expected = (values >> 8).astype(np.uint8).reshape(12, 20, -1) * np.ones(3, np.uint8)
    np.testing.assert_array_equal(read_picture(path), expected)
    np.testing.assert_array_equal(read_picture(path), loaded(path))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_turns_the_picture_upright(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / 'turned.png'
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_picture(path), upright[..., ::-1])
    np.testing.assert_array_equal(read_picture(path), loaded(path))


def test_one_pixel_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / 'pixel.png'
    Image.fromarray(COLOURS[:1, :1]).save(path)
    assert read_picture(path).tolist() == COLOURS[:1, :1, ::-1].tolist()


def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'text.jpg').write_text('no picture')
    whole = cv2.imencode('.jpg', COLOURS.repeat(20, 0).repeat(20, 1))[1].tobytes()
    (tmp_path / 'cut.jpg').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'whole.jpg').write_bytes(whole + b'trailing')
    for name, message in (
        ('none.jpg', 'picture {} does not exist'),
        ('', 'picture {} cannot be read: Is a directory'),
        ('empty.jpg', 'picture {} is empty'),
        ('text.jpg', '{} is no picture that OpenCV can read, such as'),
        ('cut.jpg', 'picture {} is damaged: its end is missing'),
    ):
        with pytest.raises(InputError, match=re.escape(message.format(tmp_path / name))) as raised:
            read_picture(tmp_path / name)
        assert '\n' not in str(raised.value)
    assert read_picture(tmp_path / 'whole.jpg').shape == (240, 400, 3)


@pytest.mark.parametrize('progressive', [False, True])
def test_a_photograph_with_a_film_behind_it_is_whole(tmp_path: Path, progressive: bool) -> None:
    """As telephones write them: the bytes of a film may look like any marker; a thumbnail has an end of its own."""
    thumbnail = b'\xff\xd8\xff\xda\xff\xd9'
    path, film = tmp_path / 'photo.jpg', b'ftypmp42' + b'\xff\xda' * 3
    Image.fromarray(COLOURS.repeat(20, 0).repeat(20, 1)).save(path, progressive=progressive, comment=thumbnail)
    whole = path.read_bytes()
    assert whole.endswith(b'\xff\xd9')
    assert thumbnail in whole
    path.write_bytes(whole + film)
    np.testing.assert_array_equal(read_picture(path), loaded(path))
    for end in (len(whole) - 2, len(whole) // 2, 40):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match='its end is missing'):
            read_picture(path)
