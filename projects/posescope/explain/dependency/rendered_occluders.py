"""Surfaces of rendered objects, to hide joints behind what no artificial fill looks like."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from posescope.data.body_parts import OCCLUDER, part_map_path, read_part_map
from posescope.errors import InputError
from posescope.explain.dependency.fills import RENDERED, Fill
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['LEAST_SIDE', 'RenderedOccluder', 'occluder_surfaces', 'pictures_of']

LEAST_SIDE = 24
"""Shortest side of a piece of an object, pixels of its picture; smaller ones show repetition more than an object."""


def occluder_surfaces(pictures: Iterable[str | Path], most: int = 32) -> list[NDArray[np.uint8]]:
    """Cut the largest square out of the objects that stand in front of people in rendered pictures.

    Args:
        pictures: Paths ``<root>/<split>/<name>.jpg`` of rendered pictures, whose part maps tell what is an object.
        most: Take the first pictures that have one large enough, up to so many.

    Returns:
        Squares (S, S, 3) uint8 BGR.

    Raises:
        InputError: There is no such picture or part map, or no object is large enough.
    """
    found: list[NDArray[np.uint8]] = []
    for path in pictures:
        if len(found) == most:
            break
        mask = read_part_map(part_map_path(path)) == OCCLUDER
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        half = int(depth[row, column] / np.sqrt(2))  # of the square in the largest circle within the object
        if 2 * half < LEAST_SIDE:
            continue
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert('RGB'))
        found.append(np.ascontiguousarray(pixels[row - half : row + half, column - half : column + half, ::-1]))
    if not found:
        raise InputError(
            f'no object in front of people in these pictures holds a square of {LEAST_SIDE} pixels: give more pictures '
            'of rendered people'
        )
    return found


def pictures_of(dataset: Any, most: int = 500) -> Iterator[str]:
    """Give the paths of a data set's pictures, each once, up to so many.

    Args:
        dataset: Of MMPose. Where it can tell of a person without loading the picture, none is loaded.
        most: After so many pictures none is looked for: where they show no objects, more will hardly do so.
    """
    tell = getattr(dataset, 'get_data_info', None)
    given: set[str] = set()
    for index in range(len(dataset)):
        info = dataset[index]['data_samples'].metainfo if tell is None else tell(index)
        path = info.get('img_path')
        if path is not None and path not in given:
            given.add(path)
            yield path
        if len(given) == most:
            return


class RenderedOccluder(Fill):
    """Discs of rendered objects: each person's discs show one object, mirrored at its edges and so on without end.

    Args:
        function: The model, whose preprocessing surfaces go through.
        surfaces: Of :func:`occluder_surfaces`.

    Raises:
        InputError: There are no surfaces.
    """

    name: ClassVar[str] = RENDERED

    def __init__(self, function: PoseFunction, surfaces: list[NDArray[np.uint8]]) -> None:
        if not surfaces:
            raise InputError('fill rendered_occluder needs one surface or more, of occluder_surfaces(pictures)')
        self._surfaces = [_preprocessed(function, surface) for surface in surfaces]

    def surface(self, people: LabelledPeople, radii: Tensor) -> Tensor:
        """Choose an object by the person's picture, and continue it over the crop."""
        height, width = people.inputs.shape[-2:]
        chosen = []
        for image in people.images.tolist():
            piece = self._surfaces[_number(image) % len(self._surfaces)]
            rows, columns = (_mirrored(length, piece.shape[-1]) for length in (height, width))
            chosen.append(piece[:, rows][:, :, columns])
        return torch.stack(chosen).to(people.inputs)


def _preprocessed(function: PoseFunction, surface: NDArray[np.uint8]) -> Tensor:
    """(3, S, S) as the model takes it."""
    data = {'inputs': [torch.from_numpy(surface.transpose(2, 0, 1).copy())], 'data_samples': [PoseDataSample()]}
    prepared: Tensor = function.model.data_preprocessor(data, False)['inputs']
    return prepared[0]


def _mirrored(length: int, side: int) -> Tensor:
    """Indices 0 … side - 1 and back, again and again."""
    place = torch.arange(length) % (2 * side)
    return torch.where(place < side, place, 2 * side - 1 - place)


def _number(image: Any) -> int:
    """The same number for the same picture in every run, also where ids are text."""
    return image if isinstance(image, int) else sum(str(image).encode())
