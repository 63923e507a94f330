"""Whether two ways of training are equally good, from the AP of several seeds of each."""

import math
import statistics
from collections.abc import Sequence
from itertools import count

from scipy import stats

from posescope.evaluation.comparison import MARGIN
from posescope.evaluation.significance import detectable_delta, equality_p

__all__ = ['equivalence']


def equivalence(ours: Sequence[float], theirs: Sequence[float], margin: float = MARGIN) -> dict[str, float]:
    """Make two one-sided Welch tests of whether two means differ by less than a margin.

    Args:
        ours: Independent draws, at least two.
        theirs: Likewise.
        margin: Smallest difference that would matter.

    Returns:
        ``delta`` of the means, ``low`` and ``high`` of its 90 % interval, which lies within the margin exactly where
        ``p`` is below 5 %. With ``seeds_needed`` of each side, 80 % of such studies would show two equal ones equal.
    """
    delta = statistics.fmean(ours) - statistics.fmean(theirs)
    parts = [statistics.variance(values) / len(values) for values in (ours, theirs)]
    error = math.sqrt(sum(parts))
    squares = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ours, theirs), strict=True))
    freedom = error**4 / squares if squares else math.inf
    width = stats.t.ppf(0.95, freedom) * error
    spread = math.sqrt(statistics.fmean(statistics.variance(values) for values in (ours, theirs)))
    seeds = next(n for n in count(2) if detectable_delta(spread * math.sqrt(2 / n), 2 * n - 2, 0.9, 0.1) <= margin)
    return {
        'delta': delta,
        'low': delta - width,
        'high': delta + width,
        'p': equality_p(delta, error, margin, freedom),
        'margin': margin,
        'seeds_needed': seeds,
    }
