import math

import pytest
import torch
from torch.distributions import Categorical

from posescope.explain.outputs import Outputs
from posescope.explain.targets import build_target
from tests.explain.small_models import CELLS, HEIGHT, WIDTH, crops, function, maps
from tests.explain.targets.binding import bound


@pytest.mark.parametrize(('name', 'beta'), [('resnet', None), ('categorical', None), ('resnet', 5.0)])
def test_of_one_peak_among_equals(name: str, beta: float | None) -> None:
    made = function(name)
    outputs = maps()
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 12, 10] = 9
    found = bound(build_target('log_probability', beta=beta), made, outputs).score(outputs)
    peak = 9 * (beta or 1)
    expected = peak - math.log(math.exp(peak) + CELLS[0] * CELLS[1] - 1)
    torch.testing.assert_close(found, torch.full((1, 17), expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(('name', 'loss_beta'), [('simcc', 10.0), ('rtmpose', 1.0)])
def test_of_simcc_under_the_distribution_that_was_trained(name: str, loss_beta: float) -> None:
    made = function(name)
    assert made.readout.head.loss_module.beta == loss_beta
    outputs = made(crops()).detach()
    target = bound(build_target('log_probability'), made, outputs)
    along_x, along_y = outputs.simcc_x, outputs.simcc_y
    assert along_x is not None
    assert along_y is not None
    expected = Categorical(logits=loss_beta * along_x).log_prob(along_x.argmax(2))
    expected = expected + Categorical(logits=loss_beta * along_y).log_prob(along_y.argmax(2))
    torch.testing.assert_close(target.score(outputs), expected)


def test_of_simcc_by_hand() -> None:
    made = function('simcc')
    outputs = Outputs(simcc_x=torch.zeros(1, 17, 2 * WIDTH), simcc_y=torch.zeros(1, 17, 2 * HEIGHT))
    assert outputs.simcc_x is not None
    outputs.simcc_x[..., 8] = 0.7
    found = bound(build_target('log_probability', beta=1.0), made, outputs).score(outputs)
    expected = 0.7 - math.log(math.exp(0.7) + 2 * WIDTH - 1) - math.log(2 * HEIGHT)
    torch.testing.assert_close(found, torch.full((1, 17), expected))
