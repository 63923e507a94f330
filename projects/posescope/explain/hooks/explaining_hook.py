"""What hooks share that explain a model: when they do, and that they leave no trace in it."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from posescope.capture.hooks.epoch_interval import check_interval
from posescope.capture.layers import unwrapped
from posescope.capture.person_samples import crops_with_udp, pack_rotation
from posescope.errors import InputError, nearest

if TYPE_CHECKING:
    from posescope.explain.pose_function import PoseFunction

__all__ = ['ExplainingHook']


class ExplainingHook(Hook, ABC):
    """Explains a model on people of the test data after a test, and of the validation data every few epochs.

    Args:
        interval: Epochs between two looks during a training; 0 for none.

    Raises:
        InputError: An option makes no sense.
    """

    priority = 'VERY_LOW'  # after hooks that are still looking into the model

    def __init__(self, interval: int = 0, **unknown: Any) -> None:
        kind = type(self).__name__
        for name in unknown:
            raise InputError(f'{kind} has no option {name!r} (nearest: {nearest(name, _options(type(self)))})')
        self.check_whole({'interval': interval}, 0)
        self.interval = interval

    @abstractmethod
    def check(self, function: 'PoseFunction', dataset: Any) -> None:
        """Refuse what cannot be explained, before a test begins that may take hours."""

    @abstractmethod
    def explain(self, runner: Runner, function: 'PoseFunction', dataset: Any, epoch: int | None) -> None:
        """Explain people of a data set, and write what was found.

        Args:
            runner: Of the run.
            function: The model.
            dataset: With the pipeline of the test.
            epoch: How many epochs were trained; None after a test.
        """

    def check_whole(self, options: Mapping[str, Any], least: int) -> None:
        """Refuse options that are no whole numbers.

        Raises:
            InputError: Naming the first one.
        """
        for name, value in options.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f'{type(self).__name__}: {name}={value!r} is not a whole number of {least} or more')

    def before_train(self, runner: Runner) -> None:
        """Refuse a training of which nothing could be explained."""
        if not self.interval:
            return
        check_interval(self, self.interval, runner)
        self._look(runner, runner.val_loop.dataloader.dataset, only_check=True)

    def after_train_epoch(self, runner: Runner) -> None:
        """Explain every ``interval`` epochs."""
        if self.interval and (runner.epoch + 1) % self.interval == 0:
            self._look(runner, runner.val_loop.dataloader.dataset, runner.epoch + 1)

    def before_test_epoch(self, runner: Runner) -> None:
        """Refuse what cannot be explained."""
        self._look(runner, runner.test_loop.dataloader.dataset, only_check=True)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Explain."""
        self._look(runner, runner.test_loop.dataloader.dataset)

    def _look(self, runner: Runner, dataset: Any, epoch: int | None = None, only_check: bool = False) -> None:
        if not is_main_process():
            return
        from posescope.evaluation.diagnosis.skeleton import skeleton_of_metainfo
        from posescope.explain.pose_function import PoseFunction

        model = unwrapped(runner.model)
        modes = {module: module.training for module in model.modules()}
        try:
            function = PoseFunction(model, skeleton_of_metainfo(dataset.metainfo))
            function.udp = crops_with_udp(dataset)
            if only_check:
                self.check(function, dataset)
            else:
                pack_rotation(dataset)
                self.explain(runner, function, dataset, epoch)
        finally:
            for module, mode in modes.items():
                module.training = mode


def _options(hook: type[ExplainingHook]) -> list[str]:
    """Names of what a hook takes."""
    names = [name for kind in (hook, ExplainingHook) for name in inspect.signature(kind.__init__).parameters]
    return [name for name in dict.fromkeys(names) if name not in ('self', 'options', 'unknown')]
