"""Which joint leans on which: effects averaged over people, and how sure they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, rankdata

from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.diagnosis.slices import FALSE_DISCOVERIES
from posescope.evaluation.sensitivity.curve import mean_interval
from posescope.explain.dependency.effects import QUANTITIES, Effects
from posescope.explain.dependency.sign_flips import sign_flip_p

__all__ = ['DependencyMatrix', 'masked_mean', 'summarise']


@dataclass(frozen=True)
class DependencyMatrix:
    """Mean effect on joint i (row) of hiding joint j (column), minus that of its control.

    Attributes:
        joints: K names.
        quantity: One of :data:`posescope.explain.dependency.effects.QUANTITIES`.
        value: (K, K) mean over people, of each the mean over fills; positive: i leans on j. NaN where no pair counts.
        people: (K, K) int, how many count.
        images: (K, K) int, how many images they are on.
        low: (K, K) lower end of the 95 % interval over images, NaN where there is none.
        high: (K, K) upper end.
        reason: (K, K) str, why there is no interval; empty where there is.
        p: (K, K) two-sided, of no difference to the control, by flipping signs of images; NaN where untested.
        marked: (K, K) bool, whether a difference remains when false discoveries among all pairs are kept to 5 %.
        hidden: (K, K) mean effect of hiding, of the same people, without taking the control off.
        control: (K, K) mean effect of the control, of the same people.
        covered: (K, K) int, people left out because the disc over j covers i.
        fills: F names.
        by_fill: (F, K, K) the value with each fill alone.
        fill_agreement: (F, F) Spearman's correlation between the values of pairs with each fill; NaN if undefined.
    """

    joints: tuple[str, ...]
    quantity: str
    value: NDArray[np.float64]
    people: NDArray[np.int64]
    images: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reason: NDArray[np.str_]
    p: NDArray[np.float64]
    marked: NDArray[np.bool_]
    hidden: NDArray[np.float64]
    control: NDArray[np.float64]
    covered: NDArray[np.int64]
    fills: tuple[str, ...]
    by_fill: NDArray[np.float64]
    fill_agreement: NDArray[np.float64]

    @property
    def label(self) -> str:
        """What the numbers are, in words."""
        return f'{QUANTITIES[self.quantity]}, beyond the control'

    def content(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        arrays = ('value', 'low', 'high', 'p', 'hidden', 'control', 'by_fill', 'fill_agreement')
        plain = {name: _without_nan(getattr(self, name).tolist()) for name in arrays}
        counts = {name: getattr(self, name).tolist() for name in ('people', 'images', 'marked', 'covered', 'reason')}
        return {
            'joints': list(self.joints),
            'quantity': self.quantity,
            'fills': list(self.fills),
            f'marked_at_fdr_{FALSE_DISCOVERIES}': counts.pop('marked'),
            **plain,
            **counts,
        }


def summarise(
    effects: Effects, quantity: str = 'ks', resamples: int = 1000, permutations: int = 9999, seed: int = 0
) -> DependencyMatrix:
    """Average effects over people.

    Args:
        effects: Of N people.
        quantity: ``'ks'`` or ``'displacement'``.
        resamples: Of the bootstrap over images.
        permutations: Of signs.
        seed: Of both.

    Raises:
        InputError: There is no such quantity.
    """
    difference = effects.difference(quantity)
    people, joints = len(effects), len(effects.joints)
    per_person = difference.mean(0).reshape(people, joints**2)
    cells = mean_interval(per_person, effects.images, resamples, seed)
    p = sign_flip_p(per_person, effects.images, permutations, seed)
    square = joints, joints
    counted = np.isfinite(difference).all(0)
    hidden, control = (
        masked_mean(np.where(counted, kind[quantity], np.nan).mean(0)) for kind in (effects.hidden, effects.control)
    )
    by_fill = masked_mean(difference, axis=1)
    return DependencyMatrix(
        joints=effects.joints,
        quantity=quantity,
        value=_column(cells, 'value').reshape(square),
        people=counted.sum(0),
        images=np.array([cell.units for cell in cells]).reshape(square),
        low=_column(cells, 'low').reshape(square),
        high=_column(cells, 'high').reshape(square),
        reason=np.array([cell.reason for cell in cells], dtype=np.str_).reshape(square),
        p=p.reshape(square),
        marked=_marked(p).reshape(square),
        hidden=hidden,
        control=control,
        covered=effects.covered.sum(0),
        fills=effects.fills,
        by_fill=by_fill,
        fill_agreement=_agreement(by_fill),
    )


def masked_mean(values: NDArray[np.floating], axis: int = 0) -> NDArray[np.float64]:
    """Mean along an axis of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0).sum(axis, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _column(cells: list[Interval], name: str) -> NDArray[np.float64]:
    return np.array([np.nan if getattr(cell, name) is None else getattr(cell, name) for cell in cells])


def _marked(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995."""
    marked = np.zeros(len(p), bool)
    tested = np.isfinite(p)
    if tested.any():
        marked[tested] = false_discovery_control(p[tested], method='bh') <= FALSE_DISCOVERIES
    return marked


def _agreement(by_fill: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) rank correlation over the pairs that every fill has."""
    flat = by_fill.reshape(len(by_fill), -1)
    flat = flat[:, np.isfinite(flat).all(0)]
    ranks = rankdata(flat, axis=1) if flat.shape[1] else flat
    if flat.shape[1] < 3 or (np.ptp(ranks, axis=1) == 0).any():
        return np.full((len(flat), len(flat)), np.nan)
    return np.corrcoef(ranks).reshape(len(flat), len(flat))


def _without_nan(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if values != values else values
