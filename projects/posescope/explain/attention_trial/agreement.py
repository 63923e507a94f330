"""Whether what attention points at is what a joint rests on, as numbers that stand beside the drawn map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from posescope.evaluation.sensitivity.curve import mean_interval

__all__ = ['Agreement', 'RankAgreement', 'rank_agreement', 'rank_correlations']


@dataclass(frozen=True)
class Agreement:
    """A number from -1 to 1, and how sure it is.

    Attributes:
        value: 1: masking what the row points at always moves the joint more than its controls do; 0: no more than
            they; None where nobody counts.
        low: Lower end of the 95 % interval over images; None where there is none.
        high: Upper end.
        images: How many images it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    images: int

    def __str__(self) -> str:
        if self.value is None:
            return 'agreement undefined'
        number = '1 image' if self.images == 1 else f'{self.images} images'
        if self.low is None or self.high is None:
            return f'agreement {self.value:+.2f} ({number}, too few for an interval)'
        return f'agreement {self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f}, {number})'


@dataclass(frozen=True)
class RankAgreement:
    """Spearman's correlation between the weight of groups of keys and what masking them does, mean over people.

    Attributes:
        value: (K,) NaN where it is not defined for anybody, as where no group does anything.
        low: (K,) lower end of the 95 % interval over images, NaN where there is none.
        high: (K,) upper end.
        people: (K,) int, for how many it is defined.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    people: NDArray[np.int64]


def rank_agreement(
    mass: NDArray[np.float64],
    effect: NDArray[np.float64],
    images: ArrayLike,
    tie: float = 1e-4,
    resamples: int = 1000,
    seed: int = 0,
) -> RankAgreement:
    """Average correlations over people.

    Args:
        mass: (G, N, K) weight of each group of keys.
        effect: (G, N, K) what masking it does, NaN where it does not count.
        images: (N,) what is resampled together.
        tie: Effects are told apart in steps of it; less is rounding.
        resamples: Of the bootstrap over images.
        seed: Of the bootstrap.
    """
    found = rank_correlations(mass, np.round(effect / tie))
    cells = mean_interval(found, np.asarray(images), resamples, seed)
    value, low, high = (
        np.array([np.nan if number is None else number for number in numbers])
        for numbers in zip(*((cell.value, cell.low, cell.high) for cell in cells), strict=True)
    )
    return RankAgreement(value, low, high, np.isfinite(found).sum(0))


def rank_correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation over the first axis; NaN where a value is missing, or where one side is constant."""
    known = np.isfinite(first).all(0) & np.isfinite(second).all(0)
    ranks = [rankdata(np.where(known, values, 0), axis=0) for values in (first, second)]
    a, b = (values - values.mean(0) for values in ranks)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.divide((a * b).sum(0), size, out=np.full(size.shape, np.nan), where=known & (size > 0))
