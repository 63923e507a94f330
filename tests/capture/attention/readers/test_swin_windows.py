import mmpose.models.backbones.swin as mmpose_swin
import mmpretrain.models.utils.attention as mmpretrain_swin
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.capture.attention.attending import asked_and_all, attend, drawn, heads, shaken, softmax

SECOND = {'window_msa': mmpretrain_swin.WindowMSAV2}
LIBRARIES = {'mmpose': (mmpose_swin, {}), 'mmpretrain': (mmpretrain_swin, {}), 'second': (mmpretrain_swin, SECOND)}


def eager(module: nn.Module, tokens: Tensor, height: int, width: int) -> Tensor:
    """Attention over the padded map, pair by pair, then without padding.

    Cell y of the padded map is in window (y - shift) mod rows // size. A pair in one window that does not touch on the
    map, since the map was rolled, is 100 lower.
    """
    size, shift, attention = module.window_size, module.shift_size, module.w_msa
    if min(height, width) == size and hasattr(module, 'pad_small_map'):
        shift = shift if module.pad_small_map else 0
    rows, columns = height + -height % size, width + -width % size
    padded = torch.zeros(len(tokens), rows, columns, tokens.shape[-1])
    padded[:, :height, :width] = tokens.unflatten(1, (height, width))
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing='ij')
    y, x = y.flatten(), x.flatten()
    v, u = (y - shift) % rows, (x - shift) % columns  # where the roll brings a cell
    same = (v[:, None] // size == v // size) & (u[:, None] // size == u // size)
    around = ((y < shift)[:, None] == (y < shift)) & ((x < shift)[:, None] == (x < shift))
    dy, dx = ((a[:, None] - a).clamp(1 - size, size - 1) + size - 1 for a in (v, u))
    scores, table = products(attention, padded.flatten(1, 2))
    scores = scores + table[dy * (2 * size - 1) + dx].permute(2, 0, 1) - 100.0 * ~around
    real = (y < height) & (x < width)
    return softmax(scores.masked_fill(~same, -torch.inf))[:, :, real][..., real]


def products(attention: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Products of queries and keys, and the table of relative positions (offsets, heads)."""
    if not hasattr(attention, 'cpb_mlp'):
        q, k, _ = (heads(t, attention.num_heads) for t in attention.qkv(tokens).chunk(3, -1))
        return q @ k.mT * attention.scale, attention.relative_position_bias_table
    q, k, _ = (heads(t, attention.num_heads) for t in F.linear(tokens, attention.qkv.weight).chunk(3, -1))
    q = q + heads(attention.q_bias[None, None], attention.num_heads)
    cosines = F.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1)
    table = attention.cpb_mlp(attention.relative_coords_table).flatten(0, 2)
    return cosines * attention.logit_scale.exp().clamp(max=100), 16 * table.sigmoid()


@pytest.mark.parametrize('library', LIBRARIES)
@pytest.mark.parametrize('size', [(6, 9), (7, 5), (3, 8)])
@pytest.mark.parametrize('shift', [0, 1])
def test_rows_over_the_whole_map(library, size, shift) -> None:
    source, options = LIBRARIES[library]
    module = shaken(source.ShiftWindowMSA(8, 2, 3, shift_size=shift, **options))
    tokens = drawn(2, size[0] * size[1], 8)
    call = attend(module, tokens, size)
    with torch.no_grad():
        asked_and_all(call, eager(module, tokens, *size), [0, 7, size[0] * size[1] - 1])
