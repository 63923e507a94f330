"""Scenes of coloured rectangles that stand in for rendered ones: quick, and every label is known."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from posescope.data.body_parts import OCCLUDER

HEIGHT, WIDTH = 60, 80
POSES = ('standing', 'walking', 'reaching', 'bending', 'sitting', 'crouching', 'lying')


@dataclass
class FlatPerson:
    joints: np.ndarray
    occlusion: np.ndarray
    heading: float = 0.0
    pose_class: str = 'standing'
    body_id: str = 'b0'
    outfit_id: str = 'f0'
    truncated: bool = False
    unoccluded: bool = True


@dataclass
class FlatScene:
    image: np.ndarray
    part_map: np.ndarray
    people: list[FlatPerson]
    background_id: str = 'g0'
    light: dict = field(default_factory=lambda: {'ambient': 0.5})
    camera: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(focal=300.0, position=np.zeros(3), rotation=np.eye(3))
    )


def flat_scene(seed: int, index: int) -> FlatScene:
    """Two people as rectangles, the second partly behind the first, a prop in front of both."""
    generator = np.random.default_rng([seed, index])
    image = generator.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    part_map = np.zeros((HEIGHT, WIDTH), np.uint8)
    part_map[10:50, 30:60] = 32 + 3
    part_map[5:45, 10:40] = 3
    part_map[5:15, 15:25] = 1
    part_map[40:44, 0:70] = OCCLUDER
    people = [
        FlatPerson(
            np.c_[generator.uniform(0, 60, (17, 2)), np.full(17, 3.0)],
            generator.integers(0, 5, 17),
            heading=float(generator.uniform(0, 360)),
            pose_class=str(generator.choice(POSES)),
            body_id=f'b{seed}-{index}-{who}',
            outfit_id=f'f{seed}-{index}-{who}',
        )
        for who in range(2)
    ]
    return FlatScene(image, part_map, people, background_id=f'g{seed}-{index}')


def flat_renderer() -> Callable[[int, int], FlatScene]:
    return flat_scene


def slow_renderer() -> Callable[[int, int], FlatScene]:
    """As :func:`flat_renderer`, slow enough to be stopped in the middle."""

    def render(seed: int, index: int) -> FlatScene:
        time.sleep(0.05)
        return flat_scene(seed, index)

    return render
