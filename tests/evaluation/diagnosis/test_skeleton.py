"""Which joints there are, and which of them are left and right of each other."""

from pathlib import Path

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import (
    find_skeleton,
    named_skeleton,
    skeleton_of_config,
    skeleton_of_dataset,
    skeleton_of_file,
)

PATH = Path('annotations.json')


@pytest.mark.parametrize(
    'names',
    [
        ['nose', 'left_eye', 'right_eye'],
        ['Nose', 'Left Eye', 'Right Eye'],
        ['nose', 'eye-left', 'eye-right'],
        ['nose', 'lefteye', 'righteye'],
        ['nose', 'leftEye', 'rightEye'],
        ['NOSE', 'LEFT_EYE', 'RIGHT_EYE'],
        ['NOSE', 'LEFTEye', 'RIGHTEye'],
        ['Nose', 'EyeLeft', 'EyeRight'],
        ['nose', 'L_Eye', 'R_Eye'],
        ['nose', 'eye_l', 'eye_r'],
        ['nose', 'eye.L.001', 'eye.R.001'],
        ['Nose', 'LEye', 'REye'],
        ['Nose', 'EyeL', 'EyeR'],
        ['nose', 'leye', 'reye'],
        ['Nose', 'Leye', 'Reye'],
        ['nose', 'left_eye', 'RightEye'],
    ],
)
def test_sides_are_told_by_names(names: list[str]) -> None:
    found = named_skeleton(names, [0.1, 0.2, 0.2])
    assert found.flip_indices.tolist() == [0, 2, 1]
    assert found.has_sides
    assert found.joints == tuple(names)


@pytest.mark.parametrize(
    ('names', 'flip'),
    [
        (['lip', 'lower_lip', 'root', 'upright', 'bright_spot'], [0, 1, 2, 3, 4]),
        (['left_eye', 'nose', 'right_ear'], [0, 1, 2]),  # without a counterpart
        (['left', 'right', 'L', 'R'], [1, 0, 3, 2]),
        (['F_L_Paw', 'F_R_Paw', 'R_L_Paw', 'R_R_Paw'], [1, 0, 3, 2]),  # R: rear and right
    ],
)
def test_what_is_no_side(names: list[str], flip: list[int]) -> None:
    found = named_skeleton(names, [0.1] * len(names))
    assert found.flip_indices.tolist() == flip
    assert (found.flip_indices[found.flip_indices] == np.arange(len(names))).all()
    assert found.has_sides == (flip != sorted(flip))


def test_coco_is_known_however_it_is_written() -> None:
    coco = skeleton_of_file('coco')
    names = [''.join(word.title() for word in joint.split('_')) for joint in coco.joints]
    found = find_skeleton(PATH, names)
    assert found.joints == coco.joints
    assert found.flip_indices.tolist() == coco.flip_indices.tolist()
    assert find_skeleton(PATH, names, sigmas=[0.5] * 17).sigmas.tolist() == [0.5] * 17


def test_a_metainfo_or_a_config_has_to_fit_the_names(tmp_path: Path) -> None:
    coco = skeleton_of_file('coco')
    config = tmp_path / 'config.py'
    config.write_text("test_dataloader = dict(dataset=dict(type='CocoDataset'))\n")
    for options in ({'metainfo': 'coco'}, {'config': str(config)}):
        for names in (None, list(coco.joints)):
            found = find_skeleton(PATH, names, **options)
            assert found.sigmas.tolist() == coco.sigmas.tolist()
        with pytest.raises(InputError, match='in another order'):
            find_skeleton(PATH, list(coco.joints[::-1]), **options)
    with pytest.raises(InputError, match='give one of them'):
        find_skeleton(PATH, None, metainfo='coco', config=str(config))
    config.write_text('test_dataloader = None\n')
    with pytest.raises(InputError, match=r'no test_dataloader\.dataset'):
        find_skeleton(PATH, None, config=str(config))


@pytest.mark.parametrize(
    ('config', 'metainfo'),
    [
        ('body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb256-420e_body8-256x192.py', 'coco'),
        ('hand_2d_keypoint/rtmpose/hand5/rtmpose-m_8xb256-210e_hand5-256x256.py', 'coco_wholebody_hand'),
    ],
)
def test_several_data_sets_in_one_have_the_skeleton_of_all(tmp_path: Path, config: str, metainfo: str) -> None:
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = 'mmpose::{config}'\n")
    found, expected = skeleton_of_config(str(path)), skeleton_of_file(metainfo)
    assert found.joints == expected.joints
    assert found.flip_indices.tolist() == expected.flip_indices.tolist()


def test_wrappers_are_entered_and_others_refused(tmp_path: Path) -> None:
    inner = {'type': 'CrowdPoseDataset'}
    for dataset in (
        {'type': 'RepeatDataset', 'times': 2, 'dataset': inner},
        {'type': 'CombinedDataset', 'metainfo': {'from_file': 'configs/_base_/datasets/crowdpose.py'}, 'datasets': []},
    ):
        assert skeleton_of_dataset(dataset).joints == skeleton_of_file('crowdpose').joints
    with pytest.raises(InputError, match=r"^test_dataloader\.dataset of type 'ImageNet' is no COCO-style data set"):
        skeleton_of_dataset({'type': 'ImageNet'})
    config = tmp_path / 'config.py'
    config.write_text("test_dataloader = dict(dataset=dict(type='ImageNet'))\n")
    with pytest.raises(InputError, match=r'^config .*config\.py: test_dataloader\.dataset of type'):
        skeleton_of_config(str(config))
