"""Debiased centred kernel alignment: how alike the geometry of people is in two layers."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError

__all__ = ['LEAST_PEOPLE', 'alignment', 'alignment_error', 'batch_weights', 'grams', 'unbiased_hsic']

LEAST_PEOPLE = 4
"""Fewest people of whom the unbiased estimate is defined."""


def grams(features: Sequence[Tensor]) -> Tensor:
    """Give the inner products between people, layer by layer.

    Args:
        features: L times (N, …), of the same people.

    Returns:
        (L, N, N) float64. A mean over people is taken off first, which changes no alignment and costs no digits later.
    """
    found = []
    for one in features:
        flat = one.flatten(1).double()
        flat = flat - flat.mean(0)
        found.append(flat @ flat.T)
    return torch.stack(found)


def unbiased_hsic(kernels: Tensor) -> Tensor:
    """Estimate the Hilbert-Schmidt independence criterion between all pairs of L layers.

    ``[tr(K̃L̃) + 1ᵀK̃1 · 1ᵀL̃1 / ((n-1)(n-2)) - 2 · 1ᵀK̃L̃1 / (n-2)] / (n(n-3))``, where K̃ is K without its diagonal
    (L. Song et al., Feature Selection via Dependence Maximization, JMLR 13, 2012, equation 5). Its expectation is right
    for any number of people from 4 on, however many features a layer has; the usual estimate's is not, and calls
    independent layers alike as soon as they have more features than people.

    Args:
        kernels: (L, N, N) of :func:`grams`.

    Returns:
        (L, L).

    Raises:
        InputError: There are fewer than four people.
    """
    people = kernels.shape[1]
    if people < LEAST_PEOPLE:
        raise InputError(f'debiased CKA of {people} people is not defined: it takes {LEAST_PEOPLE} or more in a batch')
    without = kernels - torch.diag_embed(kernels.diagonal(dim1=1, dim2=2))
    sums = without.sum(2)
    total = sums.sum(1)
    traces = torch.einsum('aij,bij->ab', without, without)
    products = sums @ sums.T
    found = traces + torch.outer(total, total) / ((people - 1) * (people - 2)) - 2 * products / (people - 2)
    return found / (people * (people - 3))


def alignment(hsic: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Turn estimates of batches into CKA: of their means, ``HSIC(a, b) / √(HSIC(a, a) · HSIC(b, b))``.

    Taking means over batches before dividing keeps the estimate right for batches of any size (T. Nguyen, M. Raghu and
    S. Kornblith, Do Wide and Deep Networks Learn the Same Things?, ICLR 2021, equation 4).

    Args:
        hsic: (M, L, L) of M batches.
        weights: (M,) of the batches, see :func:`batch_weights`; None for equal ones.

    Returns:
        (L, L), at most about 1; noise around 0 for layers that have nothing in common. NaN for a layer in which people
        do not differ by more than chance, whose own HSIC is not above 0.
    """
    mean = hsic.mean(0) if weights is None else np.average(hsic, axis=0, weights=weights)
    own = np.where(mean.diagonal() > 0, mean.diagonal(), np.nan)
    return mean / np.sqrt(np.outer(own, own))


def alignment_error(hsic: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Give the standard error of :func:`alignment`, by leaving out each batch in turn.

    Unequal batches follow F. Busing, E. Meijer and R. van der Leeden, Delete-m jackknife for unequal m, Statistics and
    Computing 9, 1999; for equal ones that is the usual jackknife.

    Args:
        hsic: (M, L, L) of M batches.
        weights: (M,) of the batches; None for equal ones.

    Returns:
        (L, L); NaN with fewer than 3 batches.
    """
    batches = len(hsic)
    if batches < 3:
        return np.full(hsic.shape[1:], np.nan)
    kept = [np.delete(np.arange(batches), one) for one in range(batches)]
    left_out = np.stack([alignment(hsic[some], None if weights is None else weights[some]) for some in kept])
    if weights is None:
        return np.sqrt((batches - 1) / batches * ((left_out - left_out.mean(0)) ** 2).sum(0))
    share = (weights.sum() / weights)[:, None, None]
    pseudo = share * alignment(hsic, weights) - (share - 1) * left_out
    centre = (pseudo / share).sum(0)
    return np.sqrt(((pseudo - centre) ** 2 / (share - 1)).mean(0))


def batch_weights(people: Sequence[int]) -> NDArray[np.float64] | None:
    """Weigh batches by the precision of their estimates.

    Where two layers have nothing in common, the variance of the unbiased estimate of n people falls as n(n - 3) grows;
    a small batch that counted as much as a large one would bring in most of the noise.

    Args:
        people: (M,) number of each batch.

    Returns:
        (M,), or None where all batches are of one size.
    """
    if len(set(people)) == 1:
        return None
    return np.array([count * (count - 3) for count in people], np.float64)
