import torch

from posescope.explain.targets import build_target
from tests.explain.small_models import crops, function, maps
from tests.explain.targets.binding import bound


def test_a_joint_is_compared_with_its_own_map_where_its_counterpart_is() -> None:
    made = function('resnet')
    outputs = maps()
    assert outputs.heatmap is not None
    left, right = 9, 10
    outputs.heatmap[0, left, 10, 5], outputs.heatmap[0, left, 10, 18] = 1.0, 0.75
    outputs.heatmap[0, right, 10, 18], outputs.heatmap[0, right, 10, 5] = 0.9, 0.1
    target = bound(build_target('against_mirror'), made, outputs)
    found = target.score(outputs)[0]
    torch.testing.assert_close(found[[left, right]], torch.tensor([0.25, 0.8]))
    assert target.valid[0, [left, right]].all()


def test_the_nose_has_no_counterpart() -> None:
    made = function('rle')
    target = bound(build_target('against_mirror'), made, made(crops()))
    assert target.valid.tolist() == [[False] + [True] * 16] * 2
