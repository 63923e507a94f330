import torch

from posescope.explain.outputs import Outputs
from posescope.explain.targets import build_target
from tests.explain.small_models import CELLS, crops, function
from tests.explain.targets.binding import bound

W, H = CELLS


def test_it_is_what_decoding_ranks_by() -> None:
    made = function('movenet')
    outputs = made(crops(3)).detach()
    ranked = made.readout.decoder.guided_heatmap(outputs.heatmap, outputs.center, outputs.regress)
    found = bound(build_target('weighted_score'), made, outputs).score(outputs)
    torch.testing.assert_close(found, ranked.flatten(2).max(2).values)


def test_by_hand_with_a_centre_that_stays() -> None:
    """The centre at (12, 16) expects the joint at (12 + 3, 16 - 2); it peaks 3 columns and 4 rows from there."""
    made = function('movenet')

    def outputs(centre: tuple[int, int]) -> Outputs:
        heatmap, center = torch.zeros(1, 17, H, W), torch.zeros(1, 1, H, W)
        heatmap[0, :, 18, 18] = 0.9
        center[0, 0, centre[1], centre[0]] = 1
        regress = torch.zeros(1, 17, 2, H, W)
        regress[0, :, 0, 16, 12], regress[0, :, 1, 16, 12] = -2, 3
        return Outputs(heatmap=heatmap, center=center, regress=regress.flatten(1, 2), offset=torch.zeros(1, 34, H, W))

    target = bound(build_target('weighted_score'), made, outputs((12, 16)))
    expected = torch.full((1, 17), 0.9 / (5 + 1.8))
    torch.testing.assert_close(target.score(outputs((12, 16))), expected)
    torch.testing.assert_close(target.score(outputs((3, 3))), expected)


def test_the_gradient_is_finite_where_the_centre_points_at_the_very_cell() -> None:
    made = function('movenet')
    heatmap, center = torch.zeros(1, 17, H, W), torch.zeros(1, 1, H, W)
    heatmap[0, :, 16, 12] = center[0, 0, 16, 12] = 0.5
    regress = torch.zeros(1, 34, H, W, requires_grad=True)
    outputs = Outputs(heatmap=heatmap, center=center, regress=regress, offset=torch.zeros(1, 34, H, W))
    bound(build_target('weighted_score'), made, outputs).score(outputs).sum().backward()
    assert regress.grad is not None
    assert regress.grad.isfinite().all()
