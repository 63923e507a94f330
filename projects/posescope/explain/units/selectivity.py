"""Which channel responds to which joint: responses averaged over people, and how sure they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from posescope.errors import InputError
from posescope.evaluation.diagnosis.slices import FALSE_DISCOVERIES
from posescope.evaluation.sensitivity.curve import mean_interval
from posescope.explain.dependency.dependency_matrix import masked_mean
from posescope.explain.joint_names import find_joints
from posescope.explain.units.paired_effects import plain
from posescope.explain.units.responses import Responses

__all__ = ['CHANCE', 'Selectivity', 'summarise_responses']

CHANCE = 0.5
"""AUC of a channel that does not care."""
_AT_ONCE = 4096
"""Columns whose resampled means are held at once."""


@dataclass(frozen=True)
class Selectivity:
    """Of C channels for K joints.

    Attributes:
        layer: Name of the layer.
        joints: K names.
        auc: (C, K) mean over people of the chance that a cell under the joint responds more than one elsewhere on the
            person; 1/2 where the channel does not care, below where it is silent there. NaN where nobody counts.
        low: (C, K) lower end of its 95 % interval over images, NaN where there is none.
        high: (C, K) upper end.
        standardised: (C, K) mean over people of the response under the joint minus that elsewhere, in standard
            deviations of the channel within a person; NaN for a channel that never varies.
        p: (C, K) two-sided, of an AUC of 1/2, by Student's t over images.
        marked: (C, K) bool, whether it remains when false discoveries among all channels and joints are kept to 5 %.
        people: (K,) int, how many count.
        images: (K,) int, how many images they are on.
    """

    layer: str
    joints: tuple[str, ...]
    auc: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    standardised: NDArray[np.float64]
    p: NDArray[np.float64]
    marked: NDArray[np.bool_]
    people: NDArray[np.int64]
    images: NDArray[np.int64]

    def serving(self, joint: str, count: int = 5, only_marked: bool = True) -> list[int]:
        """Channels that respond to a joint, the most selective first.

        Args:
            joint: Its name.
            count: Most channels.
            only_marked: Leave out those that may be chance.

        Raises:
            InputError: There is no such joint; the message offers the nearest.
        """
        if count < 1:
            raise InputError(f'count={count}: ask for one channel or more')
        (column,) = find_joints([joint], self.joints)
        auc = self.auc[:, column]
        fits = (auc > CHANCE) & (self.marked[:, column] | (not only_marked))
        order = np.lexsort((-np.nan_to_num(self.standardised[:, column], nan=-np.inf), -np.nan_to_num(auc)))
        return [int(channel) for channel in order if fits[channel]][:count]

    def best_joint(self) -> NDArray[np.int64]:
        """(C,) the joint of each channel's largest AUC; -1 without any."""
        known = np.isfinite(self.auc).any(1)
        return np.where(known, np.where(np.isfinite(self.auc), self.auc, -1.0).argmax(1), -1)

    def to_json(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        numbers = {name: plain(getattr(self, name)) for name in ('auc', 'low', 'high', 'standardised', 'p')}
        counts = {name: getattr(self, name).tolist() for name in ('people', 'images')}
        marked = {f'marked_at_fdr_{FALSE_DISCOVERIES}': self.marked.tolist()}
        return {'layer': self.layer, 'joints': list(self.joints), **numbers, **marked, **counts}


def summarise_responses(responses: Responses, resamples: int = 1000, seed: int = 0) -> Selectivity:
    """Average responses over people.

    Args:
        responses: Of N people.
        resamples: Of the bootstrap over images.
        seed: Of the bootstrap.
    """
    people, channels, joints = responses.auc.shape
    square = channels, joints
    flat = responses.auc.reshape(people, channels * joints).astype(np.float64)
    low, high = _intervals(flat, responses.images, resamples, seed)
    counted = np.isfinite(responses.auc).any(1)
    spread = np.sqrt(masked_mean(responses.variance))[:, None]
    contrast = masked_mean(responses.contrast)
    p = _p(flat - CHANCE, responses.images)
    marked = np.zeros(len(p), bool)
    tested = np.isfinite(p)
    if tested.any():  # Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995
        marked[tested] = false_discovery_control(p[tested], method='bh') <= FALSE_DISCOVERIES
    return Selectivity(
        layer=responses.layer,
        joints=responses.joints,
        auc=masked_mean(responses.auc),
        low=low.reshape(square),
        high=high.reshape(square),
        standardised=np.divide(contrast, spread, out=np.full(square, np.nan), where=spread > 0),
        p=p.reshape(square),
        marked=marked.reshape(square),
        people=counted.sum(0),
        images=np.array([len(np.unique(responses.images[column])) for column in counted.T], np.int64),
    )


def _intervals(
    values: NDArray[np.float64], images: NDArray[np.generic], resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of each column."""
    ends = []
    for start in range(0, values.shape[1], _AT_ONCE):
        cells = mean_interval(values[:, start : start + _AT_ONCE], images, resamples, seed)
        ends += [(cell.low, cell.high) for cell in cells]
    low, high = (np.array([np.nan if end is None else end for end in side]) for side in zip(*ends, strict=True))
    return low, high


def _p(values: NDArray[np.float64], images: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of a mean of 0 over images (each the mean of its people), by column; NaN with fewer than two.

    Thousands of channels are compared, which permutations could not tell apart. Still no p is smaller than the
    smallest that flipping the signs of n images could give, 2 / 2ⁿ: a few images that all agree are no proof.
    """
    _, image = np.unique(images, return_inverse=True)
    defined = np.isfinite(values)
    totals, counts = np.zeros((2, image.max() + 1, values.shape[1]))
    np.add.at(totals, image, np.where(defined, values, 0))
    np.add.at(counts, image, defined)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    number = (counts > 0).sum(0)
    mean = masked_mean(means)
    squares = np.where(counts > 0, (means - mean) ** 2, 0).sum(0)
    error = np.sqrt(squares / np.maximum(number - 1, 1) / np.maximum(number, 1))
    with np.errstate(divide='ignore', invalid='ignore'):
        ratio = np.where(mean == 0, 0.0, np.abs(mean) / error)
    p = np.maximum(2 * student.sf(ratio, np.maximum(number - 1, 1)), 2.0 ** (1 - np.minimum(number, 1000.0)))
    return np.where(number > 1, np.minimum(p, 1.0), np.nan)
