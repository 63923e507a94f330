import torch

from posescope.explain.pose import Pose


def test_a_pose_is_taken_by_row() -> None:
    pose = Pose(torch.arange(12.0).view(3, 2, 2), torch.arange(6.0).view(3, 2))
    assert len(pose) == 3
    assert pose[1:].places[0, 1].tolist() == [6, 7]
    assert pose[[2, 2]].scores.tolist() == [[4, 5], [4, 5]]
