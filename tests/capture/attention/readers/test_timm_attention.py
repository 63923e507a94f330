import pytest
import torch
from torch import nn

from tests.capture.attention.attending import asked_and_all, attend, drawn, heads, shaken, softmax

attention = pytest.importorskip('timm.layers.attention', reason='timm is not installed')


def eager(module: nn.Module, tokens: torch.Tensor, mask: torch.Tensor | float = 0.0) -> torch.Tensor:
    with torch.no_grad():
        q, k, _ = (heads(t, module.num_heads) for t in module.qkv(tokens).chunk(3, -1))
        return softmax(module.q_norm(q) @ module.k_norm(k).mT / q.shape[-1] ** 0.5 + mask)


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize(
    'options', [{}, {'qk_norm': True, 'scale_norm': True, 'gated': True, 'norm_layer': nn.LayerNorm}]
)
def test_rows_whether_fused_or_not(fused, options) -> None:
    module = shaken(attention.Attention(24, 3, qkv_bias=True, **options))
    module.fused_attn = fused
    tokens = drawn(2, 9, 24)
    asked_and_all(attend(module, tokens), eager(module, tokens), [0, 8, 3])


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('kind', ['taking part', 'added', 'causal'])
def test_masks(fused, kind) -> None:
    module = shaken(attention.Attention(24, 3))
    module.fused_attn = fused
    tokens = drawn(2, 6, 24)
    if kind == 'causal':
        mask = torch.ones(6, 6).tril().log()
        call = attend(module, tokens, is_causal=True)
    elif kind == 'added':
        mask = drawn(2, 3, 6, 6, seed=1)
        call = attend(module, tokens, attn_mask=mask)
    else:
        taking_part = drawn(6, 6, seed=1) > -0.5
        taking_part.fill_diagonal_(True)
        mask = torch.where(taking_part, 0.0, -torch.inf)
        call = attend(module, tokens, taking_part)
    asked_and_all(call, eager(module, tokens, mask), [0, 5])
