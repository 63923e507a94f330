"""Whether a pose keeps arms and legs out of the body and out of each other."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['deepest_contact']

# Segments of a middle-sized body as capsules: both ends (names of anatomy.joint_positions) and a radius in metres. An
# upper arm begins within the trunk, so the capsule is its lower part.
_LIMBS = {
    'upper arm': ('upperarm01', 'lowerarm01', 0.6, 0.045),
    'forearm': ('lowerarm01', 'wrist', 0.0, 0.034),
    'hand': ('wrist', 'fingertips', 0.0, 0.025),
    'thigh': ('upperleg01', 'lowerleg01', 0.0, 0.075),
    'shin': ('lowerleg01', 'foot', 0.0, 0.05),
    'foot': ('heel', 'toes', 0.0, 0.028),
}
_ARM, _LEG = ('upper arm', 'forearm', 'hand'), ('shin', 'foot')
_TRUNK_RADIUS, _HEAD_RADIUS, _NECK_RADIUS = 0.105, 0.085, 0.055
_TRUNK_HALF_WIDTH = 0.055
Place = NDArray[Any]

_PLACES = np.linspace(0.0, 1.0, 9)


def deepest_contact(positions: Mapping[str, NDArray[np.float64]], girth: float = 1.0) -> float:
    """Measure how deep limbs are in something that they cannot be in.

    Args:
        positions: (3,) metres by bone, as :func:`posescope.data.rendering.anatomy.joint_positions` gives them.
        girth: How thick the body is; 1 is middling.

    Returns:
        Metres; 0 or less means that nothing touches.
    """
    capsules = dict(_capsules(positions, girth))
    pairs = _pairs()
    starts, ends, radii = (np.array([capsules[name][i] for name in capsules]) for i in range(3))
    place = {name: number for number, name in enumerate(capsules)}
    first, second = (np.array([place[pair[i]] for pair in pairs]) for i in range(2))
    points = starts[first][:, None] + _PLACES[:, None] * (ends - starts)[first][:, None]  # (P, 9, 3)
    offsets, axes = points - starts[second][:, None], (ends - starts)[second][:, None]
    along = (offsets * axes).sum(-1) / np.maximum((axes**2).sum(-1), 1e-12)
    distances = np.linalg.norm(offsets - np.clip(along, 0.0, 1.0)[..., None] * axes, axis=-1).min(axis=1)
    return float((radii[first] + radii[second] - distances).max())


def _capsules(
    positions: Mapping[str, NDArray[np.float64]], girth: float
) -> Iterator[tuple[str, tuple[Place, Place, float]]]:
    """Give both ends and the radius of each part of a body, by name."""
    for name, (start, end, begin, radius) in _LIMBS.items():
        for side in ('.L', '.R'):
            base, tip = positions[start + side], positions[end + side]
            yield name + side, (base + begin * (tip - base), tip, radius * girth)
    # Two capsules side by side are the trunk.
    chest = 0.5 * positions['spine01'] + 0.25 * (positions['clavicle.L'] + positions['clavicle.R'])
    for side, sign in (('.L', 1.0), ('.R', -1.0)):
        shoulders = positions['upperarm01.L'] - positions['upperarm01.R']
        hips = positions['upperleg01.L'] - positions['upperleg01.R']
        upper = sign * _TRUNK_HALF_WIDTH * shoulders / np.linalg.norm(shoulders)
        lower = sign * _TRUNK_HALF_WIDTH * hips / np.linalg.norm(hips)
        yield 'trunk' + side, (positions['root'] + lower, chest + upper, _TRUNK_RADIUS * girth)
    skull = 0.4 * positions['head'] + 0.6 * positions['crown']
    yield 'head', (skull, skull, _HEAD_RADIUS)
    yield 'neck', (positions['neck01'], positions['head'], _NECK_RADIUS * girth)


def _pairs() -> list[tuple[str, str]]:
    """List what must not be in what."""
    pairs = [(f'{a}.L', f'{b}.R') for a in _ARM for b in _ARM]
    pairs += [(f'{a}.L', f'{b}.R') for a in _LEG for b in ('thigh', *_LEG)] + [(f'{a}.R', 'thigh.L') for a in _LEG]
    pairs += [('shin.R', 'foot.L')]
    for side in ('.L', '.R'):
        for part in _ARM:
            obstacles = ['trunk.L', 'trunk.R', 'head', 'thigh.L', 'thigh.R', *(('neck',) if part != 'hand' else ())]
            pairs += [(part + side, obstacle) for obstacle in obstacles]
    return pairs
