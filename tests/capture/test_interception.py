import inspect
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posescope.capture.interception import PATCH, READ, Interception, in_backward
from posescope.errors import CaptureError


class Doubling(nn.Module):
    def forward(self, x: Tensor, times: int = 2) -> Tensor:
        return x * times

    def other(self, x: Tensor) -> Tensor:
        return self.forward(x) + 1


ONE = torch.ones(1)


@pytest.mark.parametrize('leaving', list(permutations(range(3))))
def test_any_number_in_any_order(leaving: tuple[int, ...]) -> None:
    module, seen = Doubling(), []

    def see(which: int) -> Interception:
        return Interception(module, after=lambda output: seen.append(which) or output)

    interceptions = [see(which) for which in range(3)]
    for interception in interceptions:
        interception.__enter__()
    within = {0, 1, 2}
    for which in leaving:
        seen.clear()
        assert module(ONE) == 2
        assert seen == sorted(within)
        interceptions[which].__exit__(None, None, None)
        within.remove(which)
    seen.clear()
    assert module(ONE) == 2
    assert seen == []
    assert 'forward' not in vars(module)


def test_patches_come_before_readers() -> None:
    module, seen = Doubling(), []
    with (
        Interception(module, after=lambda output: seen.append(float(output)) or output, order=READ),
        Interception(module, after=lambda output: output + 5, order=PATCH),
    ):
        assert module(ONE) == 7
    assert seen == [7]


def test_every_way_to_call_is_seen() -> None:
    module, calls = Doubling(), []
    before = module.forward  # taken before, so its calls cannot be seen
    with Interception(module, before=lambda args, options: calls.append((args, options))):
        module(ONE, times=3)
        module.forward(ONE)
        module.other(ONE)
        before(ONE)
        assert list(inspect.signature(module.forward).parameters) == ['x', 'times']
    assert calls == [((ONE,), {'times': 3}), ((ONE,), {}), ((ONE,), {})]


def test_a_method_other_than_forward() -> None:
    module = Doubling()
    with Interception(module, 'other', after=lambda output: -output):
        assert module.other(ONE) == -3
        assert module(ONE) == 2
    assert module.other(ONE) == 3
    assert 'other' not in vars(module)


def test_a_method_of_the_instance_comes_back() -> None:
    module = Doubling()
    own = lambda x: x + 40  # noqa: E731
    module.forward = own
    with Interception(module, after=lambda output: -output):
        assert module(ONE) == -41
    assert vars(module)['forward'] is own


def test_what_others_set_meanwhile_stays() -> None:
    module = Doubling()
    with Interception(module, after=lambda output: -output):
        ours = module.forward
        module.forward = lambda x: ours(x) + 10
        assert module(ONE) == 8
    assert module(ONE) == 12  # theirs, with the original inside


def test_an_exception_undoes_everything() -> None:
    module = Doubling()

    def fail(output: Any) -> Any:
        raise RuntimeError('seen')

    with pytest.raises(RuntimeError, match='seen'), Interception(module, after=fail):
        module(ONE)
    assert 'forward' not in vars(module)
    assert module(ONE) == 2


def test_torchscript_is_refused() -> None:
    with pytest.raises(CaptureError, match='neck is TorchScript'):
        Interception(torch.jit.trace(nn.Linear(1, 1), ONE), name='neck')


def test_a_backward_pass_is_noticed() -> None:
    x = torch.ones(1, requires_grad=True)
    within = []
    x.register_hook(lambda gradient: within.append(in_backward()))
    x.sum().backward()
    assert within == [True]
    assert not in_backward()
