"""The encoder against PyTorch's own, whose weights it is given."""

import pytest
import torch
from torch import nn

from posescope.errors import InputError
from posescope.models.layers.token_attention import TokenAttention
from posescope.models.layers.token_encoder import TokenEncoderLayer


def copied(theirs: nn.MultiheadAttention, ours: TokenAttention) -> None:
    weights, biases = theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
    for name, weight, bias in zip(('query', 'key', 'value'), weights, biases, strict=True):
        getattr(ours, name).load_state_dict({'weight': weight, 'bias': bias})
    ours.out.load_state_dict(theirs.out_proj.state_dict())


def shaken(module: nn.Module) -> nn.Module:
    """No parameter at zero or one."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.eval()


@torch.no_grad()
def test_attention_adds_positions_to_queries_and_keys_alone() -> None:
    torch.manual_seed(0)
    theirs = shaken(nn.MultiheadAttention(12, 3, batch_first=True))
    ours = TokenAttention(12, 3)
    copied(theirs, ours)
    tokens, positions = torch.randn(2, 5, 12), torch.randn(5, 12)
    placed = tokens + positions
    expected, _ = theirs(placed, placed, tokens)
    torch.testing.assert_close(ours(tokens, positions), expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(ours(tokens, torch.zeros(5, 12)), expected, atol=1e-2)


@pytest.mark.parametrize('training', [False, True])
def test_a_layer_is_pytorchs_with_normalisation_first(training: bool) -> None:
    torch.manual_seed(0)
    theirs = shaken(nn.TransformerEncoderLayer(8, 2, 20, dropout=0.0, batch_first=True, norm_first=True))
    ours = TokenEncoderLayer(8, 2, 20).train(training)
    copied(theirs.self_attn, ours.attention)
    for mine, name in {
        'before_attention': 'norm1',
        'before_linear': 'norm2',
        'widen': 'linear1',
        'narrow': 'linear2',
    }.items():
        getattr(ours, mine).load_state_dict(getattr(theirs, name).state_dict())
    tokens = torch.randn(3, 6, 8)
    torch.testing.assert_close(ours(tokens, torch.zeros(6, 8)), theirs(tokens), rtol=1e-5, atol=1e-5)


def test_channels_have_to_fit_the_heads() -> None:
    with pytest.raises(InputError, match='10 channels cannot be cut into 4 heads: take a multiple of 4'):
        TokenAttention(10, 4)
