"""Which errors are more frequent among some people than among the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from posescope.evaluation.diagnosis.error_classes import NO_CLASS, ErrorClass, JointErrors
from posescope.evaluation.diagnosis.populations import ORDER
from posescope.evaluation.diagnosis.shares import Share, difference, share
from posescope.evaluation.people import People

__all__ = ['FALSE_DISCOVERIES', 'SliceCell', 'compare_joints', 'compare_slices', 'image_counts']

FALSE_DISCOVERIES = 0.05
"""Expected share of wrong ones among the marked differences."""
_Row = tuple[str, str, ErrorClass, Share, float, float]
"""All of a :class:`SliceCell` but whether it is marked."""


@dataclass(frozen=True)
class SliceCell:
    """A class of errors in a population, or at a joint.

    Attributes:
        family: Kind of populations.
        population: Name within the family.
        error: Class.
        share: Of the labelled joints of the population.
        difference: From the share in the family's other populations; NaN if there are none.
        p: Two-sided, of the difference; NaN where it was not tested.
        marked: Whether the difference remains when false discoveries among all tests are kept to 5 %.
    """

    family: str
    population: str
    error: ErrorClass
    share: Share
    difference: float
    p: float
    marked: bool


def image_counts(errors: JointErrors, people: People, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Count joints by class and image, (8, I); ``chosen`` is (G, K), None for all."""
    members = errors.classes != NO_CLASS if chosen is None else chosen & (errors.classes != NO_CLASS)
    person, joint = np.nonzero(members)
    images = len(people.image_ids)
    cell = errors.classes[person, joint].astype(np.int64) * images + people.image[person]
    return np.bincount(cell, minlength=len(ErrorClass) * images).reshape(len(ErrorClass), images)


def compare_slices(errors: JointErrors, people: People, families: Mapping[str, NDArray[np.str_]]) -> list[SliceCell]:
    """Compare every population with the rest of its family.

    Differences are tested with images as units; which of all tests are marked follows Benjamini and Hochberg, 1995.

    Args:
        errors: Classes of all joints.
        people: G people.
        families: (G, K) names of populations by family.

    Returns:
        A cell for each population and class that occurs.
    """
    present = [one for one in ErrorClass if (errors.classes == one).any()]
    rows: list[_Row] = []
    for family, names in families.items():
        known = image_counts(errors, people, names != '')
        for population in _ranked(family, names):
            inside = image_counts(errors, people, names == population)
            outside = known - inside
            for one in present:
                counts, totals = inside[one], inside.sum(0)
                gap, p = difference(counts, totals, outside[one], outside.sum(0))
                rows.append((family, population, one, share(counts, totals), gap, p))
    return _marked(rows)


def compare_joints(errors: JointErrors, people: People, joints: Sequence[str]) -> list[list[SliceCell]]:
    """Compare every joint with all other joints.

    Differences are tested as in :func:`compare_slices`, and marked among the tests of joints alone.

    Args:
        errors: Classes of all joints.
        people: G people.
        joints: K names.

    Returns:
        For each joint a cell for each class that occurs at any joint.
    """
    present = [one for one in ErrorClass if (errors.classes == one).any()]
    counts = _joint_counts(errors, people)
    everywhere = counts.sum(2)
    rows: list[_Row] = []
    for joint, name in enumerate(joints):
        here = counts[..., joint]
        totals, others = here.sum(0), (everywhere - here).sum(0)
        for one in present:
            gap, p = difference(here[one], totals, everywhere[one] - here[one], others)
            rows.append(('joint', name, one, share(here[one], totals), gap, p))
    cells = _marked(rows)
    return [cells[joint * len(present) : (joint + 1) * len(present)] for joint in range(len(joints))]


def _joint_counts(errors: JointErrors, people: People) -> NDArray[np.int64]:
    """Count joints by class, image and joint, (8, I, K)."""
    person, joint = np.nonzero(errors.classes != NO_CLASS)
    images, joints = len(people.image_ids), errors.classes.shape[1]
    cell = (errors.classes[person, joint].astype(np.int64) * images + people.image[person]) * joints + joint
    shape = len(ErrorClass), images, joints
    return np.bincount(cell, minlength=len(ErrorClass) * images * joints).reshape(shape)


def _marked(rows: Sequence[_Row]) -> list[SliceCell]:
    """Mark the differences that remain when false discoveries among all rows are kept to 5 %."""
    tested = np.array([row[-1] for row in rows])
    marked = np.zeros(len(rows), bool)
    valid = np.isfinite(tested)
    if valid.any():
        marked[valid] = false_discovery_control(tested[valid], method='bh') <= FALSE_DISCOVERIES
    return [SliceCell(*row, bool(mark)) for row, mark in zip(rows, marked, strict=True)]


def _ranked(family: str, names: NDArray[np.str_]) -> list[str]:
    order = ORDER.get(family, ())
    return sorted(set(np.unique(names).tolist()) - {''}, key=lambda name: ([*order, name].index(name), name))
