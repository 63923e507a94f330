import pytest
import torch

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.targets import BoundTarget


def doubled(outputs: Outputs, fixed: object) -> torch.Tensor:
    assert outputs.heatmap is not None
    return outputs.heatmap[:, :, 0, 0] * fixed['factor']


VALID = torch.tensor([[True, False], [True, True]])
BOUND = BoundTarget('doubled', torch.zeros(2, 2, 2), VALID, doubled, {'factor': torch.tensor([[2.0, 2.0], [10, 100]])})


def test_rows_say_whose_crop_each_is() -> None:
    outputs = Outputs(heatmap=torch.arange(1.0, 7).view(3, 2, 1, 1))
    assert BOUND.score(outputs, torch.tensor([1, 0, 1])).tolist() == [[10, 200], [6, 0], [50, 600]]
    assert BOUND.score(outputs[:2]).tolist() == [[2, 0], [30, 400]]
    assert BOUND.of_people(torch.tensor([1])).score(outputs[2:]).tolist() == [[50, 600]]
    assert len(BOUND) == 2


def test_rows_have_to_fit() -> None:
    outputs = Outputs(heatmap=torch.zeros(3, 2, 1, 1))
    with pytest.raises(InputError, match="target 'doubled' is bound to 2 people and got 3 crops with 2 rows"):
        BOUND.score(outputs)


def test_no_gradient_passes_where_the_target_is_not_valid() -> None:
    maps = torch.ones(2, 2, 1, 1, requires_grad=True)
    BOUND.score(Outputs(heatmap=maps)).sum().backward()
    assert maps.grad is not None
    assert maps.grad[..., 0, 0].tolist() == [[2, 0], [10, 100]]
