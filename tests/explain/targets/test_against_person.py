import torch

from posescope.explain.targets import build_target
from tests.explain.small_models import function, maps
from tests.explain.targets.binding import bound


def test_each_joint_is_compared_with_its_own_map_where_the_other_person_has_it() -> None:
    made = function('resnet')
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 2, 2] = 5
    for joint in range(17):
        outputs.heatmap[0, joint, 20, joint] = joint / 10
    other = torch.stack([4.0 * torch.arange(17), torch.full((17,), 80.0)], -1)[None]
    other[0, 16] = torch.nan
    target = bound(build_target('against_person'), made, outputs, other=other)
    torch.testing.assert_close(target.score(outputs)[0, :16], 5 - torch.arange(16) / 10)
    assert target.valid.tolist() == [[True] * 16 + [False]]
