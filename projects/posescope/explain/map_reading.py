"""What a map says, in numbers and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posescope.evaluation.people import BOX_TO_BODY
from posescope.explain.attribution.indices import Indices, indices_of
from posescope.explain.crops import Crops
from posescope.explain.person_mask import PersonMask, labelled_mask
from posescope.explain.pose import Pose

__all__ = ['REACH', 'SEEN', 'MapReader', 'MapReading', 'plain_indices']

REACH = 0.15
"""How far a joint reaches, in roots of a person's area: the radius of the discs that hide joints, too."""
SEEN = 0.3
"""Score from which a joint counts as seen, as where MMPose draws it."""
_NAMED = 3
_WORTH_NAMING = 0.05


@dataclass(frozen=True)
class MapReading:
    """What a person's map says of a joint. All but ``negative`` is of positive values: of what speaks for the joint.

    Attributes:
        positive: Sum of positive values, in units of the target.
        negative: Sum of negative values.
        peak: x and y of the largest value, pixels of the picture; None without a positive value, as all below.
        centre: x and y of the centre of mass.
        spread: Root mean square distance from there, pixels of the picture.
        in_box: Share within the person's box.
        beside_picture: Share on what pads the picture.
        near_joint: Share within reach of the joint itself.
        di: PoseIG's dispersion index, see :func:`~posescope.explain.attribution.indices.indices_of`.
        fi: PoseIG's foreground index; None without a mask of the person, too.
        li: PoseIG's local index.
        ri: PoseIG's relation index to every joint, by name; None to one that lies beside the input.
        looks_at: Share within reach of each joint, each pixel counted to its nearest joint, by name, largest first;
            joints that were not seen are left out.
        elsewhere: Share that is within reach of none.
    """

    positive: float
    negative: float
    peak: tuple[float, float] | None = None
    centre: tuple[float, float] | None = None
    spread: float | None = None
    in_box: float | None = None
    beside_picture: float | None = None
    near_joint: float | None = None
    di: float | None = None
    fi: float | None = None
    li: float | None = None
    ri: Mapping[str, float | None] | None = None
    looks_at: Mapping[str, float] | None = None
    elsewhere: float | None = None

    def words(self, joint: str) -> str:
        """Say it in a sentence."""
        name = joint.replace('_', ' ')
        if not self.looks_at:
            if self.elsewhere is None:
                return f'{name}: nothing speaks for it'
            return f'{name}: looks at no joint'
        first = max(self.looks_at.values())
        named = [place for place, share in self.looks_at.items() if share >= min(_WORTH_NAMING, first)][:_NAMED]
        parts = [
            f'{"itself" if place == joint else place.replace("_", " ")} ({self.looks_at[place]:.0%})' for place in named
        ]
        assert self.elsewhere is not None
        return f'{name}: looks at {", ".join(parts)}; on no joint: {self.elsewhere:.0%}'


class MapReader:
    """Knows where a person's joints, box and picture are in the input, and reads maps by that.

    Args:
        joints: Names of all K joints.
        crops: People.
        pose: Their joints.
        person: Which of them.
        mask: The person's pixels; None for what the data set tells.
    """

    def __init__(
        self, joints: tuple[str, ...], crops: Crops, pose: Pose, person: int, mask: PersonMask | None = None
    ) -> None:
        self.joints, self._places = joints, pose.places[person : person + 1].cpu()
        self.mask = labelled_mask(crops, person) if mask is None else mask
        width, height = crops.input_size
        self._to_image = crops.to_image[person]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        self._pixels = np.stack([x, y], -1) @ self._to_image[:, :2].T + self._to_image[:, 2]  # (H, W, 2) of the picture
        self.box = np.reshape(crops.samples[person].gt_instances.bboxes, (-1, 4))[0].astype(np.float64)
        size = crops.samples[person].metainfo['ori_shape'][1::-1]
        self._in_box = self._within(self.box)
        self._beside = ~self._within(np.array([-0.5, -0.5, size[0] - 0.5, size[1] - 0.5]))
        self.radius = float(REACH * np.sqrt(BOX_TO_BODY * np.prod(self.box[2:] - self.box[:2])))
        in_image = crops.in_image(pose.places)[person]
        self._apart = np.linalg.norm(self._pixels[None] - in_image[:, None, None], axis=-1)  # (K, H, W)
        seen = pose.scores[person].cpu().numpy() >= SEEN
        self.seen: NDArray[np.bool_] = seen
        shown = np.flatnonzero(seen) if seen.any() else np.arange(len(joints))
        nearest = self._apart[shown].argmin(0)
        reached = self._apart[shown].min(0) <= self.radius
        self._nearest = np.where(reached, shown[nearest], len(joints))

    def read(self, maps: Tensor, joints: list[int]) -> list[MapReading]:
        """Read maps (J, H, W) of J of the joints."""
        indices = indices_of(maps[None].cpu(), self._places, self.mask.of_one, joints, positive=True)
        return [
            self._read(maps[number].double().cpu().numpy(), joint, plain_indices(indices, number, self.joints))
            for number, joint in enumerate(joints)
        ]

    def _read(self, values: NDArray[np.float64], joint: int, indices: dict[str, Any]) -> MapReading:
        speaks = values.clip(min=0)
        total, negative = float(speaks.sum()), float(values.clip(max=0).sum())
        if total <= 0:
            return MapReading(0.0, negative)
        shares = speaks / total
        centre = (shares[..., None] * self._pixels).sum((0, 1))
        apart = ((self._pixels - centre) ** 2).sum(-1)
        peak = self._pixels[np.unravel_index(values.argmax(), values.shape)]
        by_joint = np.bincount(self._nearest.ravel(), shares.ravel(), len(self.joints) + 1)
        order = np.argsort(-by_joint[:-1], kind='stable')
        return MapReading(
            positive=total,
            negative=negative,
            peak=(float(peak[0]), float(peak[1])),
            centre=(float(centre[0]), float(centre[1])),
            spread=float(np.sqrt((shares * apart).sum())),
            in_box=float(shares[self._in_box].sum()),
            beside_picture=float(shares[self._beside].sum()),
            near_joint=float(shares[self._apart[joint] <= self.radius].sum()),
            **indices,
            looks_at={self.joints[place]: float(by_joint[place]) for place in order if by_joint[place] > 0},
            elsewhere=float(by_joint[-1]),
        )

    def _within(self, box: NDArray[np.float64]) -> NDArray[np.bool_]:
        return ((self._pixels >= box[:2]) & (self._pixels <= box[2:])).all(-1)


def plain_indices(indices: Indices, number: int, joints: Sequence[str]) -> dict[str, Any]:
    """Indices of one of the first person's maps as what JSON can hold.

    Args:
        indices: Of people's maps.
        number: Which map.
        joints: Names of all joints.

    Returns:
        ``di``, ``fi`` and ``li``, and ``ri`` by joint; None where not defined.
    """
    found: dict[str, Any] = {
        name: _finite(float(values[0, number]))
        for name, values in (('di', indices.di), ('fi', indices.fi), ('li', indices.li))
    }
    found['ri'] = dict(zip(joints, map(_finite, indices.ri[0, number].tolist()), strict=True))
    return found


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
