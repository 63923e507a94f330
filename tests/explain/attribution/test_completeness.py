import torch

from posescope.explain.attribution.completeness import residual
from tests.explain.attribution.explained import explained


def test_a_residual_is_the_sum_less_the_gain() -> None:
    made, inputs, bound = explained('resnet')
    baselines = torch.zeros_like(inputs)
    with torch.no_grad():
        gain = bound.score(made(inputs)) - bound.score(made(baselines))
    maps = gain[:, [2, 5], None, None].expand(-1, -1, 4, 4) / 16
    found = residual(made, inputs, baselines, bound, maps, [2, 5])
    torch.testing.assert_close(found, torch.zeros(2, 2), atol=1e-6 * float(gain.abs().max()), rtol=0)
    torch.testing.assert_close(residual(made, inputs, baselines, bound, torch.zeros(2, 17, 4, 4)), -gain)
