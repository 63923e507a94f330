import sys

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from posescope.compat.anny_model import load_anny
from posescope.data.rendering.body import COCO_JOINTS, BodyModel
from posescope.errors import InputError

POSE = {'upperarm01.L': np.array([0.3, -0.7, 0.1]), 'lowerleg01.R': np.array([0.9, 0.0, 0.0])}
SHAPE = {'gender': 0.2, 'age': 0.8, 'weight': 0.7, 'height': 0.9, 'african': 0.9}


def test_left_is_left_and_front_is_front(body_model: BodyModel) -> None:
    joints = dict(zip(COCO_JOINTS, body_model.pose({}, {}).joints, strict=True))
    for name in ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'):
        left, right = joints[f'left_{name}'], joints[f'right_{name}']
        assert left[0] > 0 > right[0]
        assert left * [-1, 1, 1] == pytest.approx(right, abs=5e-4)
    assert joints['nose'][1] < joints['left_eye'][1] < joints['left_ear'][1] < 0
    heights = [joints[name][2] for name in ('nose', 'left_shoulder', 'left_hip', 'left_knee', 'left_ankle')]
    assert heights == sorted(heights, reverse=True)


def test_joints_are_those_of_annys_own_regressor(body_model: BodyModel) -> None:
    import anny

    body = body_model.pose(SHAPE, POSE)
    regressor = anny.KeypointsRegressor.coco(body_model._anny)
    everything = dict(
        zip(regressor.labels, regressor({'vertices': torch.from_numpy(body.vertices)[None]})[0], strict=True)
    )
    expected = torch.stack([everything[name] for name in COCO_JOINTS]).numpy()
    assert body.joints == pytest.approx(expected, abs=1e-5)


def test_root_rotation_turns_everything_rigidly(body_model: BodyModel) -> None:
    vector = np.array([0.4, -0.2, 1.1])
    before, after = body_model.pose(SHAPE, POSE), body_model.pose(SHAPE, {**POSE, 'root': vector})
    turned = Rotation.from_rotvec(vector).apply(before.vertices)
    shift = (after.vertices - turned).mean(axis=0)
    assert after.vertices == pytest.approx(turned + shift, abs=2e-5)


@pytest.mark.parametrize(('side', 'sign'), [('L', 1), ('R', -1)])
def test_turning_the_upper_arm_about_y_lifts_that_arm_alone(body_model: BodyModel, side: str, sign: int) -> None:
    """A turn about the backward axis by +90 degrees takes x to -z, so the left arm goes down and the right one up."""
    rest, turned = body_model.pose({}, {}), body_model.pose({}, {f'upperarm01.{side}': np.array([0.0, 0.6, 0.0])})
    own, other = (9, 10) if side == 'L' else (10, 9)
    assert sign * (turned.joints[own, 2] - rest.joints[own, 2]) < -0.1
    assert turned.joints[other] == pytest.approx(rest.joints[other], abs=1e-9)
    bone = [np.linalg.norm(body.joints[own] - body.joints[own - 2]) for body in (rest, turned)]
    assert bone[0] == pytest.approx(bone[1], abs=3e-3)


def test_phenotypes_change_the_body_as_their_names_say(body_model: BodyModel) -> None:
    def height(**phenotype: float) -> float:
        return float(np.ptp(body_model.pose(phenotype, {}).vertices[body_model.forms['body'].index, 2]))

    def waist(**phenotype: float) -> float:
        form, body = body_model.forms['body'], body_model.pose(phenotype, {})
        belt = form.index[(np.abs(form.leg + 0.5) < 0.1)]
        return float(np.ptp(body.vertices[belt, 0]))

    assert height(height=0.1) < height() < height(height=0.9)
    assert height(age=1 / 3) < 0.85 * height(age=2 / 3)
    assert waist(weight=0.0) < waist() < waist(weight=1.0)


def test_normals_point_outwards_and_have_length_one(body_model: BodyModel) -> None:
    body, form = body_model.pose(SHAPE, {}), body_model.forms['tights']
    normals = body.normals[form.index]
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    trunk = np.abs(form.leg + 0.6) < 0.3
    from_axis = body.vertices[form.index] - body.vertices[form.index][trunk].mean(axis=0)
    assert ((from_axis * normals)[trunk, :2].sum(axis=1) > 0).mean() > 0.97


def test_a_second_model_gives_the_same_bits_and_leaves_no_cache(body_model: BodyModel, tmp_path, monkeypatch) -> None:
    import anny.paths

    monkeypatch.setattr(anny.paths, '_ANNY_CACHE_DIR', [tmp_path])
    first, second = body_model.pose(SHAPE, POSE), BodyModel().pose(SHAPE, POSE)
    assert first.vertices.tobytes() == second.vertices.tobytes()
    assert first.joints.tobytes() == second.joints.tobytes()
    assert first.normals.tobytes() == second.normals.tobytes()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_model_data_are_those_that_anny_itself_loads(body_model: BodyModel, tmp_path, monkeypatch) -> None:
    import anny

    monkeypatch.setattr(anny.paths, '_ANNY_CACHE_DIR', [tmp_path])
    reference = anny.Anny(
        topology='anny-full', phenotypes='all', phenotype_blendshapes='original', skinning_method='lbs'
    ).to(torch.float64)
    ours = load_anny()
    pose = {bone: torch.from_numpy(_homogeneous(vector))[None] for bone, vector in POSE.items()}
    for shape in ({}, SHAPE, {'age': 1 / 3, 'proportions': 0.1, 'muscle': 1.0, 'asian': 1.0}):
        vertices = [
            model(pose_parameters=pose, phenotype_kwargs=shape)['vertices'].numpy() for model in (ours, reference)
        ]
        assert vertices[0] == pytest.approx(vertices[1], abs=1e-12)


def _homogeneous(vector: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(vector).as_matrix()
    return matrix


def test_unknown_names_are_answered_with_the_nearest(body_model: BodyModel) -> None:
    with pytest.raises(InputError, match=r"unknown bone 'upperarm.L'; nearest: upperarm0"):
        body_model.pose({}, {'upperarm.L': np.zeros(3)})
    with pytest.raises(InputError, match=r"unknown phenotype 'wieght'; nearest: weight"):
        body_model.pose({'wieght': 0.5}, {})
    with pytest.raises(InputError, match=r'is a baby; the least age is 0\.333'):
        body_model.pose({'age': 0.2}, {})


def test_missing_anny_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'anny', None)
    with pytest.raises(InputError) as error:
        BodyModel()
    assert str(error.value) == 'rendering needs anny: pip install "posescope[render]"'
