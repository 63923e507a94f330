"""Ridge regression from normal equations, with the penalty chosen by cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.depth.normal_equations import NormalEquations, Sums

__all__ = ['LAMBDAS', 'Ridge', 'fit_ridge', 'ridge_path']

LAMBDAS = tuple(10.0**power for power in range(-6, 3))
"""Penalties that are tried."""
_CONSTANT = 1e-12
"""Variance relative to the mean square up to which a feature is constant: what rounding in float32 may leave."""


@dataclass(frozen=True)
class Ridge:
    """Linear maps from C features to K joints.

    Attributes:
        weight: (C, K) float64; NaN for a joint that nobody had labelled.
        bias: (K,) float64.
        lambdas: (K,) penalty that cross-validation chose, relative to features of variance 1; NaN as above.
        errors: (penalties, K) mean squared error in the folds that were held out.
    """

    weight: Tensor
    bias: Tensor
    lambdas: NDArray[np.float64]
    errors: NDArray[np.float64]


def fit_ridge(equations: NormalEquations, lambdas: Sequence[float] = LAMBDAS) -> Ridge:
    """Choose each joint's penalty by the squared error in folds that were held out, and fit all folds with it.

    Both need the normal equations alone: the squared error of weights w on a fold is ``Σy² - 2 wᵀ Σxy + wᵀ Σxxᵀ w``.

    Args:
        equations: Of all people.
        lambdas: Penalties to try, above 0.

    Raises:
        InputError: A penalty is not above 0, or fewer than two folds hold people.
    """
    if not lambdas or not all(penalty > 0 for penalty in lambdas):
        raise InputError(f'lambdas={list(lambdas)} have to be numbers above 0')
    if len(equations.filled) < 2:
        raise InputError(f'cross-validation needs people in at least two folds, not in {len(equations.filled)}')
    side, joints = len(equations.shift), equations.joints
    weight = equations.shift.new_full((side, joints), torch.nan)
    bias, chosen = weight.new_full((joints,), torch.nan), np.full(joints, np.nan)
    errors = np.full((len(lambdas), joints), np.nan)
    for group in equations.groups():
        total = equations.of(group, equations.filled)
        if total.rows < 2:
            continue
        errors[:, group] = _held_out_errors(equations, group, total, lambdas).cpu().numpy()
        path = ridge_path(total, lambdas)
        for place, joint in enumerate(group):
            tried = errors[:, joint]
            # Labelled in one fold alone: nothing was held out, so the strongest penalty is the one to trust.
            best = int(np.argmin(tried)) if np.isfinite(tried).all() else int(np.argmax(lambdas))
            found = path[best, :, place]
            weight[:, joint], bias[joint] = found[:-1], found[-1] - found[:-1] @ equations.shift
            chosen[joint] = lambdas[best]
    return Ridge(weight, bias, chosen, errors)


def _held_out_errors(equations: NormalEquations, group: list[int], total: Sums, lambdas: Sequence[float]) -> Tensor:
    """(penalties, joints of the group) mean squared error over all folds, each predicted from the others."""
    wrong = total.cross.new_zeros(len(lambdas), len(group))
    rows = 0.0
    for fold in equations.filled:
        held = equations.of(group, [fold])
        rest = total - held
        if held.rows < 1 or rest.rows < 2:
            continue
        path = ridge_path(rest, lambdas)
        wrong += held.squares - 2 * (path * held.cross).sum(1) + (path * (held.gram @ path)).sum(1)
        rows += held.rows
    return wrong / rows if rows else wrong / torch.nan


def ridge_path(sums: Sums, lambdas: Sequence[float]) -> Tensor:
    """Minimise ``mean (w·z + b - y)² + λ |w|²`` over the features z, scaled to mean 0 and variance 1.

    That is scikit-learn's ``Ridge(alpha=λ · rows)`` behind a ``StandardScaler``: one eigendecomposition serves all
    penalties and joints. A constant feature gets no weight.

    Args:
        sums: Of the rows.
        lambdas: Penalties.

    Returns:
        (penalties, C + 1, K) weights of the features as they are, the bias last.
    """
    rows = sums.gram[-1, -1]
    mean = sums.gram[-1, :-1] / rows
    covariance = sums.gram[:-1, :-1] / rows - torch.outer(mean, mean)
    variance = covariance.diagonal()
    varies = variance > _CONSTANT * (variance + (mean + sums.shift).square())
    scale = torch.where(varies, variance, 1.0).sqrt()
    usable = varies / scale
    values, vectors = torch.linalg.eigh(covariance * torch.outer(usable, usable))
    wanted = sums.cross[-1] / rows
    cross = (sums.cross[:-1] / rows - torch.outer(mean, wanted)) * usable[:, None]
    penalties = torch.tensor(lambdas, dtype=rows.dtype, device=rows.device)
    shrunk = (vectors.T @ cross) / (values.clamp(min=0) + penalties[:, None])[..., None]
    weight = (vectors @ shrunk) * usable[:, None]
    return torch.cat([weight, (wanted - mean @ weight)[:, None]], 1)
