"""Sees calls of PyTorch's fused attention, whoever makes them and however they hold the function."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, overrides
from torch.overrides import TorchFunctionMode

__all__ = ['Product', 'ProductWatch']


@dataclass(frozen=True)
class Product:
    """A call of ``F.scaled_dot_product_attention``; meanings are PyTorch's.

    Attributes:
        query: (…, Lq, d).
        key: (…, Lk, d).
        value: (…, Lk, dv).
        attn_mask: Broadcastable to (…, Lq, Lk); True takes part, a number is added.
        dropout_p: Share of weights that was dropped.
        is_causal: Whether query i sees keys up to i.
        scale: Of the products; None for 1/√d.
        enable_gqa: Whether several query heads share a key head.
        output: (…, Lq, dv).
    """

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None
    dropout_p: float
    is_causal: bool
    scale: float | None
    enable_gqa: bool
    output: Tensor


class ProductWatch(TorchFunctionMode):
    """Hands every call of fused attention on; the kernel itself stays as it is.

    Args:
        receive: Called after each call.
    """

    def __init__(self, receive: Callable[[Product], None]) -> None:
        super().__init__()
        self._receive = receive

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function of PyTorch and look at it if it is fused attention."""
        result = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            self._receive(_product(result, *args, **(kwargs or {})))
        return result

    def remove(self) -> None:
        """Leave, also when others entered later and stay."""
        above = []
        while (mode := overrides._pop_mode()) is not self:
            above.append(mode)
        for mode in reversed(above):
            overrides._push_mode(mode)


def _product(
    output: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Product:
    """Name arguments as the function itself does."""
    return Product(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa, output)
