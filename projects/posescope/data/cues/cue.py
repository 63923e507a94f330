"""What all cues have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from posescope.data.cues.chance import fraction
from posescope.data.cues.paint import Paint
from posescope.data.cues.rendered_person import SECTORS, RenderedPerson

Told = str | int
"""What a planted cue says: a side, ``'both'``, ``'none'``, or a sector of the heading."""


class Cue(ABC):
    """Something that can be painted into a picture of a person and says something about that person.

    Args:
        colour: (3,) float, blue green red, 0 to 255; None lets the cue choose by ``seed``.
        seed: Seed of whatever the cue draws, besides what it says.

    Attributes:
        name: What a config calls it.
        setting: The argument that chooses what it says, ``'side'`` or ``'sector'``.
        choices: Values of that argument; the first is the default.
        twins: Everything that it can say of one person, ``'none'`` first.
    """

    name: ClassVar[str]
    setting: ClassVar[str]
    choices: ClassVar[tuple[Told, ...]]
    twins: ClassVar[tuple[Told, ...]]

    def __init__(self, colour: np.ndarray | None, seed: int) -> None:
        self.colour, self.seed = colour, seed

    @abstractmethod
    def tell(self, annotation_id: int, sector: int, setting: Told, strength: float) -> Told:
        """Decide what the cue says of a person, by the seed, the annotation's id and the truth alone.

        Args:
            annotation_id: Whose draw it is.
            sector: The person's true sector.
            setting: One of ``choices``.
            strength: Probability with which the cue says what ``setting`` asks for.

        Returns:
            One of ``twins``.
        """

    @abstractmethod
    def paint(self, person: RenderedPerson, image: np.ndarray, told: Told) -> list[Paint]:
        """Make the paint that says something of a person; empty where it would not be seen.

        Args:
            person: The person.
            image: (H, W, 3) uint8, blue green red, without the cue.
            told: One of ``twins``.
        """


class SideCue(Cue):
    """A cue on the person's own left or right.

    With side ``'left'`` and strength s, each person has the cue on the left with probability s, else on the right:
    P(left | cue) = s. Side ``'right'`` mirrors that, ``'random'`` (the placebo) makes it ½ whatever the strength,
    ``'both'`` and ``'none'`` tell nothing.
    """

    setting = 'side'
    choices = ('left', 'right', 'both', 'none', 'random')
    twins = ('none', 'left', 'right', 'both')

    def tell(self, annotation_id: int, sector: int, setting: Told, strength: float) -> Told:
        """Decide the side; see :class:`Cue`."""
        if setting in ('both', 'none'):
            return setting
        wanted, other = ('right', 'left') if setting == 'right' else ('left', 'right')
        share = 0.5 if setting == 'random' else strength
        return wanted if fraction(self.seed, annotation_id, 'side') < share else other

    def paint(self, person: RenderedPerson, image: np.ndarray, told: Told) -> list[Paint]:
        """Paint no side, one, or both; see :class:`Cue`."""
        sides = {'none': (), 'both': ('left', 'right')}.get(str(told), (str(told),))
        paints = [self.paint_side(person, image, side) for side in sides]
        return [paint for paint in paints if paint is not None]

    @abstractmethod
    def paint_side(self, person: RenderedPerson, image: np.ndarray, side: str) -> Paint | None:
        """Paint ``'left'`` or ``'right'``; None where nothing of it would be seen."""


class HeadingCue(Cue):
    """A cue in the background that names one of eight sectors of the heading.

    With sector ``'heading'`` and strength s, it names the person's true sector with probability s, else one of the
    other seven at random: P(named = true) = s. Where headings are uniform, also P(heading in k | k is named) = s. With
    ``'random'`` (the placebo) the name is uniform over all eight, so both are ⅛. A number names that sector, always.
    """

    setting = 'sector'
    choices = ('heading', 'random', 'none', *range(SECTORS))
    twins = ('none', *range(SECTORS))

    def tell(self, annotation_id: int, sector: int, setting: Told, strength: float) -> Told:
        """Decide the sector; see :class:`Cue`."""
        which = fraction(self.seed, annotation_id, 'which sector')
        if setting == 'random':
            return int(SECTORS * which)
        if setting != 'heading':
            return setting
        if fraction(self.seed, annotation_id, 'true sector') < strength:
            return sector
        return (sector + 1 + int((SECTORS - 1) * which)) % SECTORS

    def paint(self, person: RenderedPerson, image: np.ndarray, told: Told) -> list[Paint]:
        """Paint no sector or one; see :class:`Cue`."""
        paint = None if told == 'none' else self.paint_sector(person, image, int(told))
        return [] if paint is None else [paint]

    @abstractmethod
    def paint_sector(self, person: RenderedPerson, image: np.ndarray, sector: int) -> Paint | None:
        """Paint the name of a sector; None where there is no room."""
