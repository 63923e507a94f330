import numpy as np
import pytest

from posescope.evaluation import ks, oks

SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


def test_hand_computed_value() -> None:
    """Area 100, sigma .05: spread 100 (2 * .05)² = 1, so distance 2 gives exp(-2) and distance 0 gives 1."""
    keypoints = np.array([[[12.0, 20.0], [5.0, 5.0], [900.0, 0.0]]])
    truths = np.array([[[10.0, 20.0, 2], [5.0, 5.0, 1], [0.0, 0.0, 0]]])
    per_joint = ks(keypoints, truths, [100.0], [0.05, 0.05, 0.05])
    np.testing.assert_allclose(per_joint, [[np.exp(-2), 1, np.nan]])
    similarity = oks(keypoints, truths, [100.0], [0.05, 0.05, 0.05])
    np.testing.assert_allclose(similarity, [(1 + np.exp(-2)) / 2])
    assert similarity.dtype == np.float64


def test_person_without_labelled_joints_is_undefined(recwarn: pytest.WarningsRecorder) -> None:
    similarity = oks(np.zeros((2, 17, 2)), np.zeros((2, 17, 3)), [10.0, 10.0], SIGMAS)
    assert np.isnan(similarity).all()
    assert not recwarn.list


def test_area_of_zero_leaves_a_hit_or_nothing() -> None:
    truths = np.array([[1.0, 1.0, 2], [1.0, 1.0, 2]])
    np.testing.assert_array_equal(ks([[1.0, 1.0], [2.0, 1.0]], truths, 0.0, [0.1, 0.1]), [1, 0])


def people(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truths = np.concatenate([generator.uniform(0, 300, (count, 17, 2)), generator.integers(0, 3, (count, 17, 1))], -1)
    keypoints = truths[..., :2] + generator.normal(0, 12, (count, 17, 2))
    return keypoints, truths, generator.uniform(500, 20000, count)


@pytest.mark.parametrize('package', ['pycocotools', 'xtcocotools'])
def test_all_pairs_equal_cocoeval(package: str) -> None:
    if package == 'xtcocotools':
        cocoeval = pytest.importorskip('xtcocotools.cocoeval', reason='xtcocotools is not installed')
    else:
        from pycocotools import cocoeval
    keypoints, truths, areas = people(6, 0)
    evaluation = cocoeval.COCOeval(iouType='keypoints')
    evaluation._gts[1, 1] = [
        {
            'keypoints': truth.ravel().tolist(),
            'area': area,
            'bbox': [0, 0, 1, 1],
            'num_keypoints': int((truth[:, 2] > 0).sum()),
        }
        for truth, area in zip(truths, areas, strict=True)
    ]
    evaluation._dts[1, 1] = [
        {'keypoints': np.c_[points, np.ones(17)].ravel().tolist(), 'score': 1 - 0.1 * i}
        for i, points in enumerate(keypoints)
    ]
    evaluation.params.catIds = [1]
    evaluation.sigmas = SIGMAS
    expected = evaluation.computeOks(1, 1)
    ours = oks(keypoints[:, None], truths[None], areas, SIGMAS)
    assert ours.shape == (6, 6)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
