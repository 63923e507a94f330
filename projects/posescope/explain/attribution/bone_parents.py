"""Which neighbour of a joint its bone leads to."""

from collections import deque
from collections.abc import Mapping

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import Skeleton
from posescope.explain.joint_names import find_joints

__all__ = ['parents_of']


def parents_of(skeleton: Skeleton, chosen: Mapping[str, str] | None = None) -> list[int]:
    """Find a parent for each joint: of those that the skeleton links to it, the one that is nearest to all joints.

    On COCO's skeleton the wrist's is the elbow, the ankle's the knee. Of equals the one on the joint's own side is
    taken.

    Args:
        skeleton: The joints and, in its metainfo, ``skeleton_links``.
        chosen: Names of parents by names of joints, for those that are to have another.

    Returns:
        Index of each joint's parent; -1 for a joint that the skeleton links to none and that has no chosen one.

    Raises:
        InputError: A name does not exist, or a joint is chosen as its own parent.
    """
    joints = skeleton.joints
    chosen = chosen or {}
    given = {find_joints([name], joints)[0]: find_joints([chosen[name]], joints)[0] for name in chosen}
    neighbours: list[set[int]] = [set() for _ in joints]
    for one, other in skeleton.metainfo.get('skeleton_links') or []:
        neighbours[int(one)].add(int(other))
        neighbours[int(other)].add(int(one))
    far = [_distance_to_all(joint, neighbours) for joint in range(len(joints))]
    found = []
    for joint, name in enumerate(joints):
        if joint in given:
            found.append(given[joint])
            continue
        if not neighbours[joint]:
            found.append(-1)
            continue
        mirror = int(skeleton.flip_indices[joint])
        ranks = {other: (far[other], other == mirror, _side(joints[other], name)) for other in neighbours[joint]}
        found.append(min(sorted(ranks), key=ranks.__getitem__))
    for joint, parent in enumerate(found):
        if joint == parent:
            raise InputError(f"'{joints[joint]}' cannot be its own parent")
    return found


def _distance_to_all(start: int, neighbours: list[set[int]]) -> int:
    """Links to all joints together; one that cannot be reached counts as further than any."""
    distances = {start: 0}
    waiting = deque([start])
    while waiting:
        joint = waiting.popleft()
        for other in neighbours[joint] - distances.keys():
            distances[other] = distances[joint] + 1
            waiting.append(other)
    return sum(distances.values()) + (len(neighbours) - len(distances)) * len(neighbours)


def _side(parent: str, joint: str) -> bool:
    """Whether a parent's name tells another side than the joint's."""
    return parent.partition('_')[0] != joint.partition('_')[0]
