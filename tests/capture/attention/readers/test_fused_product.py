import pytest
import torch
import torch.nn.functional as F

from posescope.capture.attention.product_watch import ProductWatch
from posescope.capture.attention.readers.fused_product import read_product
from tests.capture.attention.attending import CLOSE, drawn, softmax

CASES = {
    'plain': ((2, 3, 5, 4), (2, 3, 7, 4), {}),
    'one head': ((2, 5, 4), (2, 7, 4), {}),
    'windows': ((2, 6, 3, 5, 4), (2, 6, 3, 7, 4), {}),
    'scale': ((2, 3, 5, 4), (2, 3, 7, 4), {'scale': 0.3}),
    'causal': ((2, 3, 5, 4), (2, 3, 7, 4), {'is_causal': True}),
    'boolean': ((2, 3, 5, 4), (2, 3, 7, 4), {'attn_mask': drawn(2, 1, 5, 7) > -1}),
    'numbers': ((2, 3, 5, 4), (2, 3, 7, 4), {'attn_mask': drawn(5, 7)}),
    'numbers, windows': ((2, 6, 3, 5, 4), (2, 6, 3, 7, 4), {'attn_mask': drawn(6, 1, 5, 7)}),
    'numbers, one head': ((2, 5, 4), (2, 7, 4), {'attn_mask': drawn(2, 5, 7)}),
    'groups': ((2, 6, 5, 4), (2, 3, 7, 4), {'enable_gqa': True}),
}


@pytest.mark.parametrize('case', CASES)
def test_rows_of_every_way_to_call_it(case) -> None:
    """Against attention to values that are one for one key each, whose outputs are the weights."""
    query, key, options = CASES[case]
    q, k = drawn(*query), drawn(*key, seed=1)
    ones = torch.eye(key[-2]).expand(*key[:-1], -1).contiguous()
    expected = F.scaled_dot_product_attention(q, k, ones, **options)
    found = []
    with ProductWatch(found.append):
        F.scaled_dot_product_attention(q, k, drawn(*key[:-1], 2, seed=2), **options)
    call = read_product('attn', found[0])
    assert call.q.ndim == call.k.ndim == call.v.ndim == 4
    rows = call.full()
    torch.testing.assert_close(rows.reshape(expected.shape), expected, **CLOSE)
    assert call.check() < 1e-5
    last = call.rows(torch.full((call.people, 1), 4))
    torch.testing.assert_close(last[:, :, 0], rows[:, :, 4], **CLOSE)


def test_eager_attention_agrees_with_the_values_that_are_one() -> None:
    q, k = drawn(2, 3, 5, 4), drawn(2, 3, 7, 4, seed=1)
    found = []
    with ProductWatch(found.append):
        F.scaled_dot_product_attention(q, k, k, dropout_p=0.5)
    call = read_product('attn', found[0])
    torch.testing.assert_close(call.full(), softmax(q @ k.mT / 2), **CLOSE)
    assert not call.exact
