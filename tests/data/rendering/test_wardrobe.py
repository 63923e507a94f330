import hashlib
from dataclasses import replace

import numpy as np
import pytest

from posescope.data.body_parts import BODY_PARTS
from posescope.data.rendering.body import Body, BodyModel
from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.outfits import Outfit, sample_outfit
from posescope.data.rendering.rasteriser import Camera, rasterise
from posescope.data.rendering.wardrobe import dress

POSES = {
    'standing': {},
    'sitting': {f'upperleg01.{side}': np.array([-1.5, 0, 0]) for side in 'LR'}
    | {f'lowerleg01.{side}': np.array([1.5, 0, 0]) for side in 'LR'},
    'arms up': {f'upperarm01.{side}': np.array([0, -sign * 2.0, 0]) for side, sign in (('L', 1), ('R', -1))},
    'bending': {f'spine0{index}': np.array([0.3, 0, 0]) for index in range(1, 6)},
}


def outfit(seed: int, gender: float = 0.5) -> Outfit:
    return sample_outfit(np.random.default_rng(seed), gender)


def looking(degrees: float) -> Camera:
    angle = np.radians(degrees)
    position = np.array([3 * np.sin(angle), -3 * np.cos(angle), 0.3])
    return Camera.looking_at(160, 200, 200.0, position, np.array([0.0, 0.0, -0.06]))


def material_names(mesh: Mesh) -> np.ndarray:
    """The name of each face's material, (F,)."""
    return np.array([material.name for material in mesh.materials])[mesh.material]


def bare_samples(body: Body, mesh: Mesh, degrees: float) -> int:
    """Count samples that show skin between the collar bones and the upper third of the thighs."""
    fragments = rasterise([mesh], looking(degrees))
    face = fragments.face[fragments.mesh == 0]
    weights = fragments.barycentric[fragments.mesh == 0][..., None]
    texture = (mesh.texture[mesh.faces[face]] * weights).sum(axis=1)
    trunk = np.isin(mesh.part[face], [BODY_PARTS[name] for name in ('torso', 'left_thigh', 'right_thigh')])
    return int(
        ((material_names(mesh)[face] == 'skin') & trunk & (texture[:, 2] < 0.39) & (texture[:, 2] > -0.13)).sum()
    )


@pytest.mark.parametrize('pose', POSES)
def test_nobody_is_ever_bare(body_model: BodyModel, pose: str) -> None:
    for seed in range(6):
        shape = {'weight': seed / 5, 'gender': seed % 2, 'age': 1 / 3 + seed / 8}
        body = body_model.pose(shape, POSES[pose])
        mesh = dress(body, outfit(100 * len(pose) + seed), body_model)
        assert sum(bare_samples(body, mesh, degrees) for degrees in (0, 90, 180)) == 0


def test_bare_skin_would_be_noticed(body_model: BodyModel) -> None:
    """Without its garments, the same count is large: the test above can fail."""
    body = body_model.pose({}, {})
    mesh = dress(body, replace(outfit(1), garments=()), body_model)
    assert bare_samples(body, mesh, 0) > 1000


@pytest.mark.parametrize('seed', range(8))
def test_every_face_belongs_to_a_part_on_its_own_side(body_model: BodyModel, seed: int) -> None:
    body = body_model.pose({}, {})
    mesh = dress(body, outfit(seed), body_model)
    assert set(np.unique(mesh.part)) <= set(BODY_PARTS.values())
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    for part in ('upper_arm', 'forearm', 'hand', 'thigh', 'lower_leg', 'foot'):
        left, right = (centres[mesh.part == BODY_PARTS[f'{side}_{part}'], 0] for side in ('left', 'right'))
        if part in ('hand', 'foot', 'forearm'):
            assert left.min() > 0 > right.max()
        assert left.mean() == pytest.approx(-right.mean(), abs=0.01)
    assert centres[mesh.part == BODY_PARTS['head'], 2].min() > centres[mesh.part == BODY_PARTS['left_foot'], 2].max()
    assert np.isfinite(mesh.vertices).all()
    assert mesh.faces.max() < len(mesh.vertices) == len(mesh.normals) == len(mesh.texture)


def test_parts_lie_around_their_joints(body_model: BodyModel) -> None:
    """In any pose the surface of a forearm lies between elbow and wrist, that of a lower leg between knee and ankle."""
    body = body_model.pose({}, POSES['sitting'] | POSES['arms up'])
    mesh = dress(body, outfit(3), body_model)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    for part, start, end in (('left_forearm', 7, 9), ('right_forearm', 8, 10), ('right_lower_leg', 14, 16)):
        bone = body.joints[end] - body.joints[start]
        along = (centres[mesh.part == BODY_PARTS[part]] - body.joints[start]) @ bone / (bone @ bone)
        assert -0.45 < along.min() < 0.1
        assert 0.8 < along.max() < 1.35
        assert 0.3 < np.median(along) < 0.7


def test_the_face_has_eyes_and_brows(body_model: BodyModel) -> None:
    body = body_model.pose({}, {})
    bare_head = replace(
        outfit(0), hair=replace(outfit(0).hair, style='bald'), hat=None, skin=(0.6, 0.4, 0.3), beard=0.0
    )
    mesh = dress(body, bare_head, body_model)
    eye = body.joints[1]
    camera = Camera.looking_at(120, 120, 1200.0, np.array([0.0, -2.0, eye[2]]), np.array([0.0, 0.0, eye[2]]))
    fragments = rasterise([mesh], camera)
    seen = fragments.mesh == 0
    names = np.where(seen, material_names(mesh)[fragments.face], '')
    x, y = camera.project(body.joints[1:3])[:, :2].T
    for column, row in zip(x, y, strict=True):
        patch = names[int(2 * row) - 10 : int(2 * row) + 10, int(2 * column) - 10 : int(2 * column) + 10]
        assert (patch == 'eye').mean() > 0.15
    skin = mesh.materials[0]
    places = np.array([[0.031, -0.12, 0.669], [0.031, -0.12, 0.69], [0.0, -0.13, 0.572]])
    brow, forehead, lips = skin.pattern.colours(places, np.array(skin.albedo))
    assert brow.sum() < 0.4 * forehead.sum()
    assert lips[1] / lips[0] < 0.8 * forehead[1] / forehead[0]


def test_hair_and_hats(body_model: BodyModel) -> None:
    body, plain = body_model.pose({}, {}), outfit(0)
    counts = {}
    for style in ('bald', 'cropped', 'short', 'long', 'bun', 'ponytail'):
        mesh = dress(body, replace(plain, hair=replace(plain.hair, style=style, fringe=False), hat=None), body_model)
        hair = mesh.vertices[mesh.faces[mesh.part == BODY_PARTS['hair']]].reshape(-1, 3)
        counts[style] = len(hair)
        if len(hair):
            assert hair[:, 2].max() > body.joints[1, 2] + 0.08
    assert counts['bald'] == 0
    assert min(counts['long'], counts['bun'], counts['ponytail']) > counts['cropped'] > 0
    hat = next(found for found in map(outfit, range(100)) if found.hat is not None and found.hat.brim)
    worn = dress(body, hat, body_model)
    headwear = worn.vertices[worn.faces[worn.part == BODY_PARTS['headwear']]].reshape(-1, 3)
    assert headwear[:, 1].min() < body.joints[0, 1] - 0.02
    assert headwear[:, 2].min() > body.joints[1, 2]


def test_the_same_seed_gives_the_same_bits(body_model: BodyModel) -> None:
    def digest(seed: int) -> str:
        mesh = dress(body_model.pose({'weight': 0.7}, POSES['bending']), outfit(seed), body_model)
        arrays = (mesh.vertices, mesh.faces, mesh.normals, mesh.part, mesh.material, mesh.texture)
        return hashlib.sha256(b''.join(array.tobytes() for array in arrays)).hexdigest()

    assert digest(5) == digest(5) != digest(6)
    assert outfit(5) == outfit(5) != outfit(6)
    assert hash(outfit(5)) == hash(outfit(5))


def test_outfits_vary() -> None:
    outfits = [outfit(seed, seed % 2) for seed in range(300)]
    garments = [garment for found in outfits for garment in found.garments]
    assert {garment.name for garment in garments} == {
        'shirt', 'long sleeves', 'sleeveless', 'pullover', 'jacket', 'trousers', 'tight trousers', 'shorts', 'skirt',
        'shorts under the skirt', 'shoes', 'socks',
    }  # fmt: skip
    patterns = {type(garment.cloth.pattern).__name__ for garment in garments}
    assert patterns == {'NoneType', 'Stripes', 'Checks', 'Dots', 'Mottle', 'Halves', 'Print'}
    assert {found.hair.style for found in outfits} == {'bald', 'cropped', 'short', 'long', 'bun', 'ponytail'}
    brightness = np.array([sum(found.skin) for found in outfits])
    assert brightness.min() < 0.15
    assert brightness.max() > 1.5
    assert len({found.skin for found in outfits}) == 300
    assert all(0 <= channel <= 0.9 for found in outfits for channel in (*found.skin, *found.hair.colour))
    women = [found for index, found in enumerate(outfits) if index % 2]
    assert all(found.beard == 0 for found in women)
