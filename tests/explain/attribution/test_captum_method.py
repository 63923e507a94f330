from typing import Any

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.captum_method import CaptumMethod
from posescope.explain.outputs import Outputs
from tests.explain.attribution.explained import JOINTS, assert_close, bind, explained
from tests.explain.attribution.known_look import LEFT_WRIST, PATCH, LookingBackbone, looking


def test_gradient_shap_of_a_linear_network_is_its_weights_times_the_input() -> None:
    made, inputs, bound = looking(LookingBackbone())
    method = CaptumMethod(algorithm='GradientShap', n_samples=2)
    maps = method.attribute(made, inputs, bound, [LEFT_WRIST])
    expected = torch.zeros_like(maps)
    expected[:, 0, PATCH[0], PATCH[1]] = inputs[:, :, PATCH[0], PATCH[1]].sum(1) / (3 * 16 * 16)
    torch.testing.assert_close(maps, expected)


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def test_the_same_seed_draws_the_same_and_leaves_other_numbers_alone() -> None:
    case = explained('simcc')
    seed_all(5)
    expected = torch.rand(1), np.random.rand()  # noqa: NPY002
    seed_all(5)
    method = CaptumMethod(algorithm='GradientShap', n_samples=2)
    found = method.attribute(*case, JOINTS)
    assert (torch.rand(1), np.random.rand()) == expected  # noqa: NPY002
    assert torch.equal(found, method.attribute(*case, JOINTS))
    assert not torch.equal(found, CaptumMethod(algorithm='GradientShap', n_samples=2, seed=1).attribute(*case, JOINTS))


@pytest.mark.parametrize(
    'options', [{'algorithm': 'FeatureAblation'}, {'algorithm': 'ShapleyValueSampling', 'n_samples': 2}]
)
def test_squares_of_a_linear_network_get_what_they_add(options: dict[str, Any]) -> None:
    made, inputs, bound = looking(LookingBackbone())
    maps = CaptumMethod(**options, window=16).attribute(made, inputs, bound, [LEFT_WRIST])
    expected = torch.zeros_like(maps)
    patch = inputs[:, :, PATCH[0], PATCH[1]].mean((1, 2, 3))
    expected[:, 0, PATCH[0], PATCH[1]] = patch[:, None, None]
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-4)


def test_what_captum_refuses_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match=r'DeepLift does not take this model: .+') as error:
        CaptumMethod(algorithm='DeepLift').attribute(*explained('resnet'), JOINTS)
    assert '\n' not in str(error.value)


def test_a_typo_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match='nearest: GradientShap'):
        CaptumMethod(algorithm='GradientSharp')


def test_what_is_drawn_for_a_person_depends_on_nobody_else() -> None:
    made, inputs, bound = explained('resnet')
    method = CaptumMethod(algorithm='GradientShap', baseline='blur', n_samples=2)
    both = method.attribute(made, inputs, bound, JOINTS)
    assert torch.equal(method.attribute(made, inputs[1:], bind(made, inputs[1:]), JOINTS), both[1:])
    one_by_one = CaptumMethod(1, algorithm='GradientShap', baseline='blur', n_samples=2)
    assert_close(one_by_one.attribute(made, inputs, bound, JOINTS), both, 1e-3)


def test_samples_of_gradient_shap_go_through_the_model_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs, bound = explained('simcc')
    options: dict[str, Any] = {'algorithm': 'GradientShap', 'n_samples': 5, 'stdevs': 0.2}
    at_once = CaptumMethod(16, **options).attribute(made, inputs, bound, JOINTS)
    seen: list[int] = []
    forward = made.forward

    def counted(crops: torch.Tensor) -> Outputs:
        seen.append(len(crops))
        return forward(crops)

    monkeypatch.setattr(type(made), '__call__', lambda self, crops: counted(crops))
    assert_close(CaptumMethod(2, **options).attribute(made, inputs, bound, JOINTS), at_once)
    assert seen == [2, 2, 1] * 4  # two people and two joints
