"""Hide joints that lean on each other, so that a model learns to do without."""

from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from numpy.typing import NDArray

from posescope.data.body_regions import body_mask, disc_mask, scattered_discs
from posescope.data.dependency_file import Dependency, read_dependency
from posescope.data.picture_fills import FILLS, filling
from posescope.data.sample_joints import area_of, joint_names_of, labelled_joints, links_of, sample_generator
from posescope.errors import InputError, nearest

__all__ = ['GroupKeypointRemoval']

REMOVALS = ('group', 'apart')
PLACES = ('joints', 'anywhere')


@TRANSFORMS.register_module()
class GroupKeypointRemoval(BaseTransform):
    """Hides joints under discs, chosen by which joint leans on which; stands after ``TopdownAffine``.

    Group Keypoint Removal trains on pictures without some joints, chosen by measured dependencies (L. Qiu et al.,
    XPose, arXiv 2403.12370). With ``remove='group'`` a labelled joint is drawn, stays in sight, and the joints that it
    leans on most are hidden: the model has to find it by something else. With ``'apart'``, as in the paper, joints
    are hidden one by one, and those with strong connections to a hidden one stay in sight. Labels stay: hidden joints
    are still to be found.

    Whether hiding joints helps at all is disputed (arXiv 2010.10451), so there are two controls. ``where='anywhere'``
    hides exactly as many pixels, drawn from the same distribution, in discs of the same radius at random places on the
    person. ``permute`` deals the joints of the matrix anew: a graph of the same shape that was measured nowhere.

    Required Keys:

        - img
        - transformed_keypoints
        - keypoints_visible
        - area, or bbox
        - input_size
        - input_scale
        - skeleton_links (with ``where='anywhere'``)

    Modified Keys:

        - img

    Args:
        dependency: A ``dependency.json``, see :func:`posescope.data.dependency_file.read_dependency`; None draws joints
            at random, which takes ``where='anywhere'``.
        prob: Probability that anything is hidden.
        count: Most joints that are hidden at once.
        remove: ``'group'`` or ``'apart'``.
        where: ``'joints'``, or ``'anywhere'`` for the control of equal area.
        radius: Of discs, in roots of the person's area; never under one pixel of the input.
        fill: What discs show: see :data:`posescope.data.picture_fills.FILLS`.
        quantity: Which matrix of the file: ``'ks'`` or ``'displacement'``.
        permute: A seed with which the matrix is dealt to other joints, as a placebo; None to leave it.

    Raises:
        InputError: An option does not exist or is out of its range, or the file is no matrix; when it is used, for a
            matrix of other joints than the data set's.
    """

    def __init__(
        self,
        dependency: str | Path | None = None,
        prob: float = 0.5,
        count: int = 3,
        remove: str = 'group',
        where: str = 'joints',
        radius: float = 0.15,
        fill: str = 'noise',
        quantity: str = 'ks',
        permute: int | None = None,
    ) -> None:
        for name, value, known in (('remove', remove, REMOVALS), ('where', where, PLACES), ('fill', fill, FILLS)):
            if value not in known:
                raise InputError(f"GroupKeypointRemoval({name}='{value}'): nearest are {nearest(str(value), known)}")
        if not 0 <= prob <= 1 or not 0 < radius <= 1 or count < 1:
            raise InputError(
                f'GroupKeypointRemoval(prob={prob}, radius={radius}, count={count}): prob is from 0 to 1, radius above '
                '0 and at most 1, count 1 or more'
            )
        if dependency is None and where == 'joints':
            raise InputError(
                "GroupKeypointRemoval needs dependency='…/dependency.json', or where='anywhere' for the control"
            )
        read = None if dependency is None else read_dependency(dependency, quantity)
        self.dependency: Dependency | None = read if read is None or permute is None else read.dealt(permute)
        self.prob, self.count, self.remove, self.where = prob, count, remove, where
        self.radius, self.fill = radius, fill
        self._matrix: NDArray[np.float64] | None = None

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace ``results['img']``, (H, W, 3) uint8 or float32 in 0 to 255, by a copy with discs."""
        generator = sample_generator()
        if generator.random() >= self.prob:
            return results
        hidden = self.hidden(results, generator)
        if hidden.any():
            image = results['img'].copy()
            image[hidden] = np.rint(filling(self.fill, image, hidden, results, generator))
            results['img'] = image
        return results

    def hidden(self, results: dict[str, Any], generator: np.random.Generator) -> NDArray[np.bool_]:
        """Mark what is hidden of a sample.

        Args:
            results: The sample.
            generator: Draws joints and places.

        Returns:
            (H, W) bool.
        """
        if 'input_scale' not in results:
            raise InputError(
                'GroupKeypointRemoval has to stand after TopdownAffine in the pipeline: discs lie on the crop'
            )
        shape = results['img'].shape
        joints, labelled = labelled_joints(results, 'transformed_keypoints')
        inside = ((joints > -0.5) & (joints < np.array([shape[1], shape[0]]) - 0.5)).all(1)
        scale = results['input_size'][0] / float(np.asarray(results['input_scale']).reshape(-1)[0])
        radius = max(self.radius * scale * area_of(results) ** 0.5, 1.0)
        chosen = self.choose(labelled & inside, self._for(results, len(joints)), generator)
        discs = disc_mask(shape, joints[chosen], radius)
        if self.where == 'joints':
            return discs
        body = body_mask(shape, joints, labelled, links_of(results), radius)
        return scattered_discs(int(discs.sum()), body, radius, generator)

    def choose(
        self, seen: NDArray[np.bool_], matrix: NDArray[np.float64] | None, generator: np.random.Generator
    ) -> list[int]:
        """Choose joints to hide.

        Args:
            seen: (K,) bool, labelled joints within the input.
            matrix: (K, K), row: the joint that leans, column: what it leans on; None for none.
            generator: Draws joints.

        Returns:
            At most ``count`` joints, the one that is leant on most first; none where nobody leans on anybody.
        """
        order = generator.permutation(np.flatnonzero(seen)).tolist()
        if matrix is None:
            return order[: self.count]
        if self.remove == 'apart':
            return self._apart(order, matrix)
        return next((group for group in (self._group(joint, seen, matrix) for joint in order) if group), [])

    def _group(self, joint: int, seen: NDArray[np.bool_], matrix: NDArray[np.float64]) -> list[int]:
        """What a joint leans on most, of the joints that are seen."""
        leans = np.where(seen, np.nan_to_num(matrix[joint], nan=0.0), 0.0)
        leans[joint] = 0.0
        strongest = np.argsort(-leans, kind='stable')[: self.count]
        return [int(other) for other in strongest if leans[other] > 0]

    def _apart(self, order: list[int], matrix: NDArray[np.float64]) -> list[int]:
        """Take joints in this order, but none whose group has one taken before, or that is in the group of one."""
        everyone = np.ones(len(matrix), bool)
        groups = {joint: self._group(joint, everyone, matrix) for joint in order}
        taken: list[int] = []
        for joint in order:
            if len(taken) < self.count and not any(joint in groups[one] or one in groups[joint] for one in taken):
                taken.append(joint)
        return taken

    def _for(self, results: dict[str, Any], joints: int) -> NDArray[np.float64] | None:
        """The matrix in the order of the data set's joints."""
        if self.dependency is not None and self._matrix is None:
            names = joint_names_of(results)
            found = self.dependency.value if names is None else self.dependency.for_joints(names)
            if len(found) != joints:
                raise InputError(f'{self.dependency.path} is of {len(found)} joints, and the data set has {joints}')
            self._matrix = found
        return self._matrix

    def __repr__(self) -> str:
        path = None if self.dependency is None else str(self.dependency.path)
        return (
            f'GroupKeypointRemoval(dependency={path!r}, prob={self.prob}, count={self.count}, remove={self.remove!r}, '
            f'where={self.where!r}, radius={self.radius}, fill={self.fill!r})'
        )
