import pytest
import torch

from posescope.capture.attention import rollout
from posescope.errors import CaptureError

FIRST = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]])
SECOND = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
BY_HAND = torch.tensor([[0.625, 0.375, 0.0], [0.175, 0.475, 0.35], [0.55, 0.1, 0.35]])
"""Half of each plus half the identity: [[1, 0, 0], [.25, .75, 0], [.1, .2, .7]] below, [[.5, .5, 0], [0, .5, .5],
[.5, 0, .5]] above; row 0 of the product is .5 · (1, 0, 0) + .5 · (.25, .75, 0), and so on."""


def test_two_layers_of_three_tokens_by_hand() -> None:
    torch.testing.assert_close(rollout([FIRST[None], SECOND[None]])[0], BY_HAND)


def test_heads_are_averaged() -> None:
    apart = torch.stack([FIRST + 0.25, FIRST - 0.25])[None]
    torch.testing.assert_close(rollout([apart, SECOND[None]])[0], BY_HAND)


def test_without_skip_connections_it_is_the_product_and_only_with_them_the_identity() -> None:
    torch.testing.assert_close(rollout([FIRST[None], SECOND[None]], residual=0)[0], SECOND @ FIRST)
    torch.testing.assert_close(rollout([FIRST[None], SECOND[None]], residual=1)[0], torch.eye(3))


def test_rows_that_do_not_sum_to_one_are_scaled() -> None:
    scaled = rollout([4 * FIRST[None]])[0]  # row 1: half of (2, 2, 0) and half of (0, 1, 0)
    torch.testing.assert_close(scaled.sum(-1), torch.ones(3))
    torch.testing.assert_close(scaled[1], torch.tensor([1.0, 1.5, 0.0]) / 2.5)


def test_layers_must_be_square_and_of_one_size() -> None:
    with pytest.raises(CaptureError, match=r'layer 1 is \(1, 3, 4\), not \(1, 3, 3\)'):
        rollout([FIRST[None], torch.ones(1, 3, 4)])
    with pytest.raises(CaptureError, match='no layer'):
        rollout([])
