import torch

from posescope.explain.targets import build_target
from tests.explain.small_models import function, maps
from tests.explain.targets.binding import bound


def test_a_right_prediction_has_nothing_to_explain() -> None:
    made = function('resnet')
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 20, 6] = 1
    truth = torch.tensor([6 * 4 + 1.5, 20 * 4 - 1.5]).expand(1, 17, 2)
    target = bound(build_target('against_truth'), made, outputs, truth=truth)
    assert not target.valid.any()
    wrong = bound(build_target('against_truth'), made, outputs, truth=truth + 9)
    assert wrong.valid.all()
    assert (wrong.score(outputs) == 1).all()
