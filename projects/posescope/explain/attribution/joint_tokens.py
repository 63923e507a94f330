"""Tokens of a head that stand for joints, and the attention that goes through them on to cells of the backbone."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from posescope.capture.layers import named_layers
from posescope.errors import InputError
from posescope.explain.pose_function import PoseFunction
from posescope.models.layers.token_attention import TokenAttention

__all__ = ['all_rows', 'check_cells_go_on', 'through_cells', 'tokens_of_head']


def tokens_of_head(function: PoseFunction) -> int:
    """How many tokens of joints come before the map in the head's sequence: one for each joint, or none."""
    count = getattr(function.readout.head, 'num_prefix_tokens', 0)
    return len(function.joints) if count == len(function.joints) else 0


@contextmanager
def all_rows(model: nn.Module) -> Iterator[set[str]]:
    """While entered, attention between joints' tokens and cells is read with the rows of all tokens.

    Otherwise readers keep the joints' own rows, and attention cannot be followed through several layers.

    Yields:
        Names of the modules whose first tokens are joints'.
    """
    found = {
        name: module
        for name, module in named_layers(model).items()
        if isinstance(module, TokenAttention) and module.joint_tokens
    }
    before = {name: module.joint_tokens for name, module in found.items()}
    try:
        for module in found.values():
            module.joint_tokens = 0
        yield set(found)
    finally:
        for name, module in found.items():
            module.joint_tokens = before[name]


def check_cells_go_on(function: PoseFunction, method: str, backbone: tuple[int, int], head: tuple[int, int]) -> None:
    """Refuse a backbone with attention whose cells are not, one by one, those between which the head's attention is.

    Args:
        function: The model.
        method: Name of the method, for the message.
        backbone: Rows and columns of the map of the backbone's attention.
        head: Of the head's.

    Raises:
        InputError: Something between them mixes cells.
    """
    model = function.model
    neck = getattr(model, 'neck', None)
    if backbone != head or neck is not None:
        raise InputError(
            f"method '{method}' cannot follow attention from {type(function.readout.head).__name__} "
            f'({head[0]} × {head[1]} cells) on into {type(model.backbone).__name__} ({backbone[0]} × {backbone[1]} '
            f'cells): {"the maps differ" if neck is None else f"{type(neck).__name__} is between them"}'
        )


def through_cells(rows: Tensor, mixed: Tensor, prefix: int, count: int) -> Tensor:
    """Follow what joints' tokens draw from the head's cells on to what the backbone made these cells of.

    Args:
        rows: (B, K, cells), of the joints over the cells that the head was given.
        mixed: (B, L, L), of the backbone's tokens.
        prefix: How many tokens of the backbone come before its map.
        count: How many cells its map has.

    Returns:
        (B, K, cells).
    """
    cells = slice(prefix, prefix + count)
    return rows @ mixed[:, cells, cells]
