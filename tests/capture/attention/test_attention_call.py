import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from posescope.capture.attention import AttentionCall
from posescope.errors import CaptureError
from tests.capture.attention.attending import CLOSE, drawn, softmax

PEOPLE, HEADS, CELLS, SIZE = 2, 3, 13, 4
GRID = (4, 3)
"""With one class token before it."""


def call(**options) -> AttentionCall:
    fields = {
        'q': drawn(PEOPLE, HEADS, CELLS, SIZE),
        'k': drawn(PEOPLE, HEADS, CELLS, SIZE, seed=1),
        'v': drawn(PEOPLE, HEADS, CELLS, SIZE, seed=2),
        'scale': 0.7,
        'grid': GRID,
        'query_grid': GRID,
        'prefix': 1,
        'query_prefix': 1,
    }
    made = AttentionCall('backbone.attn', **{**fields, **options})
    if made.output is None and made.v is not None:
        made.output = made.full() @ made.v
    return made


def test_only_rows_that_are_asked_for_are_computed() -> None:
    """A product of (Q, d) and (d, Lk) is 2 · Q · d · Lk floating point operations."""
    some = call()
    with FlopCounterMode(display=False) as counter:
        some.rows(torch.zeros(PEOPLE, 2, dtype=torch.long))
    assert counter.get_total_flops() == PEOPLE * HEADS * 2 * 2 * SIZE * CELLS


@pytest.mark.parametrize('shape', [(CELLS, CELLS), (PEOPLE, 1, 1, CELLS), (1, HEADS, CELLS, CELLS), (CELLS,)])
def test_a_bias_of_any_shape_that_broadcasts(shape) -> None:
    bias = drawn(*shape, seed=3)
    biased = call(bias=bias)
    expected = softmax(0.7 * biased.q @ biased.k.mT + bias)
    queries = torch.tensor([[0, 12], [5, 5]])
    for person in range(PEOPLE):
        torch.testing.assert_close(biased.rows(queries)[person], expected[person][:, queries[person]], **CLOSE)
    assert biased.check() < 1e-5


def test_maps_are_rows_without_prefix_at_the_nearest_cell() -> None:
    made = call()
    places = torch.tensor([[[0.0, 0.0], [1.4, 1.6], [2.5, 0.4]], [[-7.0, 1.0], [3.49, 2.49], [3.6, 55.0]]])
    cells = [[0, 1 * 3 + 2, 3 * 3 + 0], [1, 3 * 3 + 2, 3 * 3 + 2]]  # a tie goes down; beyond the border to it
    maps = made.rows_at(places)
    assert maps.shape == (PEOPLE, HEADS, 3, *GRID)
    expected = softmax(0.7 * made.q @ made.k.mT)
    for person in range(PEOPLE):
        for number, cell in enumerate(cells[person]):
            wanted = expected[person, :, 1 + cell, 1:].reshape(HEADS, *GRID)
            torch.testing.assert_close(maps[person, :, number], wanted, **CLOSE)


def test_queries_of_joints_that_look_at_a_map() -> None:
    crossed = call(q=drawn(PEOPLE, HEADS, 5, SIZE, seed=4), query_grid=None, v=None)
    joints = torch.tensor([[4], [0]])
    expected = softmax(0.7 * crossed.q @ crossed.k.mT)[[0, 1], :, [4, 0], 1:].unflatten(-1, GRID)
    torch.testing.assert_close(crossed.maps(joints)[:, :, 0], expected, **CLOSE)
    with pytest.raises(CaptureError, match=r'backbone.attn: its 5 queries are no map'):
        crossed.rows_at(torch.zeros(PEOPLE, 1, 2))
    with pytest.raises(CaptureError, match=r'its 13 keys are no map'):
        call(grid=None).maps(joints)


def test_a_query_that_may_look_at_nothing_has_a_row_of_zeros_and_lost_numbers_stay_lost() -> None:
    bias = torch.zeros(CELLS, CELLS)
    bias[2] = -torch.inf
    rows = call(bias=bias, v=None).full()
    assert (rows[:, :, 2] == 0).all()
    torch.testing.assert_close(rows.sum(-1)[:, :, 3:], torch.ones(PEOPLE, HEADS, CELLS - 3))
    lost = call(v=None)
    lost.q[0, 0, 0, 0] = torch.nan
    assert lost.full()[0, 0, 0].isnan().all()
    lost.bias = bias
    assert lost.full()[0, 0, 0].isnan().all()


@pytest.mark.parametrize('queries', [[[0, 13], [0, 0]], [[-1, 0], [0, 0]], [[0, 1]], [0, 1]])
def test_queries_that_are_not_there(queries) -> None:
    with pytest.raises(CaptureError, match=r'backbone.attn: '):
        call().rows(torch.tensor(queries))


def test_places_that_are_no_numbers() -> None:
    with pytest.raises(CaptureError, match='not a finite number'):
        call().rows_at(torch.full((PEOPLE, 1, 2), torch.nan))


@pytest.mark.parametrize('wrong', ['scale', 'k', 'v', 'output', 'kind', 'bias', 'nan'])
def test_the_check_fails_when_anything_is_read_wrongly(wrong) -> None:
    right = call()
    assert right.check() < 1e-5
    output = right.output.clone()
    changed = {
        'scale': {'scale': 0.71},
        'k': {'k': right.k.flip(1)},
        'v': {'v': right.v.flip(2)},
        'output': {'output': output.transpose(2, 3)},
        'kind': {'kind': 'squared_relu'},
        'bias': {'bias': torch.zeros(CELLS, CELLS).index_fill_(1, torch.tensor([3]), 0.01)},
        'nan': {'v': right.v * torch.nan},
    }[wrong]
    with pytest.raises(CaptureError, match=r'backbone.attn: (rebuilt attention|rows times v)'):
        call(**{'output': output, **changed}).check()


def test_the_check_tells_the_largest_difference(monkeypatch) -> None:
    off = call()
    off.output[1, 2, 5, 0] += 0.25
    assert off.check(tolerance=1.0) == pytest.approx(0.25, abs=1e-5)
    monkeypatch.setattr('posescope.capture.attention.attention_call._MOST_WEIGHTS', 1)  # a person at a time
    assert off.check(tolerance=1.0) == pytest.approx(0.25, abs=1e-5)
    off.forget_values()
    with pytest.raises(CaptureError, match='keep_values=True'):
        off.check()


def test_values_that_cancel_leave_rounding_which_is_no_difference() -> None:
    """A GPU adds in another order: where nothing else is left of the sum, that is all of it."""
    values = drawn(PEOPLE, HEADS, CELLS, SIZE, seed=2)
    values -= values.mean(2, keepdim=True)
    flat = call(q=torch.zeros(PEOPLE, HEADS, CELLS, SIZE), v=values)
    flat.output = flat.full().flip(-1) @ values.flip(2)
    assert 0 < flat.output.abs().max() < 1e-6
    flat.check()
    flat.output[0, 0, 0, 0] += 1e-4
    with pytest.raises(CaptureError, match='differs from its own output'):
        flat.check()
