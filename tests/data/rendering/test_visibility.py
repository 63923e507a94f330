from dataclasses import replace

import numpy as np
import pytest

from posescope.data.rendering.body import COCO_JOINTS, Body, BodyModel
from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.outfits import Outfit, sample_outfit
from posescope.data.rendering.rasteriser import Camera, rasterise
from posescope.data.rendering.visibility import joint_occlusion
from posescope.data.rendering.wardrobe import dress

FACE = ('nose', 'left_eye', 'right_eye')
LIMBS = ('shoulder', 'hip', 'knee', 'ankle')


@pytest.fixture(scope='module')
def outfit() -> Outfit:
    """An ordinary one: short hair, a shirt, trousers and no jacket."""
    outfits = (sample_outfit(np.random.default_rng(seed), gender=0.0) for seed in range(200))
    return next(
        found
        for found in outfits
        if found.hair.style == 'cropped'
        and found.hat is None
        and [garment.name for garment in found.garments if garment.name not in ('socks', 'shoes')]
        == ['tight trousers', 'shirt']
    )


def view(degrees: float, width: int = 240, height: int = 320, focal: float = 350.0) -> Camera:
    """A camera 3 m away that sees the front at 0, the left side at 90 and the back at 180 degrees."""
    angle = np.radians(degrees)
    position = np.array([3 * np.sin(angle), -3 * np.cos(angle), 0.2])
    return Camera.looking_at(width, height, focal, position, np.array([0.0, 0.0, -0.06]))


def codes(meshes: list[Mesh], camera: Camera, body: Body, owner: int = 0) -> dict[str, int]:
    found = joint_occlusion(rasterise(meshes, camera), meshes, camera, body.joints, owner)
    return dict(zip(COCO_JOINTS, found.tolist(), strict=True))


def panel(x: tuple[float, float], z: tuple[float, float], y: float) -> Mesh:
    corners = np.array([[x[0], y, z[0]], [x[1], y, z[0]], [x[1], y, z[1]], [x[0], y, z[1]]])
    return Mesh.of_object(corners, np.array([[0, 1, 2], [0, 2, 3]]), Material((0.5, 0.5, 0.5)))


def test_from_the_front_everything_is_seen(body_model: BodyModel, outfit: Outfit) -> None:
    body = body_model.pose({}, {})
    assert set(codes([dress(body, outfit, body_model)], view(0), body).values()) == {0}


def test_from_behind_the_head_hides_the_face(body_model: BodyModel, outfit: Outfit) -> None:
    body = body_model.pose({}, {})
    found = codes([dress(body, outfit, body_model)], view(180), body)
    assert [found[name] for name in FACE] == [1, 1, 1]
    assert {found[f'{side}_{name}'] for side in ('left', 'right') for name in LIMBS} == {0}


@pytest.mark.parametrize(('degrees', 'near', 'far'), [(90, 'left', 'right'), (270, 'right', 'left')])
@pytest.mark.parametrize('weight', [0.1, 0.9])
def test_from_the_side_the_far_half_is_hidden(
    body_model: BodyModel, outfit: Outfit, degrees: float, near: str, far: str, weight: float
) -> None:
    arms_back = {f'upperarm01.{side}': np.array([-0.5, 0, 0]) for side in 'LR'}
    body = body_model.pose({'weight': weight}, arms_back)
    found = codes([dress(body, outfit, body_model)], view(degrees), body)
    assert {found[f'{near}_{name}'] for name in ('eye', 'ear', *LIMBS)} == {0}
    assert {found[f'{far}_{name}'] for name in ('eye', 'ear', *LIMBS)} == {1}


def test_a_wrist_behind_the_back_is_hidden_by_the_own_body(body_model: BodyModel, outfit: Outfit) -> None:
    behind = {'upperarm01.L': np.array([0.5, 0.5, 0.0]), 'lowerarm01.L': np.array([0.6, 0.8, -1.2])}
    body = body_model.pose({}, behind)
    wrist, hips = body.joints[9], body.joints[11:13]
    assert wrist[1] > hips[:, 1].max() + 0.1
    assert abs(wrist[0]) < 0.12
    found = codes([dress(body, outfit, body_model)], view(0), body)
    assert (found['left_wrist'], found['right_wrist'], found['left_shoulder']) == (1, 0, 0)


def test_what_stands_in_front_is_told_apart(body_model: BodyModel, outfit: Outfit) -> None:
    """A panel before the legs, and another person's chest before the left arm."""
    body = body_model.pose({}, {})
    person = dress(body, outfit, body_model)
    legs = panel((-0.5, 0.5), (-0.95, -0.25), -0.6)
    left_arm = panel((0.25, 0.6), (0.0, 0.4), -0.6)
    neighbour = replace(left_arm, part=np.full(2, 3, dtype=np.uint8))
    found = codes([legs, neighbour, person], view(0), body, owner=2)
    assert {found[f'{side}_{name}'] for side in ('left', 'right') for name in ('knee', 'ankle')} == {2}
    assert (found['left_elbow'], found['left_wrist']) == (3, 3)
    assert (found['right_elbow'], found['right_wrist'], found['left_shoulder'], found['nose']) == (0, 0, 0, 0)
    behind = [replace(mesh, vertices=mesh.vertices + np.array([0, 1.5, 0])) for mesh in (legs, neighbour)]
    assert set(codes([*behind, person], view(0), body, owner=2).values()) == {0}


def test_joints_outside_the_picture(body_model: BodyModel, outfit: Outfit) -> None:
    body = body_model.pose({}, {})
    meshes = [dress(body, outfit, body_model)]
    camera = view(0, width=140, height=110)
    found = codes(meshes, camera, body)
    inside = (np.abs(camera.project(body.joints)[:, :2] - camera.centre) <= [70, 55]).all(axis=1)
    assert 3 < inside.sum() < 14
    assert [code == 4 for code in found.values()] == (~inside).tolist()
    turned = Camera.looking_at(240, 320, 350.0, np.array([0, -3.0, 0]), np.array([0, -9.0, 0]))
    assert set(codes(meshes, turned, body).values()) == {4}
