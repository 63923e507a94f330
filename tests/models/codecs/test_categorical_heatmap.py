"""The codec of categorical heatmaps, against COCO's similarity and a search on a fine grid."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from posescope.errors import InputError
from posescope.evaluation.oks import ks
from posescope.models.codecs.categorical_heatmap import COCO_SIGMAS, CategoricalHeatmap

INPUT, CELLS = (96, 128), (24, 32)


def build(**changes):
    return KEYPOINT_CODECS.build(
        {'type': 'CategoricalHeatmap', 'input_size': INPUT, 'heatmap_size': CELLS, 'person_size': 43.0, **changes}
    )


def expected_similarity(maps, places, sigmas, size):
    """E[KS] of each joint's map (H, W) at its place (x, y) in input pixels, cell by cell."""
    _, height, width = maps.shape
    stride = INPUT[0] / width
    rows, columns = np.mgrid[:height, :width]
    centers = np.stack([(columns + 0.5) * stride - 0.5, (rows + 0.5) * stride - 0.5, np.full_like(rows, 2)], -1)
    found = []
    for probabilities, place, sigma in zip(maps, places, sigmas, strict=True):
        similarity = ks(np.broadcast_to(place, (height * width, 1, 2)), centers.reshape(-1, 1, 3), size**2, [sigma])
        found.append((similarity[:, 0] * probabilities.ravel()).sum())
    return np.array(found)


def test_default_sigmas_are_cocos():
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    metainfo = parse_pose_metainfo({'from_file': 'configs/_base_/datasets/coco.py'})
    assert np.allclose(COCO_SIGMAS, metainfo['sigmas'])


def test_labels_keep_cocos_similarity():
    """exp(-d² / (2 s²)) in cells of a crop is the similarity in pixels of the picture."""
    codec, rng = build(), np.random.default_rng(0)
    crop, area = np.array([[150.0, 200.0]]), np.array([7000.0])
    truth = rng.uniform(20, 76, (1, 17, 2))
    moved = truth + rng.normal(0, 3, truth.shape)
    labels = codec.encode(truth, np.ones((1, 17)), area=area, bbox_scale=crop)
    other = codec.encode(moved, np.ones((1, 17)), area=area, bbox_scale=crop)
    squared = ((labels['keypoint_labels'] - other['keypoint_labels']) ** 2).sum(-1)
    similarity = np.exp(-squared / (2 * labels['keypoint_scales'] ** 2))
    pixels = crop[0, 0] / INPUT[0]
    truths = np.concatenate([truth[0] * pixels, np.full((17, 1), 2)], -1)
    assert np.allclose(similarity[0], ks(moved[0] * pixels, truths, area[0], COCO_SIGMAS), atol=1e-5)


def test_unlabelled_joints_and_joints_outside_weigh_nothing():
    codec = build()
    keypoints = np.full((1, 17, 2), 50.0)
    keypoints[0, 1], keypoints[0, 2], keypoints[0, 3], keypoints[0, 4] = (-0.6, 5), (95.6, 5), (5, 127.6), (-0.4, 127.4)
    visible = np.ones((1, 17))
    visible[0, 0] = 0
    weights = codec.encode(keypoints, visible)['keypoint_weights']
    assert weights[0, :5].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize('cell', [(0, 0), (23, 31), (7, 12)])
def test_a_certain_map_gives_the_centre_of_its_cell(cell):
    maps = np.zeros((17, 32, 24), np.float32)
    maps[:, cell[1], cell[0]] = 1
    keypoints, scores = build().decode(maps)
    assert np.allclose(keypoints, (np.array(cell) + 0.5) * 4 - 0.5, atol=1e-4)
    assert np.allclose(scores, 1, atol=1e-5)


def test_decodes_to_where_most_similarity_is_expected():
    """Maps with two or three bumps of any width, against a search on a grid of a twentieth of a cell."""
    rng, codec = np.random.default_rng(1), build()
    rows, columns = np.mgrid[:32, :24]
    maps = np.zeros((17, 32, 24))
    for joint in range(17):
        for _ in range(rng.integers(2, 4)):
            x, y, width = rng.uniform(1, 23), rng.uniform(1, 31), rng.uniform(0.4, 2.5)
            maps[joint] += rng.random() * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2)) / width**2
    maps /= maps.sum((1, 2), keepdims=True)
    keypoints, scores = codec.decode(maps.astype(np.float32))
    assert np.allclose(scores[0], expected_similarity(maps, keypoints[0], COCO_SIGMAS, 43.0), atol=1e-4)
    fine_x, fine_y = np.arange(0, 23.01, 0.05), np.arange(0, 31.01, 0.05)
    for joint, sigma in enumerate(COCO_SIGMAS):
        scale = 2 * sigma * 43.0 / 4
        across = np.exp(-((fine_x[:, None] - np.arange(24)) ** 2) / (2 * scale**2))
        down = np.exp(-((fine_y[:, None] - np.arange(32)) ** 2) / (2 * scale**2))
        best = (down @ maps[joint] @ across.T).max()
        assert scores[0, joint] > best - 2e-3, f'joint {joint}: {scores[0, joint]} where {best} is possible'


def test_a_batch_is_decoded_as_its_people_are():
    codec = build()
    maps = torch.randn(3, 17, 32, 24, generator=torch.Generator().manual_seed(0)).flatten(2).softmax(-1)
    maps = maps.view(3, 17, 32, 24)
    keypoints, scores = codec.batch_decode(maps)
    for person, keypoint, score in zip(maps, keypoints, scores, strict=True):
        alone = codec.decode(person.numpy())
        assert np.allclose(keypoint, alone[0], atol=1e-3)
        assert np.allclose(score, alone[1], atol=1e-5)


def test_one_person_at_a_time():
    with pytest.raises(ValueError, match='one person at a time, not 2'):
        build().encode(np.zeros((2, 17, 2)))


def test_a_person_whose_area_nobody_measured_has_the_typical_size():
    codec = CategoricalHeatmap((96, 128), (24, 32), person_size=40.0)
    joints = np.full((1, 17, 2), 50.0, np.float32)
    scale = np.array([[96.0, 128.0]])
    unknown, none = codec.encode(joints, area=np.array([0.0]), bbox_scale=scale), codec.encode(joints)
    np.testing.assert_array_equal(unknown['keypoint_scales'], none['keypoint_scales'])


def test_another_number_of_joints_is_refused():
    codec = CategoricalHeatmap((96, 128), (24, 32), person_size=40.0)
    with pytest.raises(InputError, match='CategoricalHeatmap has sigmas of 17 joints, and there are 21'):
        codec.encode(np.full((1, 21, 2), 50.0, np.float32))
    with pytest.raises(InputError, match='there are 16'):
        codec.decode(np.full((16, 32, 24), 1 / 768, np.float32))


def test_decodes_alike_while_something_trains_in_reduced_precision():
    codec = build(sigmas=[0.05, 0.07])
    maps = torch.rand(2, 2, CELLS[0] * CELLS[1], generator=torch.Generator().manual_seed(0))
    maps = (8 * maps).softmax(-1).view(2, 2, *CELLS[::-1])
    expected = codec.batch_decode(maps)
    with torch.autocast('cpu', torch.bfloat16):
        found = codec.batch_decode(maps)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
