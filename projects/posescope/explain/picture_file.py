"""Pictures from files, as MMPose's loader gives them."""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['read_picture']

_JPEG, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
"""Markers at the beginning and at the end of a JPEG picture."""
_JPEG_MARKER = re.compile(rb'\xff[^\x00\x01\xd0-\xd8\xff]', re.DOTALL)
"""The end, or a segment that tells its length; pixels never look like one (ITU-T T.81, B.1.1)."""


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture.

    Grey becomes three equal channels, 16 bits become 8, a fourth channel is left out, and a picture that its EXIF tag
    says is turned is turned upright: what MMPose's ``LoadImage`` does.

    Args:
        path: A file in any format that OpenCV reads.

    Returns:
        (H, W, 3) uint8, blue first.

    Raises:
        InputError: There is no such file, or it is no picture.
    """
    path = Path(path).expanduser()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f'picture {path} does not exist') from None
    except OSError as error:
        raise InputError(f'picture {path} cannot be read: {error.strerror}') from None
    if not content:
        raise InputError(f'picture {path} is empty')
    if content.startswith(_JPEG) and not _reaches_its_end(content):
        raise InputError(f'picture {path} is damaged: its end is missing')  # OpenCV would make it grey
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f'picture {path} cannot be decoded: {error.err}') from None
    if image is None:
        raise InputError(f'{path} is no picture that OpenCV can read, such as JPEG, PNG, WebP, BMP or TIFF')
    return np.asarray(image, np.uint8)


def _reaches_its_end(content: bytes) -> bool:
    """Whether a JPEG picture is whole; segments, as that of a thumbnail, and what follows, as a film, are not read."""
    place = len(_JPEG)
    while found := _JPEG_MARKER.search(content, place):
        if found.group() == _JPEG_END:
            return True
        place = found.end() + max(2, int.from_bytes(content[found.end() : found.end() + 2], 'big'))
    return False
