"""What is put where something is hidden."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['FILLS', 'RENDERED', 'Blur', 'Fill', 'MeanColour', 'Noise', 'build_fills']


class Fill(ABC):
    """A whole picture for each person, of which discs show a part.

    Attributes:
        name: As it stands in a config.
    """

    name: ClassVar[str]

    @abstractmethod
    def surface(self, people: LabelledPeople, radii: Tensor) -> Tensor:
        """Make the pictures.

        Args:
            people: P people.
            radii: (P,) of their discs, pixels of the input.

        Returns:
            (P, 3, H, W) as the model takes it; a person's does not depend on who else is there.
        """


class MeanColour(Fill):
    """The data set's mean colour, which normalised is zero.

    Args:
        normalised: Whether the model's preprocessing takes a mean colour off. If it does not, zero is black, and the
            mean colour of each crop is shown instead.
    """

    name: ClassVar[str] = 'mean_colour'

    def __init__(self, normalised: bool = True) -> None:
        self.normalised = normalised

    def surface(self, people: LabelledPeople, radii: Tensor) -> Tensor:
        """One colour all over."""
        inputs = people.inputs
        return torch.zeros_like(inputs) if self.normalised else inputs.mean((2, 3), keepdim=True).expand_as(inputs)


class Blur(Fill):
    """The crop itself, blurred until what a disc showed cannot be told: the standard deviation is the radius."""

    name: ClassVar[str] = 'blur'

    def surface(self, people: LabelledPeople, radii: Tensor) -> Tensor:
        """Blur each crop; beyond the edge its outermost pixels go on."""
        pictures = people.inputs.detach().cpu().numpy()
        blurred = [
            gaussian_filter(picture, (0, radius, radius), mode='nearest')
            for picture, radius in zip(pictures, radii.tolist(), strict=True)
        ]
        return torch.from_numpy(np.stack(blurred)).to(people.inputs)


class Noise(Fill):
    """Independent pixels with the mean and standard deviation of the crop's channels.

    Args:
        seed: Of the noise, which is the same for everyone but for mean and standard deviation.
    """

    name: ClassVar[str] = 'noise'

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def surface(self, people: LabelledPeople, radii: Tensor) -> Tensor:
        """Draw it."""
        inputs = people.inputs
        noise = torch.randn(inputs.shape[1:], generator=torch.Generator().manual_seed(self.seed)).to(inputs)
        return inputs.mean((2, 3), keepdim=True) + noise * inputs.std((2, 3), keepdim=True)


FILLS: dict[str, type[Fill]] = {kind.name: kind for kind in (MeanColour, Blur, Noise)}
"""Fills that need nothing else, by name."""
RENDERED = 'rendered_occluder'
"""Name of :class:`posescope.explain.dependency.rendered_occluders.RenderedOccluder`, which needs pictures."""


def build_fills(
    fills: Iterable[str | Fill],
    function: PoseFunction | None = None,
    pictures: Iterable[str | Path] | None = None,
) -> tuple[Fill, ...]:
    """Make fills from their names; what is a fill already stays.

    Args:
        fills: Names or fills.
        function: The model that will see them; None for one whose preprocessing takes a mean colour off.
        pictures: Paths of rendered pictures, whose objects :data:`RENDERED` shows; None where there are none.

    Raises:
        InputError: There is no such fill, none at all, or one twice; or one needs pictures or a model.
    """
    chosen = [fills] if isinstance(fills, str | Fill) else fills
    made = [_made(fill, function, pictures) if isinstance(fill, str) else fill for fill in chosen]
    names = [fill.name for fill in made]
    if not names or len(set(names)) < len(names):
        raise InputError(f'fills={names} has to name one or more different ones of {", ".join([*FILLS, RENDERED])}')
    return tuple(made)


def _made(name: str, function: PoseFunction | None, pictures: Iterable[str | Path] | None) -> Fill:
    if name == RENDERED:
        from posescope.explain.dependency.rendered_occluders import RenderedOccluder, occluder_surfaces

        if function is None or pictures is None:
            raise InputError(
                f"fill '{RENDERED}' needs objects out of rendered pictures: give "
                'RenderedOccluder(function, occluder_surfaces(paths)) in place of its name'
            )
        return RenderedOccluder(function, occluder_surfaces(pictures))
    if name not in FILLS:
        raise InputError(f"fill '{name}' does not exist (nearest: {nearest(name, [*FILLS, RENDERED])})")
    if name == MeanColour.name:
        return MeanColour(function is None or bool(function.black.any()))  # zero is black where nothing is taken off
    return FILLS[name]()
