import pytest
import torch
from mmpose.models.backbones.hrformer import LocalWindowSelfAttention
from torch import Tensor

from tests.capture.attention.attending import asked_and_all, attend, drawn, heads, shaken, softmax


def eager(module: LocalWindowSelfAttention, tokens: Tensor, height: int, width: int) -> Tensor:
    """Attention over the whole map, pair by pair: padded cells are zero tokens, so they have the projection's bias."""
    (tall, wide), attention = module.window_size, module.attn
    above, left = (-height % tall) // 2, (-width % wide) // 2
    rows, columns = height + -height % tall, width + -width % wide
    padded = torch.zeros(len(tokens), rows, columns, tokens.shape[-1])
    padded[:, above : above + height, left : left + width] = tokens.unflatten(1, (height, width))
    q, k, _ = (heads(t, attention.num_heads) for t in attention.qkv(padded.flatten(1, 2)).chunk(3, -1))
    scores = q @ k.mT * attention.scale
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing='ij')
    y, x = y.flatten(), x.flatten()
    same = (y[:, None] // tall == y // tall) & (x[:, None] // wide == x // wide)
    if attention.with_rpe:
        dy, dx = (y[:, None] - y).clamp(1 - tall, tall - 1), (x[:, None] - x).clamp(1 - wide, wide - 1)
        offset = (dy + tall - 1) * (2 * wide - 1) + dx + wide - 1
        scores = scores + attention.relative_position_bias_table[offset].permute(2, 0, 1)
    real = (y >= above) & (y < above + height) & (x >= left) & (x < left + width)
    if module.with_pad_mask and rows > height and columns > width:
        same = same & real
    return softmax(scores.masked_fill(~same, -torch.inf))[:, :, real][..., real]


@pytest.mark.parametrize('size', [(6, 4), (7, 5), (4, 9), (2, 3)])
@pytest.mark.parametrize(
    'options', [{}, {'with_rpe': False}, {'with_pad_mask': True}, {'window_size': (2, 3)}, {'qk_scale': 0.4}]
)
def test_rows_over_the_whole_map(size, options) -> None:
    module = shaken(LocalWindowSelfAttention(8, 2, **{'window_size': 3, **options}))
    tokens = drawn(2, size[0] * size[1], 8)
    call = attend(module, tokens, *size)
    assert (call.people, call.queries, call.grid) == (2, size[0] * size[1], size)
    with torch.no_grad():
        expected = eager(module, tokens, *size)
    asked_and_all(call, expected, [0, 3, size[0] * size[1] - 1, 3])


def test_rows_lie_on_the_map_where_the_joint_is() -> None:
    size = (7, 5)
    module = shaken(LocalWindowSelfAttention(8, 2, 3))
    tokens = drawn(2, 35, 8)
    call = attend(module, tokens, H=7, W=5)
    places = torch.tensor([[[0.4, 3.6], [6.0, 0.0]], [[-3.0, 2.0], [3.5, 99.0]]])  # rows, columns
    cells = torch.tensor([[[0, 4], [6, 0]], [[0, 2], [4, 4]]])
    maps = call.rows_at(places)
    assert maps.shape == (2, 2, 2, 7, 5)
    with torch.no_grad():
        expected = eager(module, tokens, *size).unflatten(3, size).unflatten(2, size)
    for person in range(2):
        for number in range(2):
            y, x = cells[person, number]
            torch.testing.assert_close(maps[person, :, number], expected[person, :, y, x], rtol=0, atol=5e-5)
