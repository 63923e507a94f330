from typing import Any

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from posescope.evaluation.diagnosis.error_classes import classify
from posescope.evaluation.diagnosis.modes import count_modes, modes
from posescope.evaluation.diagnosis.peaks import heatmap_peaks, peaks_of_sample, simcc_peaks, to_image
from tests.evaluation.diagnosis.planted import FLIP, SIGMAS, detections_at, people_at


def bumps(places: list[tuple[int, int, float]], height: int = 64, width: int = 48, spread: float = 2.0) -> np.ndarray:
    """Draw Gaussian bumps (x, y, height), the greater where they overlap."""
    y, x = np.mgrid[:height, :width]
    return np.max([top * np.exp(-((x - i) ** 2 + (y - j) ** 2) / (2 * spread**2)) for i, j, top in places], axis=0)


def test_peaks_of_heatmaps_best_first() -> None:
    four = bumps([(10, 10, 0.5), (30, 20, 1.0), (20, 50, 0.7), (40, 60, 0.2)])
    found = heatmap_peaks(np.stack([four, bumps([(5, 6, 1.0)]), np.zeros((64, 48))]).astype(np.float32))
    assert found[0].tolist() == [[30, 20], [20, 50], [10, 10]]
    assert found[1, 0].tolist() == [5, 6]
    assert np.isnan(found[2]).all()


def test_peaks_of_simcc_are_products_of_both_axes() -> None:
    """Two peaks along x and two along y have four products."""
    axis = np.arange(384)
    x = np.exp(-((axis - 100) ** 2) / 72) + 0.6 * np.exp(-((axis - 300) ** 2) / 72)
    y = np.exp(-((axis - 50) ** 2) / 72) + 0.5 * np.exp(-((axis - 200) ** 2) / 72)
    assert simcc_peaks(x[None], y[None])[0].tolist() == [[100, 50], [300, 50], [100, 200]]


def test_places_on_the_image() -> None:
    sample = {
        'pred_instances': {'keypoints': np.zeros((1, 1, 2))},
        'pred_fields': {'heatmaps': bumps([(12, 16, 1.0)])[None]},
        'input_center': np.array([100.0, 200.0]),
        'input_scale': np.array([96.0, 128.0]),
    }
    # A quarter of the crop's width and height from its corner (52, 136).
    assert peaks_of_sample(sample)[0, 0].tolist() == [76, 168]
    assert to_image(np.array([[[24.0, 32.0]]]), (48, 64), [100, 200], [96, 128]).ravel().tolist() == [100, 200]
    bins = np.exp(-((np.arange(400) - 100) ** 2) / 50)[None, None]
    labels = {'keypoints': np.zeros((1, 1, 2)), 'keypoint_x_labels': bins, 'keypoint_y_labels': bins}
    assert peaks_of_sample({**sample, 'pred_instances': labels})[0, 0].tolist() == [76, 168]


@pytest.mark.parametrize('lacking', ['input_center', 'pred_fields', 'pred_instances'])
def test_samples_without_scores_have_no_peaks(lacking: str) -> None:
    sample = {
        'pred_instances': {'keypoints': np.zeros((1, 1, 2))},
        'pred_fields': {'heatmaps': np.ones((1, 8, 8))},
        'input_center': np.zeros(2),
        'input_scale': np.ones(2),
    }
    del sample[lacking]
    assert peaks_of_sample(sample) is None


def test_peaks_of_several_people_on_one_map_are_not_taken() -> None:
    sample = {
        'pred_instances': {'keypoints': np.zeros((2, 1, 2))},
        'pred_fields': {'heatmaps': np.ones((1, 8, 8))},
        'input_center': np.zeros(2),
        'input_scale': np.ones(2),
    }
    assert peaks_of_sample(sample) is None


def test_chose_wrong_or_never_saw() -> None:
    truth = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0], [60.0, 0.0]])
    flip, sigmas = np.array([*FLIP, 3]), np.full(4, SIGMAS[0])
    places = truth[flip]
    places[3] = [0, 90]
    people = people_at([truth] * 3, [100] * 3)
    detections = detections_at([places, places, truth])
    errors = classify(people, detections, sigmas, flip)
    peaks = np.full((3, 4, 3, 2), np.nan)
    peaks[:, :, 0] = detections.keypoints[:, :, :2]
    peaks[0, 1, 1:] = [[20, 0], [20, 0]]  # an inversion, second peak
    peaks[0, 2, 1:] = [[60, 0], [80, 0]]  # an inversion, none
    peaks[0, 3, 1:] = [[0, 50], [60, 1]]  # a miss, third peak
    peaks[1] = np.nan
    found = modes(people, errors, peaks, sigmas)
    assert found.tolist() == [[-1, 2, 0, 3], [-1] * 4, [-1] * 4]
    counts = count_modes(errors, found)
    assert counts['miss'] == {'first': 0, 'second': 0, 'third': 1, 'none': 0, 'without_scores': 1}
    assert counts['inversion'] == {'first': 0, 'second': 1, 'third': 0, 'none': 1, 'without_scores': 2}


class OnDevice(torch.Tensor):
    """A tensor that NumPy cannot read, as those of a GPU."""

    def __array__(self, *_: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def cpu(self) -> torch.Tensor:
        return self.as_subclass(torch.Tensor).cpu()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_scores_may_be_tensors_of_any_device_and_precision(dtype: torch.dtype) -> None:
    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(dtype).requires_grad_().as_subclass(OnDevice)

    crop = {'input_center': np.array([100.0, 200.0]), 'input_scale': np.array([96.0, 128.0])}
    heatmap = {'pred_instances': {'keypoints': np.zeros((1, 1, 2))}, **crop}
    fields = {'heatmaps': tensor(bumps([(12, 16, 1.0)])[None])}
    assert peaks_of_sample({**heatmap, 'pred_fields': fields})[0, 0].tolist() == [76, 168]
    bins = tensor(np.exp(-((np.arange(400) - 100) ** 2) / 50)[None, None])
    labels = {'keypoints': np.zeros((1, 1, 2)), 'keypoint_x_labels': bins, 'keypoint_y_labels': bins}
    assert peaks_of_sample({'pred_instances': labels, **crop})[0, 0].tolist() == [76, 168]


def test_heatmaps_of_half_precision() -> None:
    sample = {
        'pred_instances': {'keypoints': np.zeros((1, 1, 2))},
        'pred_fields': {'heatmaps': bumps([(12, 16, 1.0)])[None].astype(np.float16)},
        'input_center': np.array([100.0, 200.0]),
        'input_scale': np.array([96.0, 128.0]),
    }
    assert peaks_of_sample(sample)[0, 0].tolist() == [76, 168]


def test_peaks_of_unbiased_maps_lie_where_their_codec_puts_them() -> None:
    """On maps of 24 × 32 cells the other mapping is a whole cell off at the far border."""
    codec = KEYPOINT_CODECS.build(
        {'type': 'UDPHeatmap', 'input_size': (96, 128), 'heatmap_size': (24, 32), 'sigma': 4 / 3, 'blur_kernel_size': 5}
    )
    joints = np.random.default_rng(0).uniform((6, 8), (90, 120), (1, 17, 2)).astype(np.float32)
    heatmaps = codec.encode(joints.copy(), np.ones((1, 17), np.float32))['heatmaps']
    places = codec.decode(heatmaps)[0] * 2 + [10, 20]  # of a crop that shows twice its size
    sample = {
        'input_center': [10 + 96, 20 + 128], 'input_scale': [192, 256], 'pred_instances': {'keypoints': places},
        'pred_fields': {'heatmaps': heatmaps},
    }  # fmt: skip
    distance = np.linalg.norm(peaks_of_sample(sample)[:, 0] - places[0], axis=1)
    assert distance.max() < 0.75 * 8, 'half a cell, diagonally'
