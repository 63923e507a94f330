"""Things that stand around: furniture, plants, posts and balls, as data and as meshes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.patterns import RGB, Checks, Mottle, Pattern, Stripes
from posescope.data.rendering.solids import box, column, ellipsoid
from posescope.errors import InputError, nearest

__all__ = ['KINDS', 'Prop', 'prop_mesh', 'sample_prop']


@dataclass(frozen=True)
class Prop:
    """An object, as plain data.

    Attributes:
        kind: A key of :data:`KINDS`.
        size: Width, depth and height, metres.
        colour: Linear RGB.
        second: Linear RGB of the finish.
        finish: ``'plain'``, ``'mottled'``, ``'striped'`` or ``'checked'``.
        seed: Chooses irregularities such as the leaves of a bush.
    """

    kind: str
    size: tuple[float, float, float]
    colour: RGB
    second: RGB
    finish: str
    seed: int

    def material(self, colour: RGB | None = None) -> Material:
        """Describe the surface, in another main colour if one is given."""
        pattern: Pattern | None = None
        if KINDS[self.kind].grows:
            pattern = Mottle(colour=self.second, period=0.07, width=0.5, contrast=0.45, seed=self.seed % 997)
        elif self.finish == 'mottled':
            pattern = Mottle(colour=self.second, period=0.09, width=0.5, contrast=0.15, seed=self.seed % 997)
        elif self.finish == 'striped':
            pattern = Stripes(colour=self.second, period=0.11, width=0.5, upright=self.seed % 2 == 0)
        elif self.finish == 'checked':
            pattern = Checks(colour=self.second, period=0.13, width=0.5)
        return Material(self.colour if colour is None else colour, pattern, gloss=0.1, two_sided=False, name=self.kind)


def prop_mesh(prop: Prop) -> Mesh:
    """Build an object: it stands on the ground around the origin, its front towards -y.

    Args:
        prop: What to build.

    Returns:
        A mesh whose part is ``OCCLUDER`` everywhere.

    Raises:
        InputError: There is no such kind of object.
    """
    if prop.kind not in KINDS:
        raise InputError(f'unknown kind of object {prop.kind!r}; nearest: {nearest(prop.kind, KINDS)}')
    return Mesh.merged(KINDS[prop.kind].build(prop))


def sample_prop(rng: np.random.Generator, kind: str) -> Prop:
    """Draw the size and the looks of an object.

    Args:
        rng: Where chance comes from.
        kind: A key of :data:`KINDS`.
    """
    ranges = KINDS[kind]
    width, depth, height = (float(rng.uniform(low, high)) for low, high in ranges.sizes)
    colour = _leafy(rng) if ranges.grows else _painted(rng)
    share = rng.uniform(0.35, 0.8)
    second = tuple(float(share * value) for value in colour) if rng.random() < 0.7 else _painted(rng)
    finish = (
        'mottled'
        if ranges.grows
        else str(rng.choice(['plain', 'mottled', 'striped', 'checked'], p=[0.45, 0.35, 0.13, 0.07]))
    )
    return Prop(
        kind, (width, depth, height), colour, (second[0], second[1], second[2]), finish, int(rng.integers(1 << 31))
    )


def _painted(rng: np.random.Generator) -> RGB:
    """Draw wood, grey, white, black or a saturated paint."""
    kind = rng.random()
    if kind < 0.4:
        wood = np.array([0.36, 0.2, 0.1]) * rng.uniform(0.35, 1.6) * rng.uniform(0.9, 1.1, 3)
        return _rgb(wood)
    if kind < 0.7:
        return _rgb(rng.uniform(0.03, 0.75) * rng.uniform(0.92, 1.08, 3))
    hue = rng.uniform(0, 6) + np.array([0.0, 4.0, 2.0])
    saturated = np.clip(np.abs(hue % 6 - 3) - 1, 0, 1)
    return _rgb(rng.uniform(0.15, 0.6) * (0.12 + 0.88 * saturated))


def _leafy(rng: np.random.Generator) -> RGB:
    return _rgb(np.array([0.1, 0.2, 0.05]) * rng.uniform(0.45, 1.5) * rng.uniform(0.75, 1.25, 3))


def _rgb(values: np.ndarray) -> RGB:
    red, green, blue = np.clip(values, 0.005, 0.9).tolist()
    return red, green, blue


def _box(prop: Prop) -> list[Mesh]:
    return [box(prop.size, (0, 0, prop.size[2] / 2), prop.material())]


def _table(prop: Prop) -> list[Mesh]:
    width, depth, height = prop.size
    top = box((width, depth, 0.04), (0, 0, height - 0.02), prop.material())
    return [top, *_legs(prop, width, depth, height - 0.04)]


def bench(prop: Prop) -> list[Mesh]:
    """Build a plank on two sides."""
    width, depth, height = prop.size
    sides = [box((0.06, depth * 0.85, height - 0.05), (x, 0, (height - 0.05) / 2), prop.material(prop.second))
             for x in (-0.42 * width, 0.42 * width)]  # fmt: skip
    return [box((width, depth, 0.05), (0, 0, height - 0.025), prop.material()), *sides]


def stool(prop: Prop) -> list[Mesh]:
    """Build a round seat on a column on a foot."""
    width, depth, height = prop.size
    radius = max(min(width, depth) / 2, 0.12)
    metal = prop.material(prop.second)
    stem = column(0.035, 0.03, height - 0.05, (0, 0), metal, sides=10)
    return [column(radius, height - 0.06, height, (0, 0), prop.material()), stem, column(0.17, 0, 0.03, (0, 0), metal)]


def _legs(prop: Prop, width: float, depth: float, height: float, thickness: float = 0.045) -> list[Mesh]:
    x, y = (width - thickness) / 2 - 0.01, (depth - thickness) / 2 - 0.01
    size = (thickness, thickness, height)
    return [box(size, (i * x, j * y, height / 2), prop.material(prop.second)) for i in (-1, 1) for j in (-1, 1)]


def _chair(prop: Prop) -> list[Mesh]:
    """A chair whose seat is at half of its height."""
    _, depth, height = prop.size
    return seat_with_back(prop, 0.5 * height, front=-depth / 2, back=depth / 2)


def seat_with_back(prop: Prop, seat: float, front: float, back: float, feet: float | None = None) -> list[Mesh]:
    """Build a chair to measure.

    Args:
        prop: Gives the width, the height of the back and the looks.
        seat: Height of the seat, metres.
        front: y of the seat's front edge, metres.
        back: y of the front of the back, metres.
        feet: y of the front legs; at the front edge if not given.
    """
    width, _, height = prop.size
    plate = 0.05
    middle, depth = (front + back) / 2, back - front
    first = front + 0.04 if feet is None else feet
    legs = [
        box((0.04, 0.04, seat - plate), (x, y, (seat - plate) / 2), prop.material(prop.second))
        for x in (-width / 2 + 0.03, width / 2 - 0.03)
        for y in (first, back - 0.02)
    ]
    rest = box((width, 0.04, height - seat), (0, back + 0.02, (height + seat) / 2), prop.material())
    return [box((width, depth, plate), (0, middle, seat - plate / 2), prop.material()), rest, *legs]


def _pole(prop: Prop) -> list[Mesh]:
    return [column(prop.size[0] / 2, 0, prop.size[2], (0, 0), prop.material())]


def _ball(prop: Prop) -> list[Mesh]:
    radius = prop.size[2] / 2
    return [ellipsoid((radius,) * 3, (0, 0, radius), prop.material())]


def _bush(prop: Prop) -> list[Mesh]:
    """Several leafy balls; the lowest reach the ground."""
    width, depth, height = prop.size
    rng = np.random.default_rng(prop.seed)
    balls = []
    for number in range(9):
        radius = np.array([width, depth, height]) * rng.uniform(0.2, 0.3)
        reach = np.array([width, depth, height]) / 2 - radius
        centre = rng.uniform(-1, 1, 3) * reach + np.array([0, 0, height / 2])
        if number == 0:
            centre[2], radius[2] = height / 2, height / 2
        balls.append(ellipsoid(radius.tolist(), centre.tolist(), prop.material(), rings=7))
    return balls


def _tree(prop: Prop) -> list[Mesh]:
    width, depth, height = prop.size
    rng = np.random.default_rng(prop.seed)
    trunk = Material(
        (0.12, 0.08, 0.05), Mottle(colour=(0.05, 0.035, 0.02), period=0.06, contrast=0.4), 0.0, False, 'bark'
    )
    crown = []
    for _ in range(7):
        radius = rng.uniform(0.22, 0.34) * np.array([width, depth, 0.5 * height])
        centre = rng.uniform(-0.35, 0.35, 3) * np.array([width, depth, 0.5 * height]) + np.array([0, 0, 0.72 * height])
        crown.append(ellipsoid(radius.tolist(), centre.tolist(), prop.material(), rings=7))
    return [column(0.05 * width + 0.05, 0, 0.7 * height, (0, 0), trunk, sides=10), *crown]


def _plant(prop: Prop) -> list[Mesh]:
    width, depth, height = prop.size
    pot = column(width * 0.3, 0, 0.35 * height, (0, 0), Material(prop.second, None, 0.1, False, 'pot'))
    leaves = Prop('bush', (width, depth, 0.75 * height), prop.colour, prop.second, prop.finish, prop.seed)
    raised = [mesh.transformed(np.eye(3), np.array([0, 0, 0.25 * height])) for mesh in _bush(leaves)]
    return [pot, *raised]


def _fence(prop: Prop) -> list[Mesh]:
    width, _, height = prop.size
    count = max(int(width / 0.22), 2)
    posts = [
        box((0.07, 0.03, height), (x, 0, height / 2), prop.material())
        for x in np.linspace(-width / 2 + 0.04, width / 2 - 0.04, count)
    ]
    rails = [box((width, 0.03, 0.06), (0, 0.03, share * height), prop.material(prop.second)) for share in (0.3, 0.75)]
    return [*posts, *rails]


def _shelf(prop: Prop) -> list[Mesh]:
    """An open case with coloured things on its boards."""
    width, depth, height = prop.size
    rng = np.random.default_rng(prop.seed)
    boards = max(int(height / 0.38), 2)
    meshes = [box((width, 0.02, height), (0, depth / 2, height / 2), prop.material(prop.second))]
    meshes += [box((0.03, depth, height), (x, 0, height / 2), prop.material()) for x in (-width / 2, width / 2)]
    for level in np.linspace(0.03, height - 0.02, boards + 1):
        meshes.append(box((width, depth, 0.03), (0, 0, level), prop.material()))
    for level in np.linspace(0.03, height - 0.02, boards + 1)[:-1]:
        x = -width / 2 + 0.05
        while x < width / 2 - 0.12:
            thick, tall = rng.uniform(0.03, 0.14), rng.uniform(0.12, 0.3)
            if rng.random() < 0.8:
                material = Material(_painted(rng), None, 0.05, False, 'thing')
                meshes.append(box((thick, 0.7 * depth, tall), (x + thick / 2, 0, level + 0.015 + tall / 2), material))
            x += thick + rng.uniform(0.005, 0.03)
    return meshes


Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        build: Makes the meshes of one.
        sizes: Least and greatest width, depth and height, metres.
        grows: Whether it is a plant.
    """

    build: Callable[[Prop], list[Mesh]]
    sizes: tuple[Range, Range, Range]
    grows: bool = False


KINDS: Mapping[str, Kind] = {
    'box': Kind(_box, ((0.35, 1.0), (0.3, 0.6), (0.3, 0.9))),
    'table': Kind(_table, ((0.7, 1.5), (0.5, 0.8), (0.68, 0.8))),
    'bench': Kind(bench, ((0.9, 1.6), (0.35, 0.5), (0.4, 0.5))),
    'stool': Kind(stool, ((0.35, 0.45), (0.35, 0.45), (0.45, 0.75))),
    'chair': Kind(_chair, ((0.4, 0.55), (0.4, 0.5), (0.8, 1.05))),
    'pole': Kind(_pole, ((0.06, 0.26), (0.06, 0.26), (2.4, 4.0))),
    'barrel': Kind(_pole, ((0.4, 0.65), (0.4, 0.65), (0.6, 1.0))),
    'panel': Kind(_box, ((0.35, 0.9), (0.03, 0.08), (1.2, 2.1))),
    'parapet': Kind(_box, ((2.5, 6.0), (0.12, 0.3), (0.4, 1.1))),
    'fence': Kind(_fence, ((1.6, 3.5), (0.06, 0.1), (0.7, 1.2))),
    'ball': Kind(_ball, ((0.2, 0.3), (0.2, 0.3), (0.18, 0.34))),
    'bush': Kind(_bush, ((0.6, 1.5), (0.5, 0.9), (0.45, 1.1)), grows=True),
    'plant': Kind(_plant, ((0.4, 0.7), (0.4, 0.7), (0.7, 1.5)), grows=True),
    'tree': Kind(_tree, ((1.6, 3.0), (1.6, 3.0), (2.6, 4.5)), grows=True),
    'shelf': Kind(_shelf, ((0.7, 1.4), (0.25, 0.4), (0.9, 2.0))),
}
"""Every kind of object, how it is built and how large it is."""
