import pytest
import torch

from posescope.capture.attention.windowed_call import WindowedCall, window_places
from posescope.errors import CaptureError
from tests.capture.attention.attending import drawn, softmax


def test_windows_of_a_small_map_by_hand() -> None:
    """A map of 3 × 4, cells 0 to 11, with a row of padding above it, in windows of 2 × 2."""
    assert window_places((3, 4), (2, 2), before=(1, 0)).tolist() == [
        [-1, -1, 0, 1],
        [-1, -1, 2, 3],
        [4, 5, 8, 9],
        [6, 7, 10, 11],
    ]
    assert window_places((2, 4), (2, 2), shift=1).tolist() == [[5, 6, 1, 2], [7, 4, 3, 0]]
    assert window_places((1, 3), (2, 2)).tolist() == [[0, 1, -1, -1], [2, -1, -1, -1]]


def call(rows_of: int = 2, **options) -> WindowedCall:
    places = window_places((3, 4), (2, 2), before=(1, 0))
    fields = {
        'q': drawn(rows_of * 4, 2, 4, 5),
        'k': drawn(rows_of * 4, 2, 4, 5, seed=1),
        'grid': (3, 4),
        'query_grid': (3, 4),
        'places': places,
        'bias': drawn(4, 2, 4, 4, seed=2),
    }
    return WindowedCall('attn', **{**fields, **options})


@pytest.mark.parametrize('at_once', [1, 5, 256])
def test_every_pair_of_cells(monkeypatch, at_once) -> None:
    """Pairs of one window have that window's weight, all others none."""
    monkeypatch.setattr('posescope.capture.attention.windowed_call._ROWS_AT_ONCE', at_once)
    made = call()
    windows = softmax((made.q @ made.k.mT).unflatten(0, (2, 4)) + made.bias)  # (N, W, heads, L, L)
    expected = torch.zeros(2, 2, 12, 12)
    for w, cells in enumerate(made.places.tolist()):
        for i, query in enumerate(cells):
            for j, key in enumerate(cells):
                if query >= 0 and key >= 0:
                    expected[:, :, query, key] = windows[:, w, :, i, j]
    torch.testing.assert_close(made.full(), expected, rtol=0, atol=1e-6)
    queries = torch.tensor([[11, 0, 7], [3, 3, 8]])
    torch.testing.assert_close(
        made.rows(queries), torch.stack([expected[n][:, queries[n]] for n in range(2)]), rtol=0, atol=1e-6
    )
    sums = made.full().sum(-1)
    assert (sums[:, :, :4] < 1).all()  # some of it goes to padding
    torch.testing.assert_close(sums[:, :, 4:], torch.ones(2, 2, 8))


def test_a_map_that_windows_do_not_fill() -> None:
    with pytest.raises(CaptureError, match=r'attn: windows do not hold each cell of a \(4, 4\) map once'):
        call(grid=(4, 4))
    with pytest.raises(CaptureError, match='has queries 0 to 11'):
        call().rows(torch.tensor([[12], [0]]))
