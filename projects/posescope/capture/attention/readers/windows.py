"""What window attentions of several libraries share: relative positions and masks of windows."""

from typing import Any

from torch import Tensor

__all__ = ['relative_bias', 'window_bias']


def relative_bias(module: Any, table: Tensor) -> Tensor:
    """Look a window's relative positions up in their table.

    Args:
        module: With ``window_size`` and ``relative_position_index``.
        table: (offsets, heads).

    Returns:
        (1, heads, L, L).
    """
    length = module.window_size[0] * module.window_size[1]
    return table[module.relative_position_index.flatten()].view(length, length, -1).permute(2, 0, 1)[None]


def window_bias(bias: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """Add a mask (W, L, L), the same for all heads, to a bias (1, heads, L, L)."""
    if mask is None:
        return bias
    return mask[:, None] if bias is None else bias + mask[:, None]
