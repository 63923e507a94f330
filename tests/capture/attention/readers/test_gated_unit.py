import math

import pytest
import torch
from mmpose.models.utils.rtmcc_block import RTMCCBlock
from mmpose.models.utils.transformer import GAUEncoder
from torch import Tensor

from tests.capture.attention.attending import asked_and_all, attend, drawn, shaken

S = 6


def kernel(q: Tensor, k: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    return ((q @ k.mT + bias) / math.sqrt(S)).clamp(min=0) ** 2


def normed(module, tokens: Tensor) -> Tensor:
    return tokens / tokens.norm(dim=-1, keepdim=True) * tokens.shape[-1] ** 0.5 * module.ln.g


def base(module, tokens: Tensor) -> Tensor:
    hidden = torch.nn.functional.silu(normed(module, tokens) @ module.uv.weight.T)
    return hidden[..., -S:]


def rotated(tokens: Tensor) -> Tensor:
    """Pairs (i, i + half) of token t turned by t · 10000^(i / half); RoFormer turns by t · 10000^(-i / half)."""
    half = tokens.shape[-1] // 2
    angle = torch.arange(tokens.shape[1])[:, None] * 10000.0 ** (torch.arange(half) / half)
    turned = torch.complex(tokens[..., :half], tokens[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], -1)


@pytest.mark.parametrize('relative', [True, False])
@pytest.mark.parametrize('rotary', [True, False])
@pytest.mark.parametrize('out', [8, 10])
def test_joints_of_rtmpose(relative, rotary, out) -> None:
    module = shaken(RTMCCBlock(5, 8, out, s=S, use_rel_bias=relative, pos_enc=rotary))
    tokens = drawn(3, 5, 8)
    call = attend(module, tokens)
    assert (call.tokens, call.kind) == ('joints', 'squared_relu')
    with torch.no_grad():
        q, k = (base(module, tokens) * module.gamma[i] + module.beta[i] for i in range(2))
        if rotary:
            q, k = rotated(q), rotated(k)
        bias = torch.tensor([[module.w[j - i + 4] for j in range(5)] for i in range(5)]) if relative else 0.0
        expected = kernel(q, k, bias)[:, None]
    assert (expected > 0).float().mean() > 0.1
    asked_and_all(call, expected, [0, 4, 2])


@pytest.mark.parametrize('rotary', [True, False])
def test_cross_attention(rotary) -> None:
    module = shaken(RTMCCBlock(5, 8, 8, s=S, attn_type='cross-attn', use_rel_bias=False, pos_enc=rotary))
    query, key, value = drawn(2, 5, 8), drawn(2, 7, 8, seed=1), drawn(2, 7, 8, seed=2)
    call = attend(module, (query, key, value))
    with torch.no_grad():
        q, k = base(module, query), key @ module.k_fc.weight.T
        if rotary:
            q, k = rotated(q), rotated(k)
    asked_and_all(call, kernel(q, k)[:, None], [0, 4])
    assert call.tokens == 'sequence'


@pytest.mark.parametrize('kind', ['none', 'add', 'rope'])
@pytest.mark.parametrize('masked', [True, False])
def test_the_unit_of_rtmo_with_people_in_a_picture(kind, masked) -> None:
    module = shaken(GAUEncoder(8, 8, s=S, pos_enc=kind))
    angles = drawn(5, S // 2, seed=1)
    positions = torch.cat([angles.cos(), angles.sin()], -1)  # RTMO's turn pairs, so that no product grows by them
    tokens = drawn(2, 3, 5, 8)
    mask = (drawn(5, 5, seed=2) > 0).float() if masked else None
    call = attend(module, tokens, mask, None if kind == 'none' else positions)
    with torch.no_grad():
        q, k = (base(module, tokens) * module.gamma[i] + module.beta[i] for i in range(2))
        if kind == 'add':
            q, k = q + positions, k + positions
        if kind == 'rope':
            cos, sin = positions.chunk(2, -1)
            q, k = (torch.cat([a * cos - b * sin, b * cos + a * sin], -1) for a, b in (t.chunk(2, -1) for t in (q, k)))
        expected = kernel(q, k) * (1.0 if mask is None else mask)
    asked_and_all(call, expected.flatten(0, 1)[:, None], [0, 3])


def test_nobody_in_the_picture() -> None:
    module = shaken(GAUEncoder(8, 8, s=S))
    assert attend(module, drawn(0, 5, 8)).full().shape == (0, 1, 5, 5)
