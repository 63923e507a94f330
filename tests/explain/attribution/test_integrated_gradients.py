from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.explain.attribution.baselines import BASELINES, baseline_of
from posescope.explain.attribution.integrated_gradients import IntegratedGradients, _Line
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, bind, by_captum, explained
from tests.explain.attribution.known_look import LEFT_WRIST, NOSE, PATCH, LookingBackbone, looking
from tests.explain.small_models import crops, fresh


@pytest.mark.parametrize('name', [*THREE_KINDS, 'vit', 'movenet'])
def test_equals_captum(name: str) -> None:
    case = explained(name)
    found = IntegratedGradients(batch_size=4, steps=6, rule='gauss_legendre').attribute(*case, JOINTS)
    assert_close(found, by_captum(CaptumIntegratedGradients, case, n_steps=6).sum(2))


@pytest.mark.parametrize('baseline', BASELINES)
def test_equals_the_sum_at_double_precision_from_every_baseline(baseline: str) -> None:
    """Captum's own result is off by 2 % with the blurred baseline: a ReLU changes sides with the last bit."""
    made = fresh('simcc')
    inputs = crops()
    bound = bind(made, inputs)
    found = IntegratedGradients(steps=4, baseline=baseline, rule='gauss_legendre').attribute(
        made, inputs, bound, JOINTS
    )
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
    method = IntegratedGradients(steps=100, rule='gauss_legendre')
    maps = method.attribute(made, inputs, bound, JOINTS)
    with torch.no_grad():
        gain = (bound.score(made(inputs)) - bound.score(made(torch.zeros_like(inputs))))[:, JOINTS]
    left = method.residual(made, inputs, bound, maps, JOINTS)
    torch.testing.assert_close(left, maps.sum((2, 3)) - gain, atol=1e-4 * float(gain.abs().max()), rtol=0)
    assert left.abs().max() < 0.05 * gain.abs().max()
    few = IntegratedGradients(steps=1, rule='gauss_legendre')
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
    with pytest.raises(InputError, match=r"rule 'gauss' of method integrated_gradients does not exist"):
        IntegratedGradients(rule='gauss')
    with pytest.raises(InputError, match='tolerance=0'):
        IntegratedGradients(tolerance=0)
    with pytest.raises(InputError, match=r"'blak' does not exist \(nearest: black"):
        IntegratedGradients(baseline='blak')


class SteepBackbone(nn.Module):
    """Cells of 4 × 4 pixels that grow to 1 between 5 and 6 % of the way from 0 to 1, and the others slowly to 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 1, 4, 4, bias=False)
        nn.init.constant_(self.cells.weight, 1 / 48)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        cells = self.cells(inputs)
        steep = (100 * (cells - 0.05)).clamp(0, 1)
        return (torch.cat([steep, cells / 2 + 0.1 * steep], 1),)


def steep() -> tuple[PoseFunction, Tensor, BoundTarget]:
    """Left wrist and nose of people of even colour, whose line from the mean colour is as long as the class says."""
    made, inputs, _ = looking(SteepBackbone())
    inputs = torch.ones_like(inputs[:1])
    return made, inputs, bind(made, inputs, 'value')


def test_points_are_close_where_targets_change_so_that_maps_add_up_for_every_joint() -> None:
    case = steep()
    for method, off in ((IntegratedGradients(steps=40, rule='gauss_legendre'), 0.5), (IntegratedGradients(40), 0.0)):
        left = method.residual(*case, method.attribute(*case, [LEFT_WRIST, NOSE]), [LEFT_WRIST, NOSE])[0]
        gain = torch.tensor([1.0, 0.6])
        if off:
            assert (left / gain).abs().max() > off
        else:
            assert ((left / gain).abs() <= 0.05).all()


def test_only_joints_that_miss_too_much_are_integrated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    case = explained('simcc')
    asked: list[tuple[int, list[int]]] = []
    maps = _Line.maps

    def watched(self: _Line, places: Tensor, weights: Tensor, joints: list[int]) -> Tensor:
        asked.append((len(places), joints))
        return maps(self, places, weights, joints)

    monkeypatch.setattr(_Line, 'maps', watched)
    made, inputs, bound = case
    one, of_one = inputs[:1], bound.of_people(torch.tensor([0]))
    first = IntegratedGradients(steps=4, most_steps=4)
    rough = first.attribute(made, one, of_one)
    gain = rough.sum((2, 3)) - first.residual(made, one, of_one, rough)
    off = (first.residual(made, one, of_one, rough).abs() / gain.abs())[0]
    tolerance = float(off.median())
    asked.clear()
    IntegratedGradients(steps=4, most_steps=8, tolerance=tolerance).attribute(made, one, of_one)
    again = [joint for joint in range(17) if off[joint] > tolerance]
    assert len(again) == 8
    assert asked == [(4, list(range(17))), (8, again)]


def test_batches_change_nothing() -> None:
    case = explained('regression')
    options: dict[str, Any] = {'steps': 20, 'most_steps': 40}
    found = IntegratedGradients(3, **options).attribute(*case, JOINTS)
    assert_close(found, IntegratedGradients(16, **options).attribute(*case, JOINTS), 1e-3)
