import torch

from posescope.explain.targets import build_target
from tests.explain.small_models import crops, function, maps
from tests.explain.targets.binding import bound


def test_the_value_is_read_where_the_unperturbed_map_peaked() -> None:
    made = function('resnet')
    before, after = maps(2), maps(3)
    assert before.heatmap is not None
    assert after.heatmap is not None
    before.heatmap[0, :, 5, 7], before.heatmap[1, :, 30, 2] = 1, 1
    after.heatmap[:, :, 5, 7], after.heatmap[:, :, 30, 2], after.heatmap[:, :, 9, 9] = 0.25, 0.5, 8
    target = bound(build_target('value'), made, before)
    assert target.valid.all()
    assert (target.places[0] == torch.tensor([4 * 7, 4 * 5])).all()
    assert (target.score(before) == 1).all()
    found = target.score(after, torch.tensor([1, 0, 1]))
    assert found.tolist() == [[0.5] * 17, [0.25] * 17, [0.5] * 17]


def test_the_value_of_movenet_is_its_score() -> None:
    made = function('movenet')
    outputs = made(crops())
    found = bound(build_target('value'), made, outputs).score(outputs)
    torch.testing.assert_close(found.detach(), made.decode(outputs).scores)
