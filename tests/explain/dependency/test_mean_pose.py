import numpy as np
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from posescope.explain.dependency.mean_pose import mean_pose

SHAPE = np.random.default_rng(0).normal(size=(9, 2))


def turned(angle: float, mirrored: bool) -> np.ndarray:
    matrix = Rotation.from_euler('z', angle).as_matrix()[:2, :2]
    return (SHAPE * [-1 if mirrored else 1, 1]) @ matrix.T + 3


def test_turned_and_mirrored_poses_keep_their_shape() -> None:
    """A plain mean of hands that point everywhere has all joints in one place."""
    poses = np.stack([turned(angle, bool(k % 2)) for k, angle in enumerate(np.linspace(0, 2 * np.pi, 12, False))])
    poses[2, 4:] = np.nan
    poses[5, 0] = np.nan
    found = mean_pose(poses)
    np.testing.assert_allclose(pdist(found), pdist(SHAPE), rtol=1e-6)
    assert pdist(np.nanmean(poses, 0)).mean() < 0.3 * pdist(SHAPE).mean()


def test_upright_poses_stay_upright() -> None:
    generator = np.random.default_rng(1)
    poses = SHAPE + generator.normal(0, 0.05, (40, 9, 2)) + generator.normal(size=(40, 1, 2))
    found = mean_pose(poses)
    np.testing.assert_allclose(found - found.mean(0), SHAPE - SHAPE.mean(0), atol=0.05)


def test_joints_that_nobody_has_labelled() -> None:
    poses = np.stack([SHAPE, SHAPE, SHAPE])
    poses[:, 3] = np.nan
    poses[1, 2:] = np.nan  # two joints left, by which it is moved and not turned
    found = mean_pose(poses)
    assert np.isnan(found[3]).all()
    known = np.arange(9) != 3
    np.testing.assert_allclose(pdist(found[known]), pdist(SHAPE[known]), rtol=1e-6)
    alone = np.full((1, 9, 2), np.nan)
    alone[0, 6] = (5, 6)
    assert np.isfinite(mean_pose(alone)).all(1).tolist() == [joint == 6 for joint in range(9)]
