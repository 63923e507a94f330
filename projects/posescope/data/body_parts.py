"""Body-part maps: which part of which person each pixel of a rendered picture shows."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from posescope.atomic import replacing
from posescope.errors import InputError, nearest

# Left and right are the person's own.
BODY_PARTS = {
    'head': 1,
    'hair': 2,
    'torso': 3,
    'left_upper_arm': 4,
    'right_upper_arm': 5,
    'left_forearm': 6,
    'right_forearm': 7,
    'left_hand': 8,
    'right_hand': 9,
    'left_thigh': 10,
    'right_thigh': 11,
    'left_lower_leg': 12,
    'right_lower_leg': 13,
    'left_foot': 14,
    'right_foot': 15,
    'skirt': 16,
    'headwear': 17,
}
PEOPLE_STRIDE = 32
MAX_PEOPLE = 7
BACKGROUND = 0
OCCLUDER = 255


def part_map_path(image_path: str | Path) -> Path:
    """Tell where the part map of ``<root>/<split>/<name>.jpg`` lies: ``<root>/parts/<split>/<name>.png``."""
    path = Path(image_path)
    return path.parent.parent / 'parts' / path.parent.name / f'{path.stem}.png'


def read_part_map(path: str | Path) -> np.ndarray:
    """Read a part map.

    Args:
        path: A palette PNG that :func:`write_part_map` wrote.

    Returns:
        (H, W) uint8: 0 is background, :data:`OCCLUDER` an object in front of people, anything else
        ``person_index * PEOPLE_STRIDE + part``.

    Raises:
        InputError: If there is no such file, or it holds no indexed picture.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode not in ('P', 'L'):
                raise InputError(f'{path} is no part map: its pixels are {picture.mode}, not indices')
            return np.array(picture)
    except FileNotFoundError:
        raise InputError(f'part map {path} does not exist; only rendered people have part maps') from None
    except UnidentifiedImageError:
        raise InputError(f'{path} is no picture') from None
    except OSError as error:  # Pillow's for a file that was cut off
        raise InputError(f'part map {path} cannot be read: {error}') from None


def write_part_map(path: str | Path, part_map: np.ndarray) -> None:
    """Write a part map as a palette PNG whose colours tell the parts apart in any picture viewer.

    Args:
        path: The file to write; it appears only once it is whole.
        part_map: (H, W) uint8.
    """
    picture = Image.fromarray(part_map)
    picture.putpalette(_palette().tobytes())
    with replacing(Path(path)) as unfinished:
        picture.save(unfinished, format='PNG', optimize=True)


def part_pixels(part_map: np.ndarray, person_index: int, *names: str) -> np.ndarray:
    """Mark the pixels that show given parts of one person.

    Args:
        part_map: (H, W) uint8.
        person_index: The person within the picture, as ``rendered.person_index`` of its annotation tells.
        names: Parts of :data:`BODY_PARTS`; none means the whole person.

    Returns:
        (H, W) bool.

    Raises:
        InputError: For a part that does not exist.
    """
    for name in names:
        if name not in BODY_PARTS:
            raise InputError(f'unknown body part {name!r}; nearest: {nearest(name, BODY_PARTS)}')
    wanted = [BODY_PARTS[name] for name in names] or list(BODY_PARTS.values())
    return np.isin(part_map, [person_index * PEOPLE_STRIDE + part for part in wanted])


def _palette() -> np.ndarray:
    """Give every index a colour: hue by part, brightness by person, white for objects in front; (256, 3) uint8."""
    index = np.arange(256)
    hue = (index % PEOPLE_STRIDE) * 0.618034 % 1.0
    value = 255 * (1 - 0.1 * (index // PEOPLE_STRIDE))
    wheel = np.abs((hue[:, None] * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    colours = value[:, None] * (0.35 + 0.65 * np.clip(wheel, 0, 1))
    colours[BACKGROUND], colours[OCCLUDER] = 0, 255
    return colours.astype(np.uint8)
