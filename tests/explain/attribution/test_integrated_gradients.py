import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients

from posescope.errors import InputError
from posescope.explain.attribution.baselines import BASELINES, baseline_of
from posescope.explain.attribution.integrated_gradients import IntegratedGradients
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, bind, by_captum, explained
from tests.explain.attribution.known_look import LEFT_WRIST, PATCH, LookingBackbone, looking
from tests.explain.small_models import crops, fresh


@pytest.mark.parametrize('name', [*THREE_KINDS, 'vit', 'movenet'])
def test_equals_captum(name: str) -> None:
    case = explained(name)
    found = IntegratedGradients(batch_size=4, steps=6).attribute(*case, JOINTS)
    assert_close(found, by_captum(CaptumIntegratedGradients, case, n_steps=6).sum(2))


@pytest.mark.parametrize('baseline', BASELINES)
def test_equals_the_sum_at_double_precision_from_every_baseline(baseline: str) -> None:
    """Captum's own result is off by 2 % with the blurred baseline: a ReLU changes sides with the last bit."""
    made = fresh('simcc')
    inputs = crops()
    bound = bind(made, inputs)
    found = IntegratedGradients(steps=4, baseline=baseline).attribute(made, inputs, bound, JOINTS)
    start = baseline_of(baseline, made, inputs).double()
    made.model.double()
    expected = torch.zeros(2, 2, *inputs.shape[2:], dtype=torch.float64)
    for place, weight in zip(*np.polynomial.legendre.leggauss(4), strict=True):
        point = (start + (1 + place) / 2 * (inputs - start)).requires_grad_()
        scores = bound.score(made(point))
        for number, joint in enumerate(JOINTS):
            (gradient,) = torch.autograd.grad(scores[:, joint].sum(), point, retain_graph=True)
            expected[:, number] += weight / 2 * (gradient * (inputs - start)).sum(1)
    assert_close(found, expected.float())


@pytest.mark.parametrize('name', THREE_KINDS)
def test_maps_add_up_to_what_the_target_gains(name: str) -> None:
    made, inputs, bound = explained(name)
    method = IntegratedGradients(steps=100)
    maps = method.attribute(made, inputs, bound, JOINTS)
    with torch.no_grad():
        gain = (bound.score(made(inputs)) - bound.score(made(torch.zeros_like(inputs))))[:, JOINTS]
    left = method.residual(made, inputs, bound, maps, JOINTS)
    torch.testing.assert_close(left, maps.sum((2, 3)) - gain, atol=1e-4 * float(gain.abs().max()), rtol=0)
    assert left.abs().max() < 0.05 * gain.abs().max()
    few = IntegratedGradients(steps=1)
    rough = few.residual(made, inputs, bound, few.attribute(made, inputs, bound, JOINTS), JOINTS)
    assert rough.abs().max() > 5 * left.abs().max()


def test_a_linear_network_is_exact_with_one_step() -> None:
    made, inputs, bound = looking(LookingBackbone())
    method = IntegratedGradients(steps=1, baseline='black')
    maps = method.attribute(made, inputs, bound, [LEFT_WRIST])
    expected = torch.zeros_like(maps)
    expected[:, 0, PATCH[0], PATCH[1]] = inputs[:, :, PATCH[0], PATCH[1]].sum(1) / (3 * 16 * 16)
    torch.testing.assert_close(maps, expected)
    torch.testing.assert_close(
        method.residual(made, inputs, bound, maps, [LEFT_WRIST]), torch.zeros(2, 1), atol=1e-5, rtol=0
    )


def test_wrong_options_are_refused() -> None:
    with pytest.raises(InputError, match='steps=0'):
        IntegratedGradients(steps=0)
    with pytest.raises(InputError, match=r"'blak' does not exist \(nearest: black"):
        IntegratedGradients(baseline='blak')
