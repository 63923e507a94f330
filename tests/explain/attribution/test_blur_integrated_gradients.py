import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.blur import blurred
from posescope.explain.attribution.blur_integrated_gradients import BlurIntegratedGradients
from tests.explain.attribution.explained import JOINTS, assert_close, bind
from tests.explain.attribution.known_look import LEFT_WRIST, PATCH, LookingBackbone, looking
from tests.explain.small_models import function, photograph


def test_a_linear_network_gives_weights_times_what_the_blur_took() -> None:
    made, inputs, bound = looking(LookingBackbone())
    method = BlurIntegratedGradients(steps=4)
    maps = method.attribute(made, inputs, bound, [LEFT_WRIST])
    came = (inputs - blurred(inputs, 19.0)).sum(1) / (3 * 16 * 16)
    expected = torch.zeros_like(maps)
    expected[:, 0, PATCH[0], PATCH[1]] = came[:, PATCH[0], PATCH[1]]
    torch.testing.assert_close(maps, expected, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(
        method.residual(made, inputs, bound, maps, [LEFT_WRIST]), torch.zeros(2, 1), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize('rule', ['adaptive', 'even'])
@pytest.mark.parametrize('name', ['resnet', 'regression'])
def test_maps_add_up_to_what_the_target_gains(name: str, rule: str) -> None:
    made = function(name)
    inputs = made.people_of(photograph()).inputs  # noise would change all at once in the last step
    bound = bind(made, inputs)
    method = BlurIntegratedGradients(steps=50, rule=rule)
    maps = method.attribute(made, inputs, bound, JOINTS)
    with torch.no_grad():
        gain = (bound.score(made(inputs)) - bound.score(made(blurred(inputs, 19.0))))[:, JOINTS]
    left = method.residual(made, inputs, bound, maps, JOINTS)
    torch.testing.assert_close(left, maps.sum((2, 3)) - gain, atol=1e-4 * float(gain.abs().max()), rtol=0)
    assert left.abs().max() < 0.06 * gain.abs().max()
    if rule == 'adaptive':
        assert (left.abs() / gain.abs()).max() < 0.06


def test_the_even_rule_is_the_trapezoidal_one() -> None:
    made = function('simcc')
    inputs = made.people_of(photograph()).inputs
    bound = bind(made, inputs)
    path = [blurred(inputs, sigma, 31) for sigma in (19.0, 38 / 3, 19 / 3, 0.0)]
    expected = torch.zeros(1, 2, *inputs.shape[2:])
    for place, point in enumerate(path):
        start = point.clone().requires_grad_()
        scores = bound.score(made(start))
        moved = (path[min(place + 1, 3)] - path[max(place - 1, 0)]) / 2
        for number, joint in enumerate(JOINTS):
            (gradient,) = torch.autograd.grad(scores[:, joint].sum(), start, retain_graph=True)
            expected[:, number] += (gradient * moved).sum(1)
    found = BlurIntegratedGradients(steps=3, rule='even').attribute(made, inputs, bound, JOINTS)
    assert_close(found, expected, 1e-3)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match='taps odd'):
        BlurIntegratedGradients(taps=30)
    with pytest.raises(InputError, match=r"rule 'evn' .* \(nearest: even"):
        BlurIntegratedGradients(rule='evn')
