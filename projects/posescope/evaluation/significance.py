"""Arithmetic of tests: several at once, equality within a margin, and what a study could find."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

__all__ = ['detectable_delta', 'equality_p', 'holm', 'zero_p']


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for the number of tests, so that the risk of any false finding stays at the level of one test.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979: the
    k-th smallest of m is multiplied by m - k + 1, and none may fall below a smaller one.

    Args:
        p_values: One for each test.

    Returns:
        Corrected p-values in the same order.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind='stable')
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1)
    return corrected.tolist()


def zero_p(delta: float, error: float, df: float = np.inf) -> float:
    """Two-sided p-value of a difference of zero, by Student's t.

    Args:
        delta: Measured difference.
        error: Its standard error.
        df: Degrees of freedom of the error.
    """
    if error == 0:
        return float(delta == 0)
    return float(2 * stats.t.sf(abs(delta) / error, df))


def equality_p(delta: float, error: float, margin: float, df: float = np.inf) -> float:
    """p-value of a difference of ``margin`` or more, to either side: small means equal for practical purposes.

    D. J. Schuirmann, A comparison of the two one-sided tests procedure …, Journal of Pharmacokinetics and
    Biopharmaceutics 15, 1987: the larger p-value of two one-sided t tests, against -margin and against margin.

    Args:
        delta: Measured difference.
        error: Its standard error.
        margin: Smallest difference that would matter, > 0.
        df: Degrees of freedom of the error.
    """
    if error == 0:
        return float(abs(delta) >= margin)
    return float(stats.t.sf((margin - abs(delta)) / error, df))


def detectable_delta(error: float, df: float = np.inf, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest true difference that a study with this standard error finds with a probability of ``power``.

    H. S. Bloom, Minimum detectable effects, Evaluation Review 19, 1995: ``(t(1 - alpha / 2) + t(power)) · error``,
    which is 2.80 standard errors for many degrees of freedom.

    Args:
        error: Standard error of the difference, from a pilot: two runs of the control, say.
        df: Degrees of freedom that the study will have.
        power: Wanted probability.
        alpha: Level of the two-sided test.
    """
    return float((stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df)) * error)
