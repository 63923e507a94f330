"""Maps of many people laid over each other along a joint's bone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import Skeleton
from posescope.explain.attribution.bone_parents import parents_of

__all__ = ['BoneAverage', 'BoneFrames']

_SHORTEST = 2.0
"""Pixels of the input under which a bone has no direction."""


@dataclass(frozen=True)
class BoneAverage:
    """What K joints look at, over everyone.

    Attributes:
        mean: (K, S, S) float32, mean share of a person's attribution for each canonical pixel; NaN where nobody's crop
            reaches.
        counts: (K, S, S) int64, people whose crop reaches a pixel.
        people: (K,) int64, people that were gathered.
        left_out: (K,) int64, people without a usable bone, or with an empty map; all for a joint without a parent.
        joint: Row and column of the joint in all maps.
        parent: Row and column of its parent.
    """

    mean: Tensor
    counts: Tensor
    people: Tensor
    left_out: Tensor
    joint: tuple[float, float]
    parent: tuple[float, float]


class BoneFrames:
    """Gathers maps in coordinates of the bone from a joint to its parent.

    The similarity that takes a person's bone to the canonical one, the joint in the middle and its parent straight
    above, is applied to the map of that joint. Turning and scaling are undone; sides are not exchanged, so that the
    maps of a left joint and its right counterpart are mirror images where a model treats both alike. A joint that the
    skeleton links to no other has no bone, so nobody is gathered for it.

    Args:
        skeleton: The joints.
        size: Width and height S of the canonical map, pixels.
        bone: Length of the bone in it, pixels.
        parents: Names of parents by names of joints, where they shall not be those of
            :func:`~posescope.explain.attribution.bone_parents.parents_of`.

    Attributes:
        parents: Index of each joint's parent, -1 where it has none.

    Raises:
        InputError: A joint or parent does not exist, or a size is not positive.
    """

    def __init__(
        self, skeleton: Skeleton, size: int = 129, bone: float = 32.0, parents: Mapping[str, str] | None = None
    ) -> None:
        if size < 3 or not 0 < bone < size / 2:
            raise InputError(f'size={size}, bone={bone}: the bone has to be shorter than half the map, which holds it')
        self.parents = parents_of(skeleton, parents)
        self.size, self.bone = size, bone
        count = len(self.parents)
        self._sums = torch.zeros(count, size, size, dtype=torch.float64)
        self._counts = torch.zeros(count, size, size, dtype=torch.int64)
        self._people = torch.zeros(count, dtype=torch.int64)
        self._left_out = torch.zeros(count, dtype=torch.int64)

    def add(self, maps: Tensor, places: Tensor, joints: Sequence[int] | None = None) -> None:
        """Gather people.

        Args:
            maps: (N, K, H, W) signed; each is scaled so that its absolute values sum to 1.
            places: (N, J, 2) x and y of all J joints, pixels of the input; NaN where unknown.
            joints: Which of the J joints the K maps are of; None for all, in order.
        """
        own = list(range(len(self.parents))) if joints is None else list(joints)
        if maps.shape[1] != len(own) or places.shape[:2] != (len(maps), len(self.parents)):
            raise InputError(
                f'maps {tuple(maps.shape)}, places {tuple(places.shape)} and {len(own)} of {len(self.parents)} joints '
                'do not belong together'
            )
        maps, places = maps.detach().cpu().double(), places.detach().cpu().double()
        for number, joint in enumerate(own):
            if self.parents[joint] < 0:
                self._left_out[joint] += len(maps)
                continue
            totals = maps[:, number].abs().sum((1, 2))
            along = places[:, self.parents[joint]] - places[:, joint]
            usable = (along.norm(dim=1) >= _SHORTEST) & (totals > 0)  # NaN compares as False
            self._people[joint] += int(usable.sum())
            self._left_out[joint] += int((~usable).sum())
            if usable.any():
                shares = maps[usable, number] / totals[usable, None, None]
                self._lay(joint, shares, places[usable, joint], along[usable])

    def average(self) -> BoneAverage:
        """Give the means over all people that were added."""
        middle = (self.size - 1) / 2
        mean = torch.where(self._counts > 0, self._sums / self._counts, torch.nan).float()
        return BoneAverage(
            mean,
            self._counts.clone(),
            self._people.clone(),
            self._left_out.clone(),
            (middle, middle),
            (middle - self.bone, middle),
        )

    def _lay(self, joint: int, shares: Tensor, origin: Tensor, along: Tensor) -> None:
        """Lay maps (M, H, W) over the others, with joints at (M, 2) and parents ``along`` (M, 2) from there."""
        height, width = shares.shape[1:]
        x, y = self._pixels(origin, along)
        last = shares.new_tensor([width - 1, height - 1])
        spots = 2 * torch.stack([x, y], -1) / last - 1
        warped = F.grid_sample(shares[:, None], spots, align_corners=True)[:, 0]
        area = (along.square().sum(1) / self.bone**2)[:, None, None]  # pixels of the input in a canonical one
        reached = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        self._sums[joint] += torch.where(reached, warped * area, 0.0).sum(0)
        self._counts[joint] += reached.sum(0)

    def _pixels(self, origin: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
        """Places in the input, x and y (M, S, S), of the canonical map's pixels."""
        steps = (torch.arange(self.size, dtype=torch.float64) - (self.size - 1) / 2) / self.bone
        down, right = steps[:, None], steps[None, :]
        # One bone up is ``along``, and one bone to the right the same turned by a quarter.
        ax, ay = along[:, 0, None, None], along[:, 1, None, None]
        x = origin[:, 0, None, None] - down * ax - right * ay
        y = origin[:, 1, None, None] - down * ay + right * ax
        return x, y
