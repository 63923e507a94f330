from typing import Any

import pytest
import torch

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.targets import build_target
from tests.explain.small_models import HEIGHT, WIDTH, function
from tests.explain.targets.binding import bound

PLACES = torch.rand(1, 17, 2, generator=torch.Generator().manual_seed(3))
MOVED = PLACES + torch.tensor([3 / WIDTH, -4 / HEIGHT])


def test_pixels_along_a_direction() -> None:
    made = function('regression')
    target = bound(build_target('displacement', direction=(0, -5)), made, Outputs(regression=PLACES))
    torch.testing.assert_close(target.score(Outputs(regression=PLACES)), torch.zeros(1, 17), rtol=0, atol=1e-4)
    torch.testing.assert_close(target.score(Outputs(regression=MOVED)), torch.full((1, 17), 4.0), rtol=0, atol=1e-4)
    slanted = bound(build_target('displacement', direction=(3, -4)), made, Outputs(regression=PLACES))
    torch.testing.assert_close(slanted.score(Outputs(regression=MOVED)), torch.full((1, 17), 5.0), rtol=0, atol=1e-4)


def test_outward_from_the_middle_of_the_person() -> None:
    made = function('rle')
    spreads = torch.zeros(1, 17, 2)
    places = PLACES.clone()
    places[:, 0] = 0
    places[:, 0] = places.sum(1) / 16  # where all the others' mean is: it has no outside
    target = bound(build_target('displacement'), made, Outputs(regression=torch.cat([places, spreads], 2)))
    assert target.valid.tolist() == [[False] + [True] * 16]
    pixels = places * torch.tensor([WIDTH, HEIGHT])
    grown = pixels.mean(1, keepdim=True) * -0.1 + 1.1 * pixels
    outputs = Outputs(regression=torch.cat([grown / torch.tensor([WIDTH, HEIGHT]), spreads], 2))
    expected = 0.1 * (pixels - pixels.mean(1, keepdim=True)).norm(dim=-1)
    torch.testing.assert_close(target.score(outputs)[:, 1:], expected[:, 1:], rtol=1e-3, atol=1e-3)
    assert target.score(outputs)[0, 0] == 0


@pytest.mark.parametrize(
    ('direction', 'complaint'),
    [
        ((0, 0), 'of target displacement has to be x and y, not both zero'),
        ((float('nan'), 1), r'direction=\(nan, 1\) has to be 2 numbers or None'),
        ((1, 2, 3), 'has to be 2 numbers or None'),
        ('up', "target 'displacement': direction='up' has to be 2 numbers or None"),
    ],
)
def test_a_direction_without_length_is_refused(direction: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build_target('displacement', direction=direction)
