"""Read the attention of any model while it runs, without slowing its fused kernels."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from fnmatch import fnmatchcase
from functools import partial
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.attention.attention_call import AttentionCall, GridSize
from posescope.capture.attention.product_watch import Product, ProductWatch
from posescope.capture.attention.readers import PartCall, Reader, Seen, known_classes, reader_of
from posescope.capture.attention.readers.fused_product import read_product
from posescope.capture.attention.token_grids import GridWatch, prefix_tokens
from posescope.capture.call_counts import CallCounts
from posescope.capture.eager_mode import EagerMode
from posescope.capture.interception import Interception, in_backward
from posescope.capture.layers import named_layers, unwrapped
from posescope.errors import CaptureError, InputError, NoAttentionError, nearest

__all__ = ['AttentionTaps', 'attention_layers']


class AttentionTaps(AbstractContextManager['AttentionTaps']):
    """While entered, keeps queries and keys of a model's attention, of which rows are rebuilt when asked.

    The model computes what it computes anyway, with the kernels that it has, and runs eagerly (see
    :class:`~posescope.capture.eager_mode.EagerMode`). Classes with a reader are known before the model runs. Others are
    found in the first batch if they call ``F.scaled_dot_product_attention``, and are named by the innermost module that
    was running. In the first batch rows times values are compared with each module's own output.

    Args:
        model: Any model, also one that is distributed or compiled.
        layers: Patterns over names of attention modules, in which ``*`` goes across dots: ``*`` alone for all,
            ``backbone.*``. A pattern after ``!`` takes out again what it matches.
        grid: Height and width of the map that sequences are made of; found from the model's convolutions by default.
        keep_values: Keep values and outputs of all batches, so that :meth:`AttentionCall.check` can be called.
        tolerance: Of the comparison, see :meth:`AttentionCall.check`.

    Attributes:
        calls: By name, the calls of the current batch.

    Raises:
        InputError: A pattern matches nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: str | Sequence[str] = '*',
        grid: GridSize | None = None,
        keep_values: bool = False,
        tolerance: float | None = None,
    ) -> None:
        self._model = model
        self._modules = named_layers(model)
        known = attention_layers(model)
        self._patterns = [layers] if isinstance(layers, str) else list(layers)
        outside = {name: module for name, module in self._modules.items() if name and not _inside(name, known)}
        self._outside = {id(module): name for name, module in reversed(outside.items())}
        _check_patterns(self._patterns, list(known), list(self._outside.values()))
        self._known = {name: reader for name, reader in known.items() if self._wanted(name)}
        self._grids = GridWatch(model, grid)
        self._keep_values = keep_values
        self._tolerance = tolerance
        self._found: dict[str, None] = {}
        self._names: tuple[str, ...] = ()
        self._counted: Counter[str] = Counter()
        self._counts: CallCounts | None = None
        self._watch: ProductWatch | None = None
        self._stack = ExitStack()
        self.calls: dict[str, list[AttentionCall]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Attention modules that are read; those without a reader are known after the first batch."""
        return tuple(name for name in self._modules if name in self._known or name in self._found)

    def __enter__(self) -> 'AttentionTaps':
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            stack.enter_context(self._grids)
            for name, reader in self._known.items():
                self._enter_reader(stack, name, reader)
            if self._counts is None or self._found:
                self._watch = ProductWatch(self._receive)
                self._watch.__enter__()
                stack.callback(self._stop_watching)
            self.clear()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def finish(self, passes: int) -> None:
        """End a batch: check that every attention was called as often as it should be, and start to count anew.

        What was kept stays until :meth:`clear`.

        Args:
            passes: How often the batch went through the model, see :func:`~posescope.capture.passes.passes_of`.

        Raises:
            CaptureError: One was not called, or not as often in each pass as in batches before.
            InputError: After the first batch a pattern has matched no attention.
        """
        counted, self._counted = self._counted, Counter()
        if self._counts is None:
            self._check_found()
            self._names = self.names
            self._counts = CallCounts(self._names)
            if not self._found:
                self._stop_watching()  # there is nothing that only it would see
        for name in counted:
            if name not in self._names:
                raise CaptureError(f'{name} was called in this batch and not in the first one')
        for name, count in counted.items():
            for _ in range(count):
                self._counts.next_call(name)
        self._counts.finish(passes)
        self._grids.forget()

    def drop_silent(self) -> tuple[str, ...]:
        """Before the first batch is finished, leave out attention that it did not call; returns the names.

        For attention that nobody named, so that nobody is let down.
        """
        silent = tuple(name for name in self.names if not self._counted[name])
        self._known = {name: reader for name, reader in self._known.items() if name not in silent}
        return silent

    def clear(self) -> None:
        """Forget what was kept, and the calls of the current batch."""
        self.calls = {}
        self._counted.clear()
        self._grids.forget()

    def _wanted(self, name: str) -> bool:
        taken = any(fnmatchcase(name, pattern) for pattern in self._patterns)
        return taken and not any(fnmatchcase(name, pattern[1:]) for pattern in self._patterns if pattern[:1] == '!')

    def _enter_reader(self, stack: ExitStack, name: str, reader: Reader) -> None:
        """Watch a module that has a reader, and those of its parts that the reader needs."""
        module, seen = self._modules[name], Seen()
        for part in reader.parts(module):
            inner = unwrapped(module.get_submodule(part))
            before = partial(_begin_part, seen, part)
            after = partial(_end_part, seen, part)
            stack.enter_context(Interception(inner, before=before, after=after, name=f'{name}.{part}'))
        before = partial(_begin, seen)
        after = partial(self._read, name, reader, seen)
        stack.enter_context(Interception(module, before=before, after=after, name=name))

    @torch.no_grad()
    def _read(self, name: str, reader: Reader, seen: Seen, output: Any) -> Any:
        """Describe a call that has just ended."""
        seen.output = output
        module = self._modules[name]
        if not in_backward():
            for part in reader.parts(module):
                if part not in seen.parts:
                    raise CaptureError(f'{name} did not call its {part}, which its reader needs; it cannot be read')
            self._keep(reader.read(name, module, seen))
        _begin(seen, (), {})  # lets go of the model's memory
        return output

    @torch.no_grad()
    def _receive(self, product: Product) -> None:
        """Describe a call of the fused function, unless a reader does that."""
        name = None if in_backward() else _running(self._outside)
        if (
            name is not None
            and name not in self._known
            and self._wanted(name)
            and reader_of(self._modules[name]) is None
        ):
            self._found[name] = None
            self._keep(read_product(name, product))

    def _keep(self, call: AttentionCall) -> None:
        """Check a call in the first batch, and keep it in memory of its own."""
        self._lay_out(call)
        if self._counts is None and call.exact:
            call.check(self._tolerance)
        if self._keep_values:
            call.v = None if call.v is None else _owned(call.v)
            call.output = None if call.output is None else _owned(call.output)
        else:
            call.forget_values()
        call.q, call.k = _owned(call.q), _owned(call.k)
        call.bias = None if call.bias is None else call.bias.detach()
        self.calls.setdefault(call.name, []).append(call)
        self._counted[call.name] += 1

    def _lay_out(self, call: AttentionCall) -> None:
        """Say which map keys and queries are cells of, unless the reader knew."""
        if call.tokens != 'sequence':
            return
        prefix = prefix_tokens(self._modules, call.name)
        keys, queries = (self._grids.find(tensor.shape[2], prefix) for tensor in (call.k, call.q))
        if keys is not None:
            call.tokens = 'grid'
            call.grid, call.prefix = keys
        if queries is not None:
            call.query_grid, call.query_prefix = queries

    def _check_found(self) -> None:
        """Refuse patterns that have matched no attention."""
        for pattern in self._patterns:
            if pattern[:1] != '!' and not any(fnmatchcase(name, pattern) for name in self.names):
                read = ', '.join(self.names) or f'none; classes with a reader are {", ".join(known_classes())}'
                raise NoAttentionError(
                    f'layers=[{pattern!r}] matches no attention: none of its modules has a reader or calls '
                    f'F.scaled_dot_product_attention; attention of this model: {read}'
                )

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.remove()
            self._watch = None


def attention_layers(model: nn.Module) -> dict[str, Reader]:
    """Find the attention modules that have a reader; of modules inside each other, the outer one.

    Args:
        model: Any model.

    Returns:
        Readers by name of the module, in the model's order; a module that stands in several places has the first name.
    """
    found: dict[str, Reader] = {}
    places: set[int] = set()
    for name, module in named_layers(model).items():
        reader = reader_of(module)
        if reader is not None and id(module) not in places and not _inside(name, found):
            found[name] = reader
            places.add(id(module))
    return found


def _inside(name: str, outer: Iterable[str]) -> bool:
    """Whether a name lies below one of others."""
    return any(name.startswith(f'{other}.') for other in outer)


def _check_patterns(patterns: Sequence[str], known: Sequence[str], others: Sequence[str]) -> None:
    """Refuse a pattern that can match nothing, whatever the model calls."""
    if all(pattern[:1] == '!' for pattern in patterns):
        raise InputError(f"layers={list(patterns)} takes nothing in: '*' takes in all attention")
    for pattern in patterns:
        wanted = pattern.removeprefix('!')
        if not any(fnmatchcase(name, wanted) for name in (*known, *others)):
            raise InputError(
                f'layers=[{pattern!r}] matches no attention; nearest: {nearest(wanted, known or others) or "none"}'
            )


def _running(modules: dict[int, str]) -> str | None:
    """Name the innermost module whose method is running, if it is one of these.

    Read off the stack, since a module may be called by any method, or by a function that got it.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        if isinstance(owner, nn.Module):
            return modules.get(id(owner))
        frame = frame.f_back
    return None


def _begin(seen: Seen, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    seen.args, seen.kwargs, seen.output, seen.parts = args, kwargs, None, {}


def _begin_part(seen: Seen, part: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    seen.parts[part] = PartCall(args, kwargs)


def _end_part(seen: Seen, part: str, output: Any) -> Any:
    seen.parts[part].output = output
    return output


def _owned(tensor: Tensor) -> Tensor:
    """A copy, in the layout that products want, which keeps nothing else of the model's memory alive."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)
