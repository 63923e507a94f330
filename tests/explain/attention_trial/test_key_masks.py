"""Masked attention against attention written out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmpretrain.models.utils.attention import MultiheadAttention as MMPretrainAttention
from torch import Tensor, nn

from posescope.capture.attention import AttentionTaps
from posescope.errors import InputError
from posescope.explain.attention_trial.key_masks import KeyMasks
from tests.capture.attention.attending import Model, drawn, heads, shaken, softmax

PEOPLE, LENGTH, SIZE, HEADS = 2, 12, 16, 4


def masks(people: int = PEOPLE, queries: int = LENGTH, keys: int = LENGTH) -> Tensor:
    """Some keys of the queries 3 and 7 of the first, and 5 of the second person."""
    left_out = torch.zeros(people, queries, keys, dtype=torch.bool)
    left_out[0, 3, [1, 4, 9]] = True
    left_out[0, 7, 2] = True
    left_out[1, 5, :6] = True
    return left_out


def run(module: nn.Module, left_out: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    model = Model(module)
    with torch.no_grad(), KeyMasks(model, ['inner.attn']) as entered:
        entered.left_out = {'inner.attn': left_out}
        output = model(*args, **kwargs)
        entered.finish()
    with torch.no_grad():
        plain = model(*args, **kwargs)
    output, plain = (each[0] if isinstance(each, tuple) else each for each in (output, plain))
    assert not torch.allclose(output, plain, atol=1e-3)
    return output


def written_out(q: Tensor, k: Tensor, v: Tensor, left_out: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """(N, L, heads · d), of (N, heads, L, d)."""
    scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5 + bias
    weights = softmax(scores.masked_fill(left_out[:, None], -torch.inf))
    return (weights @ v).transpose(1, 2).flatten(2)


def check(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize('options', [{}, {'qk_scale': SIZE**0.5}])
def test_mmpretrain_fused_and_written_in_python(options: dict[str, Any]) -> None:
    """With any qk_scale mmpretrain 1.2.0 multiplies scores by √d, where it divides by it otherwise."""
    module: Any = shaken(MMPretrainAttention(SIZE, HEADS, **options))
    tokens = drawn(PEOPLE, LENGTH, SIZE)
    q, k, v = (heads(part, HEADS) for part in module.qkv(tokens).chunk(3, -1))
    if options:
        q = q * (SIZE // HEADS)
    check(run(module, masks(), tokens), module.proj(written_out(q, k, v, masks())).detach())


@pytest.mark.parametrize('fused', [True, False])
def test_timm(fused: bool) -> None:
    vision = pytest.importorskip('timm.models.vision_transformer')
    module: Any = shaken(vision.Attention(SIZE, HEADS, qkv_bias=True))
    module.fused_attn = fused
    tokens = drawn(PEOPLE, LENGTH, SIZE)
    q, k, v = (heads(part, HEADS) for part in module.qkv(tokens).chunk(3, -1))
    check(run(module, masks(), tokens), module.proj(written_out(q, k, v, masks())).detach())


def torch_parts(module: Any, query: Tensor, memory: Tensor) -> list[Tensor]:
    weights, biases = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    tokens = query, memory, memory
    return [heads(t @ w.T + b, HEADS) for t, w, b in zip(tokens, weights, biases, strict=True)]


@pytest.mark.parametrize('batch_first', [True, False])
@pytest.mark.parametrize('need_weights', [True, False])
@pytest.mark.parametrize('masked', ['', 'attention', 'each', 'padding'])
def test_torch_beside_masks_of_its_own(batch_first: bool, need_weights: bool, masked: str) -> None:
    module: Any = shaken(nn.MultiheadAttention(SIZE, HEADS, batch_first=batch_first))
    query, memory, left_out = drawn(PEOPLE, 9, SIZE, seed=1), drawn(PEOPLE, LENGTH, SIZE), masks(queries=9)
    options: dict[str, Any] = {}
    bias: Tensor | float = 0.0
    if masked == 'attention':
        options['attn_mask'] = bias = drawn(9, LENGTH, seed=2)
    elif masked == 'each':
        own = torch.zeros(PEOPLE * HEADS, 9, LENGTH, dtype=torch.bool)
        own[1, 3, 8] = True
        options['attn_mask'] = own
        bias = torch.zeros(own.shape).masked_fill(own, -torch.inf).view(PEOPLE, HEADS, 9, LENGTH)
    elif masked == 'padding':
        padding = torch.zeros(PEOPLE, LENGTH, dtype=torch.bool)
        padding[1, 10:] = True
        options['key_padding_mask'] = padding
        bias = torch.zeros(padding.shape).masked_fill(padding, -torch.inf)[:, None, None]
    given = [tokens if batch_first else tokens.transpose(0, 1) for tokens in (query, memory, memory)]
    found = run(module, left_out, *given, need_weights=need_weights, **options)
    found = found if batch_first else found.transpose(0, 1)
    expected = module.out_proj(written_out(*torch_parts(module, query, memory), left_out, bias)).detach()
    check(found, expected)


def test_torch_adds_keys_that_stay() -> None:
    module: Any = shaken(nn.MultiheadAttention(SIZE, HEADS, batch_first=True, add_bias_kv=True))
    tokens = drawn(PEOPLE, LENGTH, SIZE)
    left_out = masks(keys=LENGTH + 1)
    q, k, v = torch_parts(module, tokens, tokens)
    k, v = (
        torch.cat([old, heads(new.expand(PEOPLE, -1, -1), HEADS)], 2)
        for old, new in ((k, module.bias_k), (v, module.bias_v))
    )
    check(run(module, left_out, tokens, tokens, tokens), module.out_proj(written_out(q, k, v, left_out)).detach())


class Own(nn.Module):
    """Attention of one's own, by a function of q, k and v."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.attend = attend

    def forward(self, tokens: Tensor) -> Tensor:
        return self.attend(tokens, tokens.roll(1, 1), tokens.roll(2, 1))


def test_fused_without_heads_and_causal() -> None:
    fused = nn.functional.scaled_dot_product_attention
    tokens, left_out = drawn(PEOPLE, LENGTH, SIZE), masks()
    q, k, v = (tokens.roll(step, 1)[:, None] for step in (0, 1, 2))
    check(run(Own(fused), left_out, tokens), written_out(q, k, v, left_out))
    causal = torch.full((LENGTH, LENGTH), -torch.inf).triu(1)
    left_out[1, 5, 0] = False  # something has to be left to look at
    found = run(Own(lambda *qkv: fused(*qkv, is_causal=True)), left_out, tokens)
    check(found, written_out(q, k, v, left_out, causal))


def test_queries_beyond_those_of_the_mask_see_everything() -> None:
    fused = nn.functional.scaled_dot_product_attention
    tokens = drawn(PEOPLE, LENGTH, SIZE)
    q, k, v = (tokens.roll(step, 1)[:, None] for step in (0, 1, 2))
    check(run(Own(fused), masks()[:, :6], tokens), written_out(q, k, v, masks() & (torch.arange(LENGTH) < 6)[:, None]))


def test_only_the_rows_of_masked_queries_change() -> None:
    module, tokens = shaken(MMPretrainAttention(SIZE, HEADS)), drawn(PEOPLE, LENGTH, SIZE)
    changed = (run(module, masks(), tokens) - module(tokens)).abs().amax(2) > 1e-6
    assert changed.nonzero().tolist() == [[0, 3], [0, 7], [1, 5]]


def test_leaves_no_trace() -> None:
    module = Model(shaken(MMPretrainAttention(SIZE, HEADS)))
    tokens = drawn(PEOPLE, LENGTH, SIZE)
    with torch.no_grad(), AttentionTaps(module, keep_values=True) as taps:
        before = module(tokens)
        with pytest.raises(RuntimeError, match='stop'), KeyMasks(module, ['inner.attn']) as entered:
            entered.left_out = {'inner.attn': masks()}
            raise RuntimeError('stop')
        assert torch.equal(module(tokens), before)
    assert 'forward' not in module.inner.attn.__dict__
    assert taps.names == ('inner.attn',)


def test_attention_that_no_mask_reaches_is_refused() -> None:
    def squared(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (q @ k.transpose(1, 2)).relu().square() @ v

    model = Model(Own(squared))
    with KeyMasks(model, ['inner.attn']) as entered:
        entered.left_out = {'inner.attn': masks()}
        model(drawn(PEOPLE, LENGTH, SIZE))
        with pytest.raises(InputError, match=r'inner\.attn \(Own\) computes attention in a way that no mask reaches'):
            entered.finish()
