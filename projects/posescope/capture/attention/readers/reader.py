"""What a reader of one kind of attention module is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from posescope.capture.attention.attention_call import AttentionCall

__all__ = ['PartCall', 'Reader', 'Seen', 'heads_first', 'merge_heads', 'split_qkv']


@dataclass
class PartCall:
    """The last call of a module.

    Attributes:
        args: Positional arguments.
        kwargs: Keyword arguments.
        output: What it gave.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None

    def argument(self, place: int, name: str) -> Any:
        """An argument by position or name; None if it was not given."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name)


@dataclass
class Seen(PartCall):
    """A call of an attention module, and what its parts did meanwhile.

    Attributes:
        parts: Calls of the parts that the reader asked for, by name.
    """

    parts: dict[str, PartCall] = field(default_factory=dict)


class Reader(ABC):
    """Knows how one kind of module attends.

    A reader computes no attention. It finds the queries and keys that the module made anyway in what its parts gave,
    and says how scores are made of them.

    Attributes:
        classes: Fully qualified names of the classes that it reads, so that no library is imported for it.
    """

    classes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """Names of the submodules whose calls it needs to see, relative to the module."""

    @abstractmethod
    def read(self, name: str, module: nn.Module, seen: Seen) -> AttentionCall:
        """Describe a call that has just ended; tensors may be the model's own memory.

        Args:
            name: Of the module.
            module: Whose call it was.
            seen: The call.

        Raises:
            CaptureError: The module was called in a way that the reader does not know.
        """


def heads_first(tokens: Tensor, heads: int) -> Tensor:
    """Cut (N, L, heads · d) into heads, (N, heads, L, d)."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


def split_qkv(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut (N, L, 3 · heads · d), as one linear layer gives it, into queries, keys and values, (N, heads, L, d) each."""
    q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return q, k, v


def merge_heads(mixed: Tensor) -> Tensor:
    """Join (N, heads, L, d) to (N, L, heads · d), as output projections take it."""
    return mixed.transpose(1, 2).flatten(2)
