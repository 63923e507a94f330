"""Puts people, their seats and the camera into the world."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.data.rendering.body import BodyModel
from posescope.data.rendering.heading import ray_azimuth, torso_heading, torso_place
from posescope.data.rendering.mesh import Mesh, rotate
from posescope.data.rendering.objects import prop_mesh
from posescope.data.rendering.plan import PersonPlan, ScenePlan
from posescope.data.rendering.rasteriser import Camera
from posescope.data.rendering.seats import seat_mesh
from posescope.data.rendering.views import place_camera
from posescope.data.rendering.wardrobe import dress

__all__ = ['Placed', 'place_furnishings', 'place_people']

_APART = 0.1
"""Least distance between people, metres."""
_STEP, _STEPS = 0.12, 16
_USUAL_DISTANCE = 3.5
_LEAST_FROM_CAMERA = 0.5
_EXACT = 0.01  # degrees


@dataclass(frozen=True)
class Placed:
    """A person in the world.

    Attributes:
        mesh: The dressed body.
        joints: (17, 3) metres.
        heading: Degrees relative to the ray from the camera.
    """

    mesh: Mesh
    joints: NDArray[np.float64]
    heading: float

    def moved(self, shift: NDArray[np.float64]) -> 'Placed':
        """Move the person without turning."""
        return Placed(self.mesh.transformed(np.eye(3), shift), self.joints + shift, self.heading)

    def turned(self, degrees: float) -> 'Placed':
        """Turn the person about the vertical through the torso."""
        turn = _about_vertical(degrees)
        pivot = torso_place(self.joints) * np.array([1.0, 1.0, 0.0])
        there = pivot - rotate(pivot[None], turn)[0]
        return Placed(self.mesh.transformed(turn, there), rotate(self.joints, turn) + there, self.heading)


def place_people(plan: ScenePlan, body_model: BodyModel) -> tuple[list[Placed], Camera, list[Mesh]] | None:
    """Pose, dress and place everyone, and place the camera.

    Args:
        plan: What is planned.
        body_model: Bodies.

    Returns:
        The people, the camera, and the meshes of what they sit on; none if there is no room for someone.
    """
    guess = np.array([0.0, -_USUAL_DISTANCE, plan.view.camera_height])
    people: list[Placed] = []
    for person in plan.people:
        standing = _stand(person, body_model, guess)
        if people:
            apart = _kept_apart(standing, people)
            if apart is None:
                return None
            standing = apart
        people.append(standing)
    framed = people if len(people) > 1 and plan.view.cut == 'none' else people[:1]
    camera = place_camera(plan.view, np.concatenate([_outline(person.mesh) for person in framed]))
    people = [_facing(person, camera) for person in people]
    if any(float(camera.to_camera(person.mesh.vertices)[:, 2].min()) < _LEAST_FROM_CAMERA for person in people):
        return None
    if any(_gap(a, b) < _APART / 2 for i, a in enumerate(people) for b in people[:i]):
        return None
    seats = []
    for planned, placed in zip(plan.people, people, strict=True):
        if planned.seat is not None:
            seat = seat_mesh(planned.seat, placed.mesh, placed.joints, torso_heading(placed.joints))
            seats += [seat] if seat is not None else []
    return people, camera, seats


def _used(mesh: Mesh) -> NDArray[np.int64]:
    return np.unique(mesh.faces)


def _outline(mesh: Mesh) -> NDArray[np.float64]:
    """Thin out the vertices of a mesh, keeping those that are farthest in 26 directions; (N, 3)."""
    vertices = mesh.vertices[_used(mesh)]
    directions = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z])
    reach = rotate(vertices, directions)
    return np.concatenate([vertices[::29], vertices[np.argmax(reach, axis=0)]])


def _stand(person: PersonPlan, body_model: BodyModel, camera_position: NDArray[np.float64]) -> Placed:
    """Pose and dress a body, put it on the ground and turn it to its heading as seen from the camera."""
    body = body_model.pose(person.phenotype, person.pose.rotations)
    tilt = np.round(person.pose.root, 9)
    place = np.array([*person.place, 0.0])
    wanted = person.heading - ray_azimuth(camera_position, place)
    turn = _about_vertical(wanted - torso_heading(rotate(body.joints, tilt)))
    whole = np.round(rotate(tilt.T, turn).T, 12)
    mesh = dress(body, person.outfit, body_model)
    joints = rotate(body.joints, whole)
    shift = place - torso_place(joints)
    shift[2] = -float(rotate(mesh.vertices[_used(mesh)], whole)[:, 2].min())
    shift = np.round(shift, 5)
    return Placed(mesh.transformed(whole, shift), joints + shift, person.heading)


def _facing(person: Placed, camera: Camera) -> Placed:
    """Turn a person by the little that the camera stands elsewhere than was assumed."""
    found = torso_heading(person.joints) + ray_azimuth(camera.position, torso_place(person.joints))
    off = (person.heading - found + 180.0) % 360.0 - 180.0
    return person.turned(off) if abs(off) > _EXACT else person


def _about_vertical(degrees: float) -> NDArray[np.float64]:
    c, s = np.round(np.cos(np.radians(degrees)), 12), np.round(np.sin(np.radians(degrees)), 12)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _gap(first: Placed, second: Placed) -> float:
    """Measure the least distance between the surfaces of two people, roughly."""
    a, b = (person.mesh.vertices[_used(person.mesh)][::23] for person in (first, second))
    squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return float(np.sqrt(squares.min()))


def _kept_apart(person: Placed, others: list[Placed]) -> Placed | None:
    """Move a person away from the main one until nobody is touched; none if that takes too far."""
    away = torso_place(person.joints)[:2] - torso_place(others[0].joints)[:2]
    away = away / max(float(np.sqrt((away * away).sum())), 1e-6)
    step = np.round(np.array([_STEP * away[0], _STEP * away[1], 0.0]), 5)
    for _ in range(_STEPS):
        if min(_gap(person, other) for other in others) >= _APART:
            return person
        person = person.moved(step)
    return None


def place_furnishings(plan: ScenePlan, people: list[Mesh], camera: Camera) -> list[Mesh]:
    """Build what stands around, leaving out what would touch or hide people.

    Args:
        plan: What is planned.
        people: Everyone.
        camera: Where they are seen from.

    Returns:
        Meshes in the world.
    """
    meshes = []
    for prop, x, y, turn in plan.furnishings:
        mesh = prop_mesh(prop).transformed(_about_vertical(turn), np.array([x, y, 0.0]))
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        clear = all(
            (person.vertices[:, 1].max() + 0.1 < low[1])
            or (person.vertices[:, 0].max() + 0.1 < low[0] and low[1] > person.vertices[:, 1].min())
            or (person.vertices[:, 0].min() - 0.1 > high[0] and low[1] > person.vertices[:, 1].min())
            for person in people
        )
        if clear and low[1] > camera.position[1] + 1.0:
            meshes.append(mesh)
    return meshes
