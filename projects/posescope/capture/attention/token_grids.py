"""Which tokens are cells of a map: sizes of maps as the model's strided convolutions made them."""

from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from torch import Tensor, nn

from posescope.capture.attention.attention_call import GridSize
from posescope.capture.interception import Interception
from posescope.capture.layers import named_layers

__all__ = ['MOST_PREFIX_TOKENS', 'GridWatch', 'prefix_tokens']

MOST_PREFIX_TOKENS = 16
"""Most tokens before a map whose size the user gave."""


class GridWatch(AbstractContextManager['GridWatch']):
    """While entered, remembers the sizes of maps that convolutions with a stride gave, patch embeddings among them.

    Args:
        model: Whose convolutions are watched.
        grid: Size of the map that all sequences are made of; then nothing is watched.
    """

    def __init__(self, model: nn.Module, grid: GridSize | None = None) -> None:
        self._model = model
        self._grid = grid
        self._sizes: dict[GridSize, None] = {}
        self._stack = ExitStack()

    def __enter__(self) -> 'GridWatch':
        with ExitStack() as stack:
            for name, module in named_layers(self._model).items() if self._grid is None else ():
                if isinstance(module, nn.Conv2d) and max(module.stride) > 1:
                    stack.enter_context(Interception(module, after=self._remember, name=name))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def find(self, length: int, prefix: int) -> tuple[GridSize, int] | None:
        """Find the map that a sequence is made of.

        Args:
            length: Number of tokens.
            prefix: How many of them come before the map, for all that the model says.

        Returns:
            Its size, and the number of tokens before it; None if no map fits, or several.
        """
        if self._grid is not None:
            before = length - self._grid[0] * self._grid[1]
            return (self._grid, before) if 0 <= before <= MOST_PREFIX_TOKENS else None
        fitting = [size for size in self._sizes if size[0] * size[1] == length - prefix]
        return (fitting[0], prefix) if len(fitting) == 1 else None

    def forget(self) -> None:
        """Start anew: another batch may have pictures of another size."""
        self._sizes.clear()

    def _remember(self, output: Tensor) -> Tensor:
        self._sizes[output.shape[-2], output.shape[-1]] = None
        return output


def prefix_tokens(modules: dict[str, nn.Module], name: str) -> int:
    """How many tokens come before the map, as the nearest module around an attention says.

    Args:
        modules: All modules by name.
        name: Of the attention.
    """
    while True:
        module = modules[name]
        for attribute in ('num_extra_tokens', 'num_prefix_tokens'):
            if isinstance(count := getattr(module, attribute, None), int):
                return count
        if any(isinstance(getattr(module, token, None), Tensor) for token in ('cls_token', 'class_token')):
            return 1
        if not name:
            return 0
        name = name.rpartition('.')[0]
