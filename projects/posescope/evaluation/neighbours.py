"""Pairs of somebody and the labelled people on the same image."""

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.people import People

__all__ = ['pairs_on_image']


def pairs_on_image(
    image: NDArray[np.int64], category: NDArray[np.int64], people: People, chosen: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List all pairs of one of N things and a person on the same image and of the same category.

    Args:
        image: (N,) index into :attr:`People.image_ids`.
        category: (N,) index into :attr:`People.category_ids`.
        people: G people.
        chosen: (G,) who takes part; None for everybody.

    Returns:
        (P,) indices of the things, ascending, and (P,) indices of people.
    """
    images = max(len(people.image_ids), 1)
    members = np.arange(len(people)) if chosen is None else np.flatnonzero(chosen)
    cell = (people.category * images + people.image)[members]
    order = np.argsort(cell, kind='stable')
    cell, members = cell[order], members[order]
    wanted = category * images + image
    first = np.searchsorted(cell, wanted, 'left')
    counts = np.searchsorted(cell, wanted, 'right') - first
    thing = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(thing)) - np.repeat(np.cumsum(counts) - counts, counts)
    return thing, members[np.repeat(first, counts) + within]
