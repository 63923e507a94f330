"""The poses that a model would give if it ended earlier, where each of its stages has heatmaps of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.evaluation.bootstrap import Interval
from posescope.explain.dependency.effects import similarity
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.depth.probe_report import joint_intervals, plain_interval
from posescope.explain.memory import in_batches
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.readouts.heatmap import HeatmapReadout
from posescope.models.heads import DeepSupervisionHead

__all__ = ['DecodedStages', 'decode_stages', 'measure_stages']


@dataclass(frozen=True)
class DecodedStages:
    """S stages of N people.

    Attributes:
        joints: K names.
        images: (N,) what is resampled together.
        places: (S, N, K, 2) x and y, pixels of the input.
        ks: (S, N, K) NaN where a joint is not labelled.
        oks: (S, N) mean KS over each person's labelled joints.
        displacement: (S - 1, N, K) how far each joint moves from a stage to the next, in roots of the person's area.
    """

    joints: tuple[str, ...]
    images: NDArray[np.generic]
    places: NDArray[np.float64]
    ks: NDArray[np.float64]
    oks: NDArray[np.float64]
    displacement: NDArray[np.float64]

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, counted from 1."""
        return tuple(f'stage {number}' for number in range(1, len(self.ks) + 1))

    def similarities(self, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """For each stage 1 + K mean KS with intervals over images: of each person's mean (OKS), then of the joints."""
        return [joint_intervals(rows, self.images, resamples, seed) for rows in self.ks]

    def gains(self, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """For each stage but the first 1 + K differences in KS to the stage before, as :meth:`similarities`."""
        return [joint_intervals(rows, self.images, resamples, seed) for rows in np.diff(self.ks, axis=0)]

    def moves(self, resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """For each stage but the first 1 + K mean displacements, as :meth:`similarities`."""
        return [joint_intervals(rows, self.images, resamples, seed) for rows in self.displacement]

    def content(self) -> dict[str, Any]:
        """The means with their intervals, as what JSON can hold."""
        names = ('all', *self.joints)
        rows = {'ks': self.similarities(), 'gain': [[], *self.gains()], 'displacement': [[], *self.moves()]}
        return {
            'joints': list(self.joints),
            'people': len(self.images),
            'stages': [
                {
                    'name': stage,
                    **{
                        quantity: {
                            name: plain_interval(one) for name, one in zip(names, intervals[place], strict=False)
                        }
                        for quantity, intervals in rows.items()
                    },
                }
                for place, stage in enumerate(self.stages)
            ],
        }


@torch.no_grad()
def decode_stages(function: PoseFunction, inputs: Tensor, batch_size: int = 16) -> list[Pose]:
    """Decode the heatmaps of every stage as the model's own codec decodes the last.

    Args:
        function: The model.
        inputs: (B, 3, H, W) crops.
        batch_size: Most crops in a forward pass.

    Returns:
        A pose a stage, the last of which is the model's: of heads that give several maps a joint, and of a
        ``DeepSupervisionHead`` those of its supervised stages before the head inside.

    Raises:
        InputError: The head has maps of one stage only, or no maps.
    """
    batches = in_batches(lambda rows: _decoded(function, inputs[rows]), len(inputs), batch_size, 'decoding stages')
    return [Pose.joined(parts) for parts in zip(*(poses for _, poses in batches), strict=True)]


def _decoded(function: PoseFunction, inputs: Tensor) -> list[Pose]:
    readout = function.readout
    features = function.model.extract_feat(inputs.to(function.device))
    raw = readout.head.forward(features)
    stages = _supervised(readout.head, features)
    stages += list(raw) if isinstance(raw, list | tuple) else [raw]
    if not isinstance(readout, HeatmapReadout) or len(stages) < 2:
        raise InputError(
            f'{type(readout.head).__name__} gives one stage: there are no earlier heatmaps to decode; CPMHead, '
            'MSPNHead and DeepSupervisionHead have them, and probes read the layers of any model'
        )
    return [readout.decode(readout.read(maps)) for maps in stages]


def _supervised(head: Any, features: Any) -> list[Tensor]:
    """The maps that the training compared with labels at intermediate stages, and that no prediction looks at."""
    if not isinstance(head, DeepSupervisionHead):
        return []
    width, height = head.decoder.heatmap_size
    maps = (tap(stage).float() for tap, stage in zip(head.taps, features, strict=False))
    return [F.interpolate(each, (height, width), mode='bilinear', align_corners=False) for each in maps]


def measure_stages(function: PoseFunction, people: Iterable[LabelledPeople]) -> DecodedStages:
    """Measure how good each stage is, and how far joints move between stages.

    Args:
        function: The model.
        people: Batches of people.

    Raises:
        InputError: The head has maps of one stage only, or there are no people.
    """
    places, ks, moved, images = [], [], [], []
    for batch in people:
        found = [pose.places.cpu().double().numpy() for pose in decode_stages(function, batch.inputs)]
        places.append(np.stack(found))
        ks.append(np.stack([similarity(function, batch, np.arange(len(batch)), one) for one in found]))
        moved.append(np.linalg.norm(np.diff(places[-1], axis=0), axis=-1) / batch.roots[:, None])
        images.append(batch.images)
    if not images:
        raise InputError('there are no people whose stages could be decoded')
    joined = np.concatenate(ks, 1)
    known = np.isfinite(joined)
    count = known.sum(-1)
    oks = np.where(count > 0, np.where(known, joined, 0).sum(-1) / np.maximum(count, 1), np.nan)
    return DecodedStages(
        function.joints, np.concatenate(images), np.concatenate(places, 1), joined, oks, np.concatenate(moved, 1)
    )
