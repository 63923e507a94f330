"""Keep queries of a model's attention from looking at some keys."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from posescope.capture.eager_mode import EagerMode
from posescope.capture.interception import Interception
from posescope.capture.layers import named_layers
from posescope.errors import InputError
from posescope.explain.attention_trial.masked_functions import masked_arguments

__all__ = ['KeyMasks']


class KeyMasks(AbstractContextManager['KeyMasks']):
    """While entered, scores of chosen queries with chosen keys are -inf before the softmax.

    The model computes attention with the functions that it has; those of PyTorch that take part are called with a mask
    more: ``F.scaled_dot_product_attention``, ``nn.MultiheadAttention``, and a softmax over scores. Attention that is
    made otherwise cannot be masked and is refused by :meth:`finish`.

    Args:
        model: Any model.
        layers: Names of all its attention modules, also of those that are not masked.

    Attributes:
        left_out: By name of a layer, (N, Lq, Lk) bool for the next pass: which keys take no part for each query, in
            all heads.
    """

    def __init__(self, model: nn.Module, layers: Iterable[str]) -> None:
        self._model = model
        modules = named_layers(model)
        self._modules = {name: modules[name] for name in layers}
        self._running: list[str] = []
        self._masked: Counter[str] = Counter()
        self._stack = ExitStack()
        self.left_out: Mapping[str, Tensor] = {}

    def __enter__(self) -> 'KeyMasks':
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            for name, module in self._modules.items():
                before, after = partial(self._begin, name), self._end
                stack.enter_context(Interception(module, before=before, after=after, name=name))
            stack.enter_context(_Calls(self))
            self.restart()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def finish(self) -> None:
        """End a pass: check that each layer was masked once.

        Raises:
            InputError: One was not, or more than once.
        """
        masked = self._masked.copy()
        self.restart()
        for name in self.left_out:
            if masked[name] != 1:
                kind = type(self._modules[name]).__name__
                how = 'in a way that no mask reaches' if not masked[name] else f'{masked[name]} times in a pass'
                raise InputError(
                    f'{name} ({kind}) computes attention {how}; keys can be masked in modules that call '
                    'F.scaled_dot_product_attention, nn.MultiheadAttention or a softmax over scores, once'
                )

    def masked(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments to call a function of PyTorch with."""
        name = self._running[-1] if self._running else ''
        if name not in self.left_out:
            return args, kwargs
        changed = masked_arguments(func, self.left_out[name], args, kwargs)
        if changed is None:
            return args, kwargs
        self._masked[name] += 1
        return changed

    def _begin(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._running.append(name)

    def _end(self, output: Any) -> Any:
        self._running.pop()
        return output

    def restart(self) -> None:
        """Forget the current pass, as if it had not begun."""
        self._running.clear()
        self._masked.clear()


class _Calls(TorchFunctionMode):
    """Shows every call of a function of PyTorch before it is made."""

    def __init__(self, masks: KeyMasks) -> None:
        super().__init__()
        self._masks = masks

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, kwargs = self._masks.masked(func, args, kwargs or {})
        return func(*args, **kwargs)
