import math
import warnings

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.targets import build_target
from tests.explain.small_models import CELLS, crops, function, maps
from tests.explain.targets.binding import bound

CELL = torch.tensor([10, 20])


def test_it_falls_with_the_distance_from_the_label_in_cells() -> None:
    made = function('resnet')
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 20, 10] = 9
    truth = (4.0 * (CELL + torch.tensor([3, 4]))).repeat(1, 17, 1)
    truth[0, 5], truth[0, 6] = torch.nan, 4.0 * CELL
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        target = bound(build_target('likelihood'), made, outputs, truth=truth)
    expected = torch.full((1, 17), math.exp(-0.3 * 5))
    expected[0, 5], expected[0, 6] = 0, 1
    torch.testing.assert_close(target.score(outputs), expected, rtol=1e-4, atol=1e-4)
    assert target.valid[0].tolist() == [joint != 5 for joint in range(17)]


def test_the_soft_argmax_has_a_beta_of_ten() -> None:
    made = function('resnet')
    outputs = made(crops(1)).detach().each(lambda tensor: tensor / 10)
    assert outputs.heatmap is not None
    weights = np.exp(10 * outputs.heatmap[0, 3].double().numpy())
    rows, columns = np.mgrid[: CELLS[1], : CELLS[0]]
    soft = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    truth = torch.tensor([40.0, 60.0]).expand(1, 17, 2)
    with pytest.warns(UserWarning, match='of 17 joints lies more than 6 pixels beside the peak'):
        target = bound(build_target('likelihood'), made, outputs, truth=truth)
    expected = math.exp(-0.3 * float(np.linalg.norm(soft - [10, 15])))
    assert target.score(outputs)[0, 3] == pytest.approx(expected, rel=1e-4)


def test_logits_are_taken_as_they_are() -> None:
    made = function('categorical')
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 20, 10] = math.log(CELLS[0] * CELLS[1] - 1)  # half of the probability
    truth = torch.tensor([48.0, 64.0]).expand(1, 17, 2)
    with pytest.warns(UserWarning, match='17 of 17 joints'):
        target = bound(build_target('likelihood'), made, outputs, truth=truth)
    rest = CELLS[0] * CELLS[1] - 1
    middle = (np.array([(CELLS[0] - 1) / 2, (CELLS[1] - 1) / 2]) * (rest + 1) - CELL.numpy()) / rest
    soft = (CELL.numpy() + middle) / 2
    label = (np.array([48.0, 64.0]) - 1.5) / 4
    expected = math.exp(-0.3 * float(np.linalg.norm(soft - label)))
    torch.testing.assert_close(target.score(outputs), torch.full((1, 17), expected), rtol=1e-4, atol=1e-5)


def test_without_a_label_it_is_refused() -> None:
    made = function('resnet')
    with pytest.raises(InputError, match="target 'likelihood' needs truth"):
        bound(build_target('likelihood'), made, made(crops(1)))


def test_the_gradient_is_finite_where_the_prediction_is_the_label() -> None:
    made = function('resnet')
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 20, 10] = 30
    outputs.heatmap.requires_grad_()
    target = bound(build_target('likelihood'), made, outputs, truth=(4.0 * CELL).expand(1, 17, 2))
    target.score(outputs).sum().backward()
    assert outputs.heatmap.grad is not None
    assert outputs.heatmap.grad.isfinite().all()
