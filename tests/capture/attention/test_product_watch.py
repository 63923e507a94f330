import functools

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from posescope.capture.attention.product_watch import Product, ProductWatch
from tests.capture.attention.attending import drawn

HELD = F.scaled_dot_product_attention
"""As mmpretrain holds it."""


def test_sees_calls_however_the_function_is_held() -> None:
    q, k, v, mask = (drawn(1, 2, 3, 4, seed=i) for i in range(4))
    mask = mask[..., :3]
    seen: list[Product] = []
    with ProductWatch(seen.append):
        outputs = [
            HELD(q, k, v, mask),
            functools.partial(HELD, scale=0.3)(query=q, key=k, value=v, is_causal=True),
            torch._C._nn.scaled_dot_product_attention(q, k, v),
        ]
        torch.softmax(q, -1)
    assert [product.output is output for product, output in zip(seen, outputs, strict=True)] == [True] * 3
    assert (seen[0].attn_mask is mask, seen[0].scale, seen[0].is_causal) == (True, None, False)
    assert (seen[1].attn_mask, seen[1].scale, seen[1].is_causal) == (None, 0.3, True)
    assert (seen[1].query is q, seen[1].key is k, seen[1].value is v) == (True, True, True)
    HELD(q, k, v)
    assert len(seen) == 3


def test_leaves_from_below_others() -> None:
    class Other(TorchFunctionMode):
        pass

    first, other, second = ProductWatch(print), Other(), ProductWatch(print)
    before = _get_current_function_mode_stack()
    for mode in (first, other, second):
        mode.__enter__()
    first.remove()
    assert _get_current_function_mode_stack() == [*before, other, second]
    second.remove()
    other.__exit__(None, None, None)
    assert _get_current_function_mode_stack() == before
