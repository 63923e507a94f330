import pytest
import torch

from posescope.explain.attribution.gradients import Points, joint_gradients, summed_gradients
from tests.explain.attribution.explained import JOINTS, explained


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'vit', 'movenet'])
def test_sums_are_those_of_single_gradients(name: str) -> None:
    made, inputs, bound = explained(name)
    generator = torch.Generator().manual_seed(1)
    shifts = 0.1 * torch.randn(5, *inputs.shape[1:], generator=generator)
    rows, weights = torch.tensor([0, 1, 1, 0, 1]), torch.rand(5, generator=generator)
    points = inputs[rows] + shifts
    expected = torch.zeros(2, 2, *inputs.shape[1:])
    with made.frozen():
        for number, gradient in enumerate(joint_gradients(made, points, rows, bound, JOINTS)):
            for row, weight, each in zip(rows, weights, gradient, strict=True):
                expected[row, number] += weight * each
        parts = (Points(points[some], rows[some], weights[some]) for some in (slice(0, 3), slice(3, 5)))
        found = summed_gradients(made, parts, bound, JOINTS, inputs, batch_size=1)
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)


def test_a_target_without_gradient_gives_zeros() -> None:
    made, inputs, bound = explained('resnet', 'against_mirror')
    assert not bound.valid[:, 0].any()  # the nose has no counterpart
    with made.frozen():
        found = list(joint_gradients(made, inputs, torch.arange(2), bound, [0, 9]))
    assert not found[0].any()
    assert found[1].any()
