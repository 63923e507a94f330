import itertools

import pytest
import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention as MMCVAttention
from torch import nn

from posescope.capture.attention import AttentionTaps
from tests.capture.attention.attending import CLOSE, asked_and_all, attend, drawn, shaken


def weights(module: nn.MultiheadAttention, *tokens: torch.Tensor, **masks: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return module(*tokens, need_weights=True, average_attn_weights=False, **masks)[1]


def masks_of(kind: str, heads: int) -> dict[str, torch.Tensor]:
    """Masks for 2 people, 5 queries and 7 keys; the first key always takes part."""
    padding = drawn(2, 7, seed=3) > 0.3
    square = drawn(5, 7, seed=4) > 0.3
    padding[:, 0] = square[:, 0] = False
    return {
        'none': {},
        'padding': {'key_padding_mask': padding},
        'square': {'attn_mask': square},
        'both': {'key_padding_mask': padding, 'attn_mask': square},
        'numbers': {'attn_mask': drawn(5, 7, seed=5)},
        'of each head': {'attn_mask': drawn(2 * heads, 5, 7, seed=5)},
    }[kind]


@pytest.mark.parametrize('batch_first', [True, False])
@pytest.mark.parametrize('kind', ['none', 'padding', 'square', 'both', 'numbers', 'of each head'])
def test_cross_attention_with_masks(batch_first, kind) -> None:
    module = shaken(nn.MultiheadAttention(12, 3, batch_first=batch_first))
    tokens = [drawn(2, length, 12, seed=i) for i, length in enumerate((5, 7, 7))]
    if not batch_first:
        tokens = [t.transpose(0, 1) for t in tokens]
    masks = masks_of(kind, 3)
    call = attend(module, *tokens, **masks)
    assert call.q.shape == (2, 3, 5, 4)
    asked_and_all(call, weights(module, *tokens, **masks), [0, 3])


@pytest.mark.parametrize(('bias', 'zero', 'other'), list(itertools.product([True, False], repeat=3)))
def test_extra_keys_and_projections_of_other_sizes(bias, zero, other) -> None:
    sizes = {'kdim': 8, 'vdim': 6} if other else {}
    module = shaken(nn.MultiheadAttention(12, 3, batch_first=True, add_bias_kv=bias, add_zero_attn=zero, **sizes))
    tokens = drawn(2, 5, 12), drawn(2, 7, sizes.get('kdim', 12), seed=1), drawn(2, 7, sizes.get('vdim', 12), seed=2)
    masks = masks_of('padding', 3)
    asked_and_all(attend(module, *tokens, **masks), weights(module, *tokens, **masks), [0, 4])


def test_one_person_without_a_batch() -> None:
    module = shaken(nn.MultiheadAttention(12, 3))
    tokens = drawn(5, 12)
    asked_and_all(attend(module, tokens, tokens, tokens), weights(module, tokens, tokens, tokens)[None], [0, 4])


@pytest.mark.parametrize('need_weights', [True, False])
def test_whether_the_caller_wants_weights_or_not(need_weights) -> None:
    module = shaken(nn.MultiheadAttention(12, 2, batch_first=True))
    tokens = drawn(2, 6, 12)
    call = attend(module, tokens, tokens, tokens, need_weights=need_weights)
    asked_and_all(call, weights(module, tokens, tokens, tokens), [5])


@pytest.mark.parametrize('batch_first', [True, False])
def test_the_wrapper_of_mmcv_adds_positions(batch_first) -> None:
    module = shaken(MMCVAttention(12, 3, batch_first=batch_first))
    tokens = [drawn(2, length, 12, seed=i) for i, length in enumerate((5, 7, 5, 7))]
    query, key, query_pos, key_pos = tokens if batch_first else [t.transpose(0, 1) for t in tokens]
    call = attend(module, query, key, query_pos=query_pos, key_pos=key_pos)
    expected = weights(
        module.attn, *(t if not batch_first else t.transpose(0, 1) for t in (query + query_pos, key + key_pos, key))
    )
    asked_and_all(call, expected, [0, 2])


def test_encoder_layers_do_not_slip_past_by_their_fast_path() -> None:
    torch.manual_seed(0)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 24, batch_first=True), 2).eval()
    tokens = drawn(2, 6, 12)
    with torch.no_grad(), AttentionTaps(model) as taps:
        output = model(tokens)
        taps.finish(1)
    with torch.no_grad():
        torch.testing.assert_close(output, model(tokens), **CLOSE)
    assert taps.names == ('layers.0.self_attn', 'layers.1.self_attn')
    first = model.layers[0].self_attn
    asked_and_all(taps.calls['layers.0.self_attn'][0], weights(first, tokens, tokens, tokens), [0, 5])
