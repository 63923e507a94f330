"""What an intervention does to joints beyond its controls, and how sure that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.sensitivity.curve import mean_interval
from posescope.evaluation.significance import holm
from posescope.explain.dependency.dependency_matrix import masked_mean
from posescope.explain.dependency.sign_flips import sign_flip_p

__all__ = ['PairedEffects', 'compare_with_controls', 'plain']


@dataclass(frozen=True)
class PairedEffects:
    """Effects on K joints, averaged over people.

    Attributes:
        joints: K names.
        value: (K,) mean effect minus that of the same person's controls; NaN where nobody counts.
        low: (K,) lower end of the 95 % interval over images, NaN where there is none.
        high: (K,) upper end.
        reason: (K,) str, why there is no interval; empty where there is.
        p: (K,) two-sided, of no difference to the controls, by flipping signs of images.
        p_holm: (K,) the same, corrected for the number of joints.
        effect: (K,) mean effect, controls not taken off.
        control: (K,) mean effect of the controls.
        dominance: (K,) how much more often the effect is larger than a control's than smaller: from 1, always, to -1,
            never; 0 where the two are alike (the paired form of N. Cliff, Dominance statistics, 1993).
        dominance_low: (K,) lower end of its 95 % interval over images.
        dominance_high: (K,) upper end.
        people: (K,) int, how many count.
        images: (K,) int, how many images they are on.
    """

    joints: tuple[str, ...]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reason: NDArray[np.str_]
    p: NDArray[np.float64]
    p_holm: NDArray[np.float64]
    effect: NDArray[np.float64]
    control: NDArray[np.float64]
    dominance: NDArray[np.float64]
    dominance_low: NDArray[np.float64]
    dominance_high: NDArray[np.float64]
    people: NDArray[np.int64]
    images: NDArray[np.int64]

    def to_json(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        numbers = (
            *('value', 'low', 'high', 'p', 'p_holm', 'effect', 'control'),
            *('dominance', 'dominance_low', 'dominance_high'),
        )
        others = {name: getattr(self, name).tolist() for name in ('people', 'images', 'reason')}
        return {'joints': list(self.joints), **{name: plain(getattr(self, name)) for name in numbers}, **others}


def compare_with_controls(
    effect: NDArray[np.floating],
    controls: NDArray[np.floating],
    joints: tuple[str, ...],
    images: ArrayLike,
    *,
    tie: float = 1e-4,
    resamples: int = 1000,
    permutations: int = 9999,
    seed: int = 0,
) -> PairedEffects:
    """Average effects over people, each against the controls of the same person.

    Args:
        effect: (N, K) of each person and joint, NaN where it does not count.
        controls: (D, N, K) of each draw, NaN where there is none.
        joints: K names.
        images: (N,) what is resampled together.
        tie: Effects no farther apart than this are alike; less is rounding.
        resamples: Of the bootstrap over images.
        permutations: Of signs.
        seed: Of both.
    """
    units = np.asarray(images)
    apart = effect[None].astype(np.float64) - controls
    difference = masked_mean(apart)
    wins = masked_mean(np.where(np.isfinite(apart), np.sign(np.where(np.abs(apart) > tie, apart, 0.0)), np.nan))
    counted = np.isfinite(difference)
    means, dominance = (mean_interval(values, units, resamples, seed) for values in (difference, wins))
    p = sign_flip_p(difference, units, permutations, seed)
    return PairedEffects(
        joints=joints,
        value=_numbers([cell.value for cell in means]),
        low=_numbers([cell.low for cell in means]),
        high=_numbers([cell.high for cell in means]),
        reason=np.array([cell.reason for cell in means], np.str_),
        p=p,
        p_holm=_corrected(p),
        effect=masked_mean(np.where(counted, effect, np.nan)),
        control=masked_mean(np.where(counted, masked_mean(controls), np.nan)),
        dominance=_numbers([cell.value for cell in dominance]),
        dominance_low=_numbers([cell.low for cell in dominance]),
        dominance_high=_numbers([cell.high for cell in dominance]),
        people=counted.sum(0),
        images=np.array([cell.units for cell in means], np.int64),
    )


def plain(values: NDArray[Any]) -> Any:
    """An array of numbers as nested lists; NaN, which JSON lacks, becomes None."""
    numbers = np.asarray(values).astype(object)
    numbers[~np.isfinite(values)] = None
    return numbers.tolist()


def _numbers(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _corrected(p: NDArray[np.float64]) -> NDArray[np.float64]:
    corrected = np.full(len(p), np.nan)
    tested = np.isfinite(p)
    corrected[tested] = holm(p[tested].tolist())
    return corrected
