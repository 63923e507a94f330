"""The moving average of the weights, put into a model for a look."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from torch import nn

from posescope.engine.averaged_weights import averaged_weights

MOMENTUM = 0.25


def averaging(model: nn.Module) -> EMAHook:
    """MMEngine's hook as its runner sets it up before a training."""
    hook = EMAHook(momentum=MOMENTUM, update_buffers=True)
    hook.before_run(SimpleNamespace(model=model))
    return hook


def training(model: nn.Module, hooks: Sequence[Hook]) -> SimpleNamespace:
    return SimpleNamespace(model=model, hooks=list(hooks), iter=0)


def learn(runner: SimpleNamespace, weight: float, mean: float) -> None:
    """One step, after which all weights and running means are these."""
    with torch.no_grad():
        runner.model[0].weight.fill_(weight)
        runner.model[1].running_mean.fill_(mean)
    for hook in runner.hooks:
        hook.after_train_iter(runner, 0)
    runner.iter += 1


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))


def test_average_inside_and_learnt_weights_afterwards() -> None:
    model = network()
    runner = training(model, [Hook(), averaging(model)])
    learn(runner, 1.0, 10.0)  # the average begins with what it sees first
    learn(runner, 3.0, 30.0)
    with averaged_weights(runner) as averaged:
        assert averaged
        assert torch.equal(model[0].weight, torch.full((2, 2), 1 + MOMENTUM * 2))
        assert torch.equal(model[1].running_mean, torch.full((2,), 10 + MOMENTUM * 20))
    assert torch.equal(model[0].weight, torch.full((2, 2), 3.0))
    assert torch.equal(model[1].running_mean, torch.full((2,), 30.0))
    with averaged_weights(runner):  # the average was put back into its place as well
        assert torch.equal(model[0].weight, torch.full((2, 2), 1 + MOMENTUM * 2))


def test_learnt_weights_come_back_after_an_exception() -> None:
    model = network()
    runner = training(model, [averaging(model)])
    learn(runner, 1.0, 10.0)
    learn(runner, 3.0, 30.0)
    with pytest.raises(ZeroDivisionError), averaged_weights(runner):
        raise ZeroDivisionError
    assert torch.equal(model[0].weight, torch.full((2, 2), 3.0))


def test_weights_stay_before_the_average_begins() -> None:
    model = network()
    hook = averaging(model)  # copies what the model holds now
    with torch.no_grad():
        model[0].weight.fill_(5.0)  # as its initialization, which MMEngine's runner does after that
    with averaged_weights(training(model, [hook])) as averaged:
        assert not averaged
        assert torch.equal(model[0].weight, torch.full((2, 2), 5.0))


@pytest.mark.parametrize('hooks', [[], [Hook()], [EMAHook()]], ids=['none', 'another', 'of a runner that never ran'])
def test_weights_stay_without_an_average(hooks: list[Hook]) -> None:
    model = network()
    before = model[0].weight.clone()
    with averaged_weights(training(model, hooks)) as averaged:
        assert not averaged
        assert torch.equal(model[0].weight, before)
