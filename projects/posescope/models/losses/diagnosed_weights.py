"""How much each joint should weigh, from what a diagnosis says can be gained at it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.data.annotations import read_json
from posescope.errors import InputError, nearest

__all__ = ['headroom_weights', 'permuted', 'read_headroom']


def read_headroom(path: str | Path, kinds: Sequence[str] | None = None) -> dict[str, float]:
    """Read AP that correcting errors of one joint alone would gain from a ``diagnosis.json``.

    Args:
        path: The file, as ``tools/diagnose.py --out`` writes it.
        kinds: Which kinds of error count, e.g. ``['inversion']``; None for all.

    Returns:
        By joint, in the order of the file, the sum over these kinds; a gain below zero counts as none.

    Raises:
        InputError: The file is missing or is no diagnosis with gains by joint, or a kind is unknown.
    """
    content = read_json(Path(path), 'diagnosis')
    joints = content.get('joints') if isinstance(content, Mapping) else None
    if not joints or any('gain_alone' not in joint for joint in joints):
        raise InputError(
            f'{path} holds no gain_alone of each joint: write it with tools/diagnose.py GT.json DT.json --out DIR'
        )
    return {joint['name']: _gain(joint['gain_alone'], kinds, path) for joint in joints}


def headroom_weights(headroom: Sequence[float], strength: float = 0.5) -> NDArray[np.float64]:
    """Turn headroom into weights whose mean is 1.

    With g the headroom of a joint and ḡ its mean over joints, a joint weighs (1 - strength) + strength · g / ḡ. So at
    strength ½ a joint without headroom still weighs half. Without any headroom all weigh 1.

    Args:
        headroom: (K,) not negative.
        strength: 0 (all weigh 1) to 1 (weights proportional to headroom).

    Returns:
        (K,)

    Raises:
        InputError: ``strength`` is not between 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise InputError(f'strength={strength}: choose 0 (all joints weigh 1) to 1 (proportional to headroom)')
    gains = np.asarray(headroom, np.float64)
    mean = gains.mean()
    if not mean > 0:
        return np.ones(len(gains))
    return (1 - strength) + strength * gains / mean


def permuted(weights: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Deal weights to joints anew, as a placebo: the same numbers, of which none need be where it was meant to be.

    Permutations that leave the weights as they are do not count, if there is another.

    Args:
        weights: (K,)
        seed: Of the permutation.
    """
    generator = np.random.default_rng(seed)
    while True:
        dealt: NDArray[np.float64] = generator.permutation(weights)
        if not np.array_equal(dealt, weights) or np.ptp(weights) == 0:
            return dealt


def _gain(gains: Mapping[str, Any], kinds: Sequence[str] | None, path: str | Path) -> float:
    """Sum up a joint's gains."""
    for kind in kinds or ():
        if kind not in gains:
            raise InputError(
                f'{path}: kinds={list(kinds or ())}: no joint has gains of {kind!r}; nearest: {nearest(kind, gains)}'
            )
    return sum(max(float(gains[kind] or 0.0), 0.0) for kind in (gains if kinds is None else kinds))
