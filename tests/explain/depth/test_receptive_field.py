"""Effective receptive fields, against convolved box filters and single gradients."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth import draw_receptive_fields, measure_receptive_fields
from posescope.explain.targets import default_target
from tests.explain.depth.hand_built import Boxes, built
from tests.explain.small_models import HEIGHT, WIDTH, crops, function


def spots() -> torch.Tensor:
    inputs = torch.rand(3, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)) * 0.1
    for person, (x, y) in enumerate([(10, 20), (50, 64), (80, 100)]):
        inputs[person, :, y - 3 : y + 4, x - 3 : x + 4] += 1
        inputs[person, :, y, x] += 1
    return inputs


def test_three_box_filters_give_their_convolution() -> None:
    found = measure_receptive_fields(
        built(Boxes(), torch.ones(17, 1), stride=1), spots(), joints=['nose', 'left wrist']
    )
    along = np.convolve(np.convolve([1, 1, 1], [1, 1, 1]), [1, 1, 1]) / 27
    expected = np.zeros((2 * HEIGHT - 1, 2 * WIDTH - 1))
    expected[HEIGHT - 4 : HEIGHT + 3, WIDTH - 4 : WIDTH + 3] = np.outer(along, along)
    assert found.joints == ('nose', 'left_wrist')
    assert found.people.tolist() == [3, 3]
    for one in found.maps:
        np.testing.assert_allclose(np.nan_to_num(one), expected, atol=1e-6)
    # A box of three has variance 2/3 along each axis.
    np.testing.assert_allclose(found.radius, np.sqrt(2 * 3 * 2 / 3), rtol=1e-5)
    # Of the 7 × 7 pixels the corners, 1/49 of the largest, are below the edge.
    np.testing.assert_allclose(found.side, np.sqrt(49 - 4))
    assert found.content()['nose']['radius'] == pytest.approx(2)


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'integral', 'movenet'])
def test_gradients_are_moved_to_the_joint(name: str) -> None:
    made, inputs = function(name), crops()
    found = measure_receptive_fields(made, [inputs[:1], inputs[1:]], joints=['nose'])
    start = inputs.clone().requires_grad_()
    outputs = made(start)
    bound = default_target(made.kind).bind(made, outputs.detach(), made.decode(outputs))
    (gradient,) = torch.autograd.grad(bound.score(outputs)[:, 0].sum(), start)
    total, count = np.zeros((2, 2 * HEIGHT - 1, 2 * WIDTH - 1))
    for person in range(2):
        x, y = bound.places[person, 0].round().int().tolist()
        sizes = gradient[person].abs().sum(0).double().numpy()
        for row in range(HEIGHT):
            aligned = slice(WIDTH - 1 - x, 2 * WIDTH - 1 - x)
            total[row - y + HEIGHT - 1, aligned] += sizes[row] / sizes.sum()
            count[row - y + HEIGHT - 1, aligned] += 1
    expected = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    np.testing.assert_allclose(found.maps[0], expected, rtol=1e-3, atol=1e-8)
    assert found.people.tolist() == [2]


def test_the_figure_has_a_circle_of_the_radius() -> None:
    found = measure_receptive_fields(function('resnet'), crops(1), joints=['nose', 'left_eye'])
    figure = draw_receptive_fields(found)
    assert [panel.patches[0].radius for panel in figure.axes[:2]] == pytest.approx(found.radius.tolist())


def test_people_whose_joint_is_outside_do_not_count() -> None:
    made, inputs = function('regression'), crops(1)
    with torch.no_grad():
        x, y = made.decode(made(inputs)).places[0, 0]
    assert not (0 <= x < WIDTH and 0 <= y < HEIGHT)
    found = measure_receptive_fields(made, inputs, joints=['nose'])
    assert found.people.tolist() == [0]
    assert found.content() == {'nose': {'people': 0, 'radius': None, 'side': None}}
    assert 'inside the input' in draw_receptive_fields(found).axes[0].get_title()


def test_nobody_is_refused() -> None:
    with pytest.raises(InputError, match='no people'):
        measure_receptive_fields(function('resnet'), [])
    with pytest.raises(InputError, match='nearest: left_wrist'):
        measure_receptive_fields(function('resnet'), crops(1), joints=['left_writs'])
