"""Whether every layer was called as often as it should be."""

from collections.abc import Iterable

from posescope.errors import CaptureError

__all__ = ['CallCounts']


class CallCounts:
    """Counts the calls of layers in each batch.

    A batch goes through a model in one or more passes (``flip_test`` makes two). In each pass a layer is called once,
    or a fixed number of times where the model calls it repeatedly; the first batch tells how many.

    Args:
        names: Of the layers.

    Attributes:
        calls_per_pass: Calls of each layer in one pass; empty until the first batch is finished.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._counts = dict.fromkeys(names, 0)
        self.calls_per_pass: dict[str, int] = {}

    def next_call(self, name: str) -> int:
        """Count a call; returns how many of this batch came before."""
        self._counts[name] += 1
        return self._counts[name] - 1

    def drop_silent(self) -> tuple[str, ...]:
        """Expect no calls any more of the layers that the current batch has not called; returns their names."""
        silent = tuple(name for name, count in self._counts.items() if not count)
        for name in silent:
            del self._counts[name]
        return silent

    def restart(self) -> None:
        """Forget the calls of the current batch."""
        self._counts = dict.fromkeys(self._counts, 0)

    def finish(self, passes: int) -> None:
        """End a batch.

        Args:
            passes: How often the batch went through the model.

        Raises:
            CaptureError: A layer was not called, or not as often in each pass as before.
        """
        counts = self._counts
        self.restart()
        for name, count in counts.items():
            expected = self.calls_per_pass.get(name)
            if count == 0:
                raise CaptureError(
                    f'{name or "the model"} was called 0 times in a batch, expected {passes * (expected or 1)}: this '
                    f"model does not run it in this mode or holds its method from before; '!{name}' leaves it out"
                )
            if count % passes or expected not in (None, count // passes):
                usual = f'{passes * expected} as before' if expected else f'a multiple of {passes} passes'
                raise CaptureError(f'{name or "the model"} was called {count} times in a batch, expected {usual}')
        if not self.calls_per_pass:
            self.calls_per_pass = {name: count // passes for name, count in counts.items()}
