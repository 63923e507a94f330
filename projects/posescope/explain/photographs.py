"""Photographs that are to be explained: where they lie, who is on them, and where their explanations go."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.person_mask import PersonMask
from posescope.explain.picture_file import read_picture

__all__ = ['Photograph', 'folders_of', 'masks_of', 'those_that_work']


@dataclass(frozen=True)
class Photograph:
    """A picture and who is on it.

    Attributes:
        path: The file.
        folder: Where its explanation goes.
        boxes: (P, 4) left, top, right and bottom; None for the whole picture.
        box_scores: P scores of a detector, None for boxes that were typed.
        masks: Files with a mask of each person; none where nobody gave them.
        found_by: ``'given'``, ``'detector'`` or ``'whole picture'``.
    """

    path: Path
    folder: Path
    boxes: NDArray[np.float64] | None
    box_scores: list[float] | None
    found_by: str
    masks: tuple[Path, ...] = ()

    def __len__(self) -> int:
        """Number of people P."""
        return 1 if self.boxes is None else len(self.boxes)


def folders_of(images: Sequence[Path], out: Path) -> list[Path]:
    """A folder for each picture, named like it; a second picture of that name gets a number."""
    taken: dict[str, int] = {}
    folders = []
    for path in images:
        count = taken[path.stem] = taken.get(path.stem, 0) + 1
        name = path.stem if count == 1 else f'{path.stem}_{count}'
        while count > 1 and name in taken:
            count += 1
            name = f'{path.stem}_{count}'
        taken.setdefault(name, 1)
        folders.append(out / name)
    return folders


def those_that_work(places: Sequence[tuple[Path, Path]], look: Callable[[Path, Path], Photograph]) -> list[Photograph]:
    """Look at pictures; of several, those at which it fails are left out with a warning.

    Args:
        places: Of each the file, and the folder of its explanation.
        look: Takes both.

    Raises:
        InputError: No picture is left.
    """
    if len(places) == 1:
        return [look(*places[0])]
    found = []
    for path, folder in places:
        try:
            found.append(look(path, folder))
        except InputError as error:
            print(f'warning: {error}; this picture is skipped', file=sys.stderr)
    if not found:
        raise InputError(f'none of the {len(places)} pictures can be explained, see the warnings above')
    return found


def masks_of(photograph: Photograph, crops: Crops) -> list[PersonMask | None]:
    """A mask of each person, None where nobody gave one.

    Raises:
        InputError: A mask does not fit the picture, or shows nothing of the person.
    """
    masks: list[PersonMask | None] = [None] * len(crops)
    for person, path in enumerate(photograph.masks):
        found = PersonMask.of_picture(read_picture(path).any(-1), f'mask {path}', crops, person)
        if found.pixels is None:
            raise InputError(str(found.missing))
        masks[person] = found
    return masks
