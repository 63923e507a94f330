import pytest
import torch
from mmpretrain.models.utils.attention import MultiheadAttention

from posescope.capture.attention import AttentionTaps
from tests.capture.attention.attending import Model, asked_and_all, attend, drawn, heads, shaken, softmax


@pytest.mark.parametrize('options', [{}, {'qkv_bias': False}, {'v_shortcut': False, 'input_dims': 24}])
def test_rows_are_softmax_of_scaled_products(options) -> None:
    module = shaken(MultiheadAttention(16, 2, **options))
    tokens = drawn(3, 10, options.get('input_dims', 16))
    call = attend(module, tokens)
    q, k, _ = (heads(t, 2) for t in module.qkv(tokens).chunk(3, -1))
    with torch.no_grad():
        asked_and_all(call, softmax(q @ k.mT / 8**0.5), [0, 4, 9, 4])


def test_a_scale_that_was_given_is_used_as_the_library_uses_it() -> None:
    """It divides by d^-0.5."""
    module = shaken(MultiheadAttention(16, 2, qk_scale=0.1))
    tokens = drawn(2, 5, 16)
    call = attend(module, tokens)
    q, k, _ = (heads(t, 2) for t in module.qkv(tokens).chunk(3, -1))
    with torch.no_grad():
        asked_and_all(call, softmax(q @ k.mT * 8**0.5), [1, 2])


def test_bfloat16_by_autocast() -> None:
    """bfloat16 has 8 bits, so scores of size 3 are known to 0.01 and weights to 1 %."""
    module = shaken(MultiheadAttention(32, 2))
    tokens = drawn(2, 12, 32)
    with torch.autocast('cpu', torch.bfloat16):
        call = attend(module, tokens)
    assert call.q.dtype == torch.bfloat16
    q, k, _ = (heads(t, 2) for t in module.qkv(tokens).chunk(3, -1))
    with torch.no_grad():
        expected = softmax(q @ k.mT / 4)
    rows = call.full()
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, expected, rtol=0.1, atol=0.01)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(call.full(), rows)


def test_with_dropout_in_training_rows_are_those_before_dropout_and_nothing_is_compared() -> None:
    module = shaken(MultiheadAttention(16, 2, attn_drop=0.5)).train()
    tokens = drawn(2, 6, 16)
    model = Model(module)
    with AttentionTaps(model) as taps:
        model(tokens)
        taps.finish(1)
    q, k, _ = (heads(t, 2) for t in module.qkv(tokens).chunk(3, -1))
    with torch.no_grad():
        asked_and_all(taps.calls['inner.attn'][0], softmax(q @ k.mT / 8**0.5), [0])
