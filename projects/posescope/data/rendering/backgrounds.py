"""What is behind the people: a room or the open air."""

import numpy as np

from posescope.data.rendering.open_air import OpenAir, sample_open_air
from posescope.data.rendering.rooms import Room, sample_room

__all__ = ['Background', 'sample_background']

Background = Room | OpenAir
_INDOORS = 0.55


def sample_background(rng: np.random.Generator) -> Background:
    """Draw what is behind the people.

    Args:
        rng: Where chance comes from.
    """
    return sample_room(rng) if rng.random() < _INDOORS else sample_open_air(rng)
