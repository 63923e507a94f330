"""Rooms: a floor, walls with windows, pictures, doors and cupboards, and a ceiling."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.rasteriser import Camera
from posescope.data.rendering.rays import pixel_rays, turned
from posescope.data.rendering.shading import Lighting
from posescope.data.rendering.surfaces import Surface, Values, any_seed, clouds, light_on, painted, similar

__all__ = ['Decoration', 'Room', 'sample_room']

_AHEAD, _RIGHT, _BEHIND, _LEFT, _FLOOR, _CEILING = range(6)
# What each plane of a room faces.
_NORMALS = np.array([[0, -1, 0], [-1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
_CEILING_PAINT = np.array([0.75, 0.74, 0.72])
_SKIRTING_HEIGHT = 0.09
# Share of the key light that reaches the walls, on which no shadows are drawn.
_KEY_ON_WALLS = 0.6


@dataclass(frozen=True)
class Decoration:
    """A rectangle on a wall.

    Attributes:
        kind: ``'window'``, ``'picture'``, ``'door'`` or ``'cupboard'``.
        wall: Index of the wall: ahead of the camera, to its right, behind it, to its left.
        left: Where it begins along the wall, metres from the wall's middle.
        width: Metres.
        bottom: Metres above the floor.
        height: Metres.
        frame: Width of its frame, metres.
        colour: Linear RGB of the frame.
        inside: Linear RGB of what is within the frame.
        bars: Bars that divide it across and up.
        seed: Chooses what a picture shows.
    """

    kind: str
    wall: int
    left: float
    width: float
    bottom: float
    height: float
    frame: float
    colour: RGB
    inside: RGB
    bars: tuple[int, int]
    seed: int

    def draw(self, along: Values, up: Values, albedo: Values, emitted: Values) -> None:
        """Draw it on a wall.

        Args:
            along: (N,) places on the wall, metres.
            up: (N,) metres above the floor.
            albedo: (N, 3) that it is drawn over.
            emitted: (N, 3) own light that it is drawn over.
        """
        u, v = (along - self.left) / self.width, (up - self.bottom) / self.height
        within = np.flatnonzero((u >= 0) & (u < 1) & (v >= 0) & (v < 1))
        u, v = u[within], v[within]
        albedo[within] = self.colour
        pane = np.ones(len(within), dtype=bool)
        for place, length, bars in ((u, self.width, self.bars[0]), (v, self.height, self.bars[1])):
            edge = self.frame / length
            pane &= np.minimum(place, 1 - place) > edge
            phase = place * (bars + 1) % 1.0
            pane &= (bars == 0) | (np.minimum(phase, 1 - phase) > 0.5 * edge * (bars + 1))
        content = np.broadcast_to(np.asarray(self.inside), (int(pane.sum()), 3))
        if self.kind == 'picture':
            content = content * (np.floor(clouds(u[pane] * 40, v[pane] * 30, self.seed) * 5) / 2.5 + 0.15)[:, None]
        elif self.kind == 'window':
            content = content * (0.55 + 0.45 * v[pane])[:, None]
            emitted[within[pane]] = content
        albedo[within[pane]] = content * (self.kind != 'window')


@dataclass(frozen=True)
class Room:
    """A room around the people.

    Attributes:
        turn: Radians by which it is turned about the vertical.
        walls: Distance of each wall from the origin, metres: ahead of the camera, to its right, behind it, to its left.
        ceiling: Height of the ceiling, metres.
        floor: What the floor looks like.
        wall: What the walls look like.
        skirting: Linear RGB of the skirting board.
        decorations: What is on the walls.
        blur: Standard deviation of the defocus of all this, pixels.
    """

    turn: float
    walls: tuple[float, ...]
    ceiling: float
    floor: Surface
    wall: Surface
    skirting: RGB
    decorations: tuple[Decoration, ...]
    blur: float

    indoors = True

    def enclosing(self, places: Sequence[tuple[float, float]], margin: float = 1.0) -> 'Room':
        """Move walls outwards until everything is inside.

        Args:
            places: x and y of what has to be inside, metres.
            margin: Metres between it and the walls.
        """
        inside = turned(np.array([[x, y, 0.0] for x, y in places]), self.turn)
        needed = (inside[:, 1].max(), inside[:, 0].max(), -inside[:, 1].min(), -inside[:, 0].min())
        walls = tuple(max(wall, float(need) + margin) for wall, need in zip(self.walls, needed, strict=True))
        return replace(self, walls=walls)

    def paint(self, camera: Camera, lighting: Lighting, key_on_ground: Values) -> Values:
        """Paint the room.

        Args:
            camera: Where it is seen from. Seen from outside, a wall in between is as if of glass.
            lighting: All light.
            key_on_ground: (H, W) share of the key light that reaches the ground.

        Returns:
            (H, W, 3) linear RGB.
        """
        direction, position = turned(pixel_rays(camera), self.turn), turned(camera.position, self.turn)
        plane, points = self._hits(position, direction)
        image = np.zeros(direction.shape)
        normals = turned(_NORMALS, -self.turn)
        for index in range(len(_NORMALS)):
            here = plane == index
            if not here.any():
                continue
            albedo, emitted = self._surface(index, points[here])
            light = light_on(lighting, normals[index], key_on_ground[here] if index == _FLOOR else _KEY_ON_WALLS)
            image[here] = albedo * light * self._openness(points[here])[:, None] + emitted
        return image

    def _hits(self, position: Values, direction: Values) -> tuple[np.ndarray, Values]:
        """Find which plane each ray meets first, (H, W), and where, (H, W, 3) in the room's axes."""
        nearest = np.full(direction.shape[:2], 200.0)
        plane = np.full(direction.shape[:2], _AHEAD)
        for index, (normal, offset) in enumerate(zip(_NORMALS, (*self.walls, 0.0, self.ceiling), strict=True)):
            axis = int(np.flatnonzero(normal)[0])
            approach = -normal[axis] * direction[..., axis]
            reach = float(normal[axis] * position[axis]) + offset
            distance = np.where(approach > 1e-9, reach / np.where(approach > 1e-9, approach, 1.0), np.inf)
            closer = (reach > 0) & (distance < nearest)
            nearest, plane = np.where(closer, distance, nearest), np.where(closer, index, plane)
        return plane, position + nearest[..., None] * direction

    def _surface(self, plane: int, points: Values) -> tuple[Values, Values | float]:
        """Look up albedo and own light at (N, 3) points of a plane, in the room's axes."""
        x, y, z = points.T
        if plane == _FLOOR:
            return self.floor.colours(x, y), 0.0
        if plane == _CEILING:
            return np.broadcast_to(_CEILING_PAINT, points.shape), 0.0
        along = x if plane in (_AHEAD, _BEHIND) else y
        albedo = self.wall.colours(along, z)
        albedo[z < _SKIRTING_HEIGHT] = self.skirting
        emitted = np.zeros(points.shape)
        for decoration in self.decorations:
            if decoration.wall == plane:
                decoration.draw(along, z, albedo, emitted)
        return albedo, emitted

    def _openness(self, points: Values) -> Values:
        """Tell how open it is at (N, 3) points: less light reaches the edges where planes meet; (N,)."""
        x, y, z = points.T
        ahead, right, behind, left = self.walls
        gaps = np.stack([np.minimum(ahead - y, y + behind), np.minimum(right - x, x + left),
                         np.minimum(z, self.ceiling - z)])  # fmt: skip
        second = gaps.sum(axis=0) - gaps.min(axis=0) - gaps.max(axis=0)
        return 1 - 0.35 / (1 + np.maximum(second, 0.0) / 0.2) ** 2


def sample_room(rng: np.random.Generator) -> Room:
    """Draw a room.

    Args:
        rng: Where chance comes from.
    """
    walls = tuple(
        float(distance) for distance in (rng.uniform(1.3, 5.0), rng.uniform(1.8, 5.0), 14.0, rng.uniform(1.8, 5.0))
    )
    return Room(
        turn=float(rng.choice([0.0, 1.0], p=[0.35, 0.65]) * rng.uniform(-0.6, 0.6)),
        walls=walls,
        ceiling=float(rng.uniform(2.5, 3.6)),
        floor=_sample_floor(rng),
        wall=_sample_wall(rng),
        skirting=painted(rng, 0.2, 0.8, 0.1),
        decorations=tuple(_sample_decoration(rng, walls) for _ in range(rng.integers(2, 9))),
        blur=float(rng.uniform(0.4, 1.5)),
    )


def _sample_wall(rng: np.random.Generator) -> Surface:
    paint = painted(rng, 0.12, 0.85, float(rng.choice([0.05, 0.15, 0.5], p=[0.4, 0.35, 0.25])))
    texture = str(rng.choice(['plain', 'mottled', 'stripes', 'bricks', 'tiles'], p=[0.38, 0.22, 0.14, 0.16, 0.1]))
    period = {'stripes': (0.12, 0.5), 'bricks': (0.22, 0.4), 'tiles': (0.12, 0.35)}.get(texture, (0.3, 1.2))
    return Surface(paint, similar(rng, paint, 0.55, 1.35), texture, float(rng.uniform(*period)), any_seed(rng))


def _sample_floor(rng: np.random.Generator) -> Surface:
    texture = str(rng.choice(['planks', 'tiles', 'checks', 'mottled', 'stripes'], p=[0.4, 0.2, 0.1, 0.25, 0.05]))
    wood = similar(rng, (0.4, 0.24, 0.13), 0.4, 1.5)
    colour = wood if texture == 'planks' else painted(rng, 0.1, 0.6, rng.uniform(0, 0.3))
    period = {'planks': (0.1, 0.22), 'tiles': (0.25, 0.6), 'checks': (0.25, 0.5)}.get(texture, (0.3, 0.8))
    return Surface(colour, similar(rng, colour, 0.35, 0.8), texture, float(rng.uniform(*period)), any_seed(rng), 0.2)


def _sample_decoration(rng: np.random.Generator, walls: Sequence[float]) -> Decoration:
    kind = str(rng.choice(['window', 'picture', 'door', 'cupboard'], p=[0.25, 0.4, 0.15, 0.2]))
    wall = int(rng.choice([_AHEAD, _RIGHT, _LEFT], p=[0.6, 0.2, 0.2]))
    half = walls[_RIGHT] if wall == _AHEAD else walls[_AHEAD]
    # Least and greatest width, height of the lower edge, height.
    sizes = {
        'window': ((0.7, 1.8), (0.7, 1.1), (0.9, 1.5)),
        'picture': ((0.3, 1.2), (1.0, 1.5), (0.3, 0.9)),
        'door': ((0.75, 1.0), (0.0, 0.0), (1.95, 2.15)),
        'cupboard': ((0.6, 1.6), (0.0, 0.0), (0.7, 2.0)),
    }
    width, bottom, height = (float(rng.uniform(*limits)) for limits in sizes[kind])
    inside = {
        'window': painted(rng, 0.6, 1.4, 0.15),
        'picture': painted(rng, 0.15, 0.8, 0.6),
        'door': painted(rng, 0.1, 0.7, 0.25),
        'cupboard': painted(rng, 0.1, 0.7, 0.3),
    }
    bars = {'window': (int(rng.integers(0, 3)), int(rng.integers(0, 3))), 'cupboard': (1, int(rng.integers(0, 5)))}
    return Decoration(
        kind,
        wall,
        float(rng.uniform(-half, half - width * 0.5)),
        width,
        bottom,
        height,
        float(rng.uniform(0.02, 0.08)),
        painted(rng, 0.05, 0.85, 0.2),
        inside[kind],
        bars.get(kind, (0, 0)),
        any_seed(rng),
    )
