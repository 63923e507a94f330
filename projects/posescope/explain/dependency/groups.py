"""Groups of joints that lean on each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import DependencyMatrix

__all__ = ['checked_groups', 'group_joints', 'mutual_dependency']


def mutual_dependency(matrix: ArrayLike, covered: ArrayLike | None = None) -> NDArray[np.float64]:
    """Make a matrix symmetric: the mean of both directions, or the one that is known.

    Args:
        matrix: (K, K), NaN where a pair is missing.
        covered: (K, K) > 0 where a pair is missing because one disc covers both joints. No disc tells such joints
            apart, so they get the largest dependency that there is. Other missing pairs get 0: nothing speaks for them.

    Returns:
        (K, K) symmetric, at least 0, with a diagonal of 0.
    """
    values = np.asarray(matrix, np.float64)
    both = np.stack([values, values.T])
    known = np.isfinite(both)
    count = known.sum(0)
    mean = np.where(known, both, 0).sum(0) / np.maximum(count, 1)
    mutual = np.maximum(mean, 0)
    if covered is not None:
        together = np.asarray(covered) > 0
        mutual[(count == 0) & (together | together.T)] = mutual.max(initial=0)
    np.fill_diagonal(mutual, 0)
    return mutual


def group_joints(matrix: DependencyMatrix, count: int | None = None) -> tuple[tuple[str, ...], ...]:
    """Cluster joints by average linkage, the distance being the dependency that is lacking to the largest one.

    Args:
        matrix: Measured.
        count: Number of groups; None takes the number with the widest gap between the heights at which groups merge. A
            few pairs far stronger than all others, as in a face, make many groups then: give a number.

    Returns:
        Names of the joints of each group, groups in the order of their first joints.

    Raises:
        InputError: ``count`` is not from 1 to K, or no pair of joints has a value.
    """
    joints = len(matrix.joints)
    if count is not None and not 1 <= count <= joints:
        raise InputError(f'count={count}: {joints} joints make from 1 to {joints} groups')
    if not np.isfinite(matrix.value).any():
        raise InputError('no pair of joints has a dependency by which to group them: measure more people')
    if joints == 1:
        return (matrix.joints,)
    mutual = mutual_dependency(matrix.value, matrix.covered)
    distance = mutual.max() - mutual
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), 'average')
    if count is None:
        count = _by_widest_gap(tree[:, 2])
    labels = cut_tree(tree, count)[:, 0]
    first = {label: int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels).tolist()}
    return tuple(
        tuple(name for name, mine in zip(matrix.joints, labels.tolist(), strict=True) if mine == label)
        for label in sorted(first, key=lambda label: first[label])
    )


def _by_widest_gap(heights: NDArray[np.float64]) -> int:
    """Cut where the next merge is farthest up; all in one group, or each alone, are no grouping.

    After m merges of K joints K - m groups are left, so a cut between merges m and m + 1 leaves K - m.
    """
    joints = len(heights) + 1
    if joints < 4:
        return min(joints, 2)
    gaps = np.diff(heights)[: joints - 2]
    return joints - (int(np.argmax(gaps)) + 1)


def checked_groups(groups: Sequence[Sequence[str]], joints: Sequence[str]) -> list[list[int]]:
    """Find the joints of groups.

    Args:
        groups: Names of the joints of each group.
        joints: Names of the skeleton.

    Raises:
        InputError: A joint does not exist, is in two groups or in none, or a group is empty.
    """
    from posescope.explain.joint_names import find_joints

    found = [find_joints(group, joints) for group in groups]
    every = [joint for group in found for joint in group]
    twice = {joint for joint in every if every.count(joint) > 1}
    missing = set(range(len(joints))) - set(every)
    if twice or missing:
        wrong = 'in two groups' if twice else 'in no group'
        names = ', '.join(joints[joint] for joint in sorted(twice or missing))
        raise InputError(f'{names}: {wrong}; each of the {len(joints)} joints has to be in one')
    return found
