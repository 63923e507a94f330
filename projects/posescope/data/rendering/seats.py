"""Seats that are built to measure under people who sit."""

import numpy as np
from numpy.typing import NDArray

from posescope.data.body_parts import BODY_PARTS
from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.objects import Prop, bench, seat_with_back, stool
from posescope.data.rendering.solids import box

__all__ = ['seat_height', 'seat_mesh']

_LEGS = [BODY_PARTS[f'{side}_{part}'] for side in ('left', 'right') for part in ('lower_leg', 'foot')]
_SEATED = [BODY_PARTS[name] for name in ('torso', 'left_thigh', 'right_thigh', 'skirt')]
# Flesh and cushions give way.
_GIVES_WAY = 0.012
_HIPS = (11, 12)


def seat_height(person: Mesh, joints: NDArray[np.float64]) -> float:
    """Measure how high the seat is that a person sits on.

    Args:
        person: The person in the world.
        joints: (17, 3) in the world, metres.

    Returns:
        Metres above the ground.
    """
    return float(_seated(person, joints)[:, 2].min()) + _GIVES_WAY


def seat_mesh(prop: Prop, person: Mesh, joints: NDArray[np.float64], heading: float) -> Mesh | None:
    """Build a seat under a person.

    Args:
        prop: Kind, width and looks of the seat.
        person: The person in the world.
        joints: (17, 3) in the world, metres.
        heading: Which way the person faces in the world, degrees: 0 faces -y, 90 faces x.

    Returns:
        The mesh in the world; none if the person sits too low for it.
    """
    angle = np.radians(heading)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    middle = joints[list(_HIPS)].mean(axis=0) * np.array([1.0, 1.0, 0.0])
    own = person.transformed(turn.T, -(turn.T @ middle))
    height = seat_height(person, joints)
    if height < 0.12:
        return None
    buttocks = _seated(person, joints)
    back = float((turn.T @ (buttocks - middle).T)[1].max()) - 0.03
    calves = _vertices(own, _LEGS)
    calves = calves[(calves[:, 2] < height - 0.02) & (calves[:, 2] > 0.02)]
    behind_calves = float(calves[:, 1].max()) + 0.02 if len(calves) else -0.3
    front = min(max(behind_calves, -0.45), back - 0.16)
    hips = own.vertices[own.faces[np.isin(own.part, _SEATED)].ravel()]
    width = max(prop.size[0], 2 * float(np.abs(hips[:, 0]).max()) * 0.8)
    if prop.kind == 'chair':
        upper = own.vertices[own.faces[own.part == BODY_PARTS['torso']].ravel()]
        top = height + 0.42
        upper = upper[(upper[:, 2] > height) & (upper[:, 2] < top) & (np.abs(upper[:, 0]) < 0.2)]
        back = max(back, float(upper[:, 1].max()) + 0.01) if len(upper) else back
        sized = Prop(prop.kind, (width, back - front, top), prop.colour, prop.second, prop.finish, prop.seed)
        meshes = seat_with_back(sized, height, front, back)
    elif prop.kind == 'bench':
        sized = Prop(prop.kind, (3.0 * width, back - front, height), prop.colour, prop.second, prop.finish, prop.seed)
        meshes = _moved(bench(sized), (front + back) / 2)
    elif prop.kind == 'stool':
        sized = Prop(prop.kind, (width, back - front, height), prop.colour, prop.second, prop.finish, prop.seed)
        meshes = _moved(stool(sized), (front + back) / 2)
    else:
        size = (1.1 * width, back - front, height)
        meshes = [box(size, (0, (front + back) / 2, height / 2), prop.material())]
    return Mesh.merged(meshes).transformed(turn, np.round(middle, 5))


def _moved(meshes: list[Mesh], y: float) -> list[Mesh]:
    return [mesh.transformed(np.eye(3), np.array([0.0, y, 0.0])) for mesh in meshes]


def _vertices(mesh: Mesh, parts: list[int]) -> NDArray[np.float64]:
    return mesh.vertices[np.unique(mesh.faces[np.isin(mesh.part, parts)])]


def _seated(person: Mesh, joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pick the surface around the hips, (N, 3): what is within 25 cm of their middle."""
    middle = joints[list(_HIPS)].mean(axis=0)
    vertices = _vertices(person, _SEATED)
    near = ((vertices[:, :2] - middle[:2]) ** 2).sum(axis=1) < 0.22**2
    return vertices[near & (vertices[:, 2] < middle[2])]
