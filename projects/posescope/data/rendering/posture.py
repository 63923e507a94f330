"""What every pose is drawn as first, and what poses have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from posescope.data.rendering.joint_limits import SIDES

__all__ = ['Posture', 'around', 'both', 'flat_feet', 'look_somewhere', 'tilted', 'trunk']


@dataclass(frozen=True)
class Posture:
    """A pose as first drawn, before limits, balance and contact were looked at.

    Attributes:
        angles: Degrees by joint.
        tilt: Rotation of the whole body.
        action: What is done, in words.
        seat: What it rests on: ``'feet'``, ``'chair'`` or ``'floor'``.
        balances: Whether the weight has to be over the feet.
    """

    angles: dict[str, float]
    tilt: Rotation
    action: str
    seat: str = 'feet'
    balances: bool = True


def around(rng: np.random.Generator, spread: float) -> float:
    """Draw a normal deviate with this standard deviation, at most two and a half of it off."""
    return float(np.clip(rng.normal(0.0, spread), -2.5 * spread, 2.5 * spread))


def look_somewhere(rng: np.random.Generator, down: float = 0.0) -> dict[str, float]:
    """Turn the head somewhere; it bends a little to where it turns."""
    twist = around(rng, 22.0)
    return {
        'neck_flexion': down + around(rng, 9.0),
        'neck_bend': 0.12 * twist + around(rng, 5.0),
        'neck_twist': twist,
    }


def trunk(rng: np.random.Generator, flexion: float = 0.0, looseness: float = 1.0) -> dict[str, float]:
    """Hold the back nearly straight, or bent forwards by ``flexion`` degrees."""
    return {
        'spine_flexion': flexion + around(rng, 5.0 * looseness),
        'spine_bend': around(rng, 4.0 * looseness),
        'spine_twist': around(rng, 7.0 * looseness),
    }


def tilted(pitch: float, roll: float = 0.0) -> Rotation:
    """Tilt the pelvis forwards and to the left, degrees."""
    return Rotation.from_euler('xy', [pitch, roll], degrees=True)


def flat_feet(angles: dict[str, float], pitch: float) -> dict[str, float]:
    """Turn the ankles so that the soles are level, given how far the pelvis is pitched forwards, degrees."""
    for side in SIDES:
        angles[f'{side}_ankle_flexion'] = pitch - angles[f'{side}_hip_flexion'] + angles[f'{side}_knee_flexion']
    return angles


def both(values: Mapping[str, float]) -> dict[str, float]:
    """Give both sides the same angles."""
    return {f'{side}_{joint}': value for side in SIDES for joint, value in values.items()}
