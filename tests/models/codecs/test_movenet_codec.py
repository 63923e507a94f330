import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

from posescope.models.codecs import MoveNetCodec

SIZES = {'input_size': (192, 128), 'heatmap_size': (48, 32)}


def fields(places: np.ndarray, height: int, width: int) -> np.ndarray:
    """The displacement from every cell to each place (K, 2) in cells, as (2K, H, W) with y before x."""
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing='ij'))
    return (places[:, ::-1, None, None] - grid[None]).reshape(-1, height, width).astype(np.float32)


def full_maps(encoded: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    _, height, width = encoded['heatmaps'].shape
    field = fields(encoded['keypoint_labels'][0], height, width)
    return encoded['heatmaps'], encoded['center_heatmaps'], field, field


@pytest.mark.parametrize('mode', ['center_guided', 'argmax'])
def test_round_trip_is_exact(mode: str) -> None:
    codec = MoveNetCodec(**SIZES, decode_mode=mode)
    keypoints = np.random.default_rng(0).uniform(0, 1, (20, 1, 17, 2)) * [191.9, 127.9]
    for person in keypoints.astype(np.float32):
        decoded, scores = codec.decode(full_maps(codec.encode(person)))
        assert decoded.shape == (1, 17, 2)
        assert scores.shape == (1, 17)
        np.testing.assert_allclose(decoded, person, atol=1e-3)


def test_targets_in_closed_form() -> None:
    codec = MoveNetCodec(**SIZES, sigma=2)
    keypoints = np.array([[[41.0, 22.0], [101.0, 62.0], [-3.0, 10.0], [80.0, 80.0]]], np.float32)
    encoded = codec.encode(keypoints, np.array([[2.0, 1, 1, 0]], np.float32)[:, :4].clip(max=1))
    np.testing.assert_allclose(encoded['keypoint_labels'], keypoints / 4)
    np.testing.assert_array_equal(encoded['keypoint_weights'], [[1, 1, 0, 0]])  # outside; not labelled
    heatmap = encoded['heatmaps'][0]
    assert heatmap[5, 10] == 1  # floor of (10.25, 5.5)
    np.testing.assert_allclose(heatmap[6, 12], np.exp(-(1 + 4) / (2 * 2**2)), rtol=1e-6)
    # The centre is the mean of the labelled joints, the one outside included.
    np.testing.assert_allclose(encoded['center_labels'], [[[(41 + 101 - 3) / 12, (22 + 62 + 10) / 12]]], rtol=1e-6)
    assert encoded['center_heatmaps'][0, 7, 11] == 1
    assert encoded['center_weights'].tolist() == [[1]]
    assert encoded['center_heatmaps'].dtype == encoded['heatmaps'].dtype == np.float32


def test_person_without_labels_counts_nowhere() -> None:
    encoded = MoveNetCodec(**SIZES).encode(np.zeros((1, 17, 2), np.float32), np.zeros((1, 17), np.float32))
    assert not encoded['keypoint_weights'].any()
    assert not encoded['center_weights'].any()
    assert np.isfinite(encoded['center_labels']).all()


def two_people() -> tuple[torch.Tensor, ...]:
    """Maps with a person in the middle, heat 0.6, and a stronger one at the border, heat 0.9; one joint, 48 x 48."""
    heatmap, center = torch.zeros(1, 1, 48, 48), torch.zeros(1, 1, 48, 48)
    heatmap[0, 0, 18, 22], heatmap[0, 0, 10, 44] = 0.6, 0.9
    center[0, 0, 25, 23], center[0, 0, 26, 43] = 0.5, 0.8
    regress = torch.zeros(1, 2, 48, 48)
    regress[0, :, 25, 23] = torch.tensor([-7.0, -1.0])
    regress[0, :, 26, 43] = torch.tensor([-16.0, 1.0])
    offset = torch.zeros(1, 2, 48, 48)
    offset[0, :, 18, 22], offset[0, :, 10, 44] = torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5])
    return heatmap, center, regress, offset


def test_center_guided_decoding_takes_the_person_in_the_middle() -> None:
    maps = two_people()
    sizes = {'input_size': (192, 192), 'heatmap_size': (48, 48)}
    (guided,), (score,) = MoveNetCodec(**sizes).batch_decode(*maps)
    np.testing.assert_allclose(guided, [[[4 * 22.75, 4 * 18.25]]])
    np.testing.assert_allclose(score, [[0.6]])
    (plain,), (score,) = MoveNetCodec(**sizes, decode_mode='argmax').batch_decode(*maps)
    np.testing.assert_allclose(plain, [[[4 * 44.5, 4 * 10.5]]])
    np.testing.assert_allclose(score, [[0.9]])


def test_guided_heatmap_in_closed_form() -> None:
    heatmap, center, regress, _ = two_people()
    codec = MoveNetCodec((192, 192), (48, 48))
    guided = codec.guided_heatmap(heatmap, center, regress)
    np.testing.assert_allclose(guided[0, 0, 18, 22], 0.6 / 1.8)  # where the centre expects it
    np.testing.assert_allclose(guided[0, 0, 10, 44], 0.9 / (np.hypot(8, 22) + 1.8), rtol=1e-6)


def test_decoding_takes_batches_and_reduced_precision() -> None:
    codec = MoveNetCodec(**SIZES)
    maps = [full_maps(codec.encode(np.full((1, 17, 2), value, np.float32))) for value in (30.0, 90.0)]
    batch = [torch.from_numpy(np.stack(parts)).bfloat16() for parts in zip(*maps, strict=True)]
    keypoints, scores = codec.batch_decode(*batch)
    assert [part.dtype for part in (*keypoints, *scores)] == [np.float32] * 4
    np.testing.assert_allclose(keypoints[0], 30, atol=0.5)
    np.testing.assert_allclose(keypoints[1], 90, atol=0.5)


def test_unknown_decoding_names_the_choices() -> None:
    with pytest.raises(ValueError, match=r"decode_mode='dark' .* center_guided, argmax"):
        MoveNetCodec(**SIZES, decode_mode='dark')
    with pytest.raises(ValueError, match='one person at a time, not 2'):
        MoveNetCodec(**SIZES).encode(np.zeros((2, 17, 2)))


def test_targets_pass_through_mmposes_pipeline() -> None:
    with DefaultScope.overwrite_default_scope('mmpose'):
        steps = [
            TRANSFORMS.build({'type': 'GenerateTarget', 'encoder': {'type': 'MoveNetCodec', **SIZES}}),
            TRANSFORMS.build({'type': 'PackPoseInputs'}),
        ]
    results = {
        'img': np.zeros((128, 192, 3), np.uint8),
        'keypoints': np.full((1, 17, 2), 40, np.float32),
        'keypoints_visible': np.ones((1, 17), np.float32),
    }
    for step in steps:
        results = step(results)
    sample = results['data_samples']
    shapes = {
        key: tuple(value.shape) for part in (sample.gt_fields, sample.gt_instance_labels) for key, value in part.items()
    }
    assert shapes == {
        'heatmaps': (17, 32, 48),
        'center_heatmaps': (1, 32, 48),
        'keypoint_labels': (1, 17, 2),
        'keypoint_weights': (1, 17),
        'center_labels': (1, 1, 2),
        'center_weights': (1, 1),
    }
    assert isinstance(KEYPOINT_CODECS.build({'type': 'MoveNetCodec', **SIZES}), MoveNetCodec)
