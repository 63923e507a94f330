"""What hooks share that explain a model: when they do, and that they leave no trace in it."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from posescope.capture.hooks.epoch_interval import check_interval
from posescope.capture.layers import unwrapped
from posescope.capture.person_samples import crops_with_udp, pack_rotation
from posescope.engine.averaged_weights import averaged_weights
from posescope.errors import InputError, nearest

if TYPE_CHECKING:
    from posescope.explain.pose_function import PoseFunction

__all__ = ['ExplainingHook']


class ExplainingHook(Hook, ABC):
    """Explains a model on people of the test data after a test, and of the validation data every few epochs.

    Where a training keeps a moving average of its weights (EMAHook), that is explained: what is validated and saved.

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
    def check(self, runner: Runner, function: 'PoseFunction', dataset: Any, training: bool) -> None:
        """Refuse what cannot be explained, before a test or training begins that may take hours.

        Args:
            runner: Of the run.
            function: The model.
            dataset: With the pipeline of the test.
            training: Whether :meth:`explain` will be called every few epochs; otherwise after a test.

        Raises:
            InputError: With what has to be changed.
        """

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
        with self._function(runner, runner.val_loop.dataloader.dataset) as function:
            if function is not None:
                self.check(runner, function, runner.val_loop.dataloader.dataset, training=True)

    def after_train_epoch(self, runner: Runner) -> None:
        """Explain every ``interval`` epochs."""
        if self.interval and (runner.epoch + 1) % self.interval == 0:
            with averaged_weights(runner):
                self._look(runner, runner.val_loop.dataloader.dataset, runner.epoch + 1)

    def before_test_epoch(self, runner: Runner) -> None:
        """Refuse what cannot be explained."""
        with self._function(runner, runner.test_loop.dataloader.dataset) as function:
            if function is not None:
                self.check(runner, function, runner.test_loop.dataloader.dataset, training=False)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Explain."""
        self._look(runner, runner.test_loop.dataloader.dataset)

    def _look(self, runner: Runner, dataset: Any, epoch: int | None = None) -> None:
        with self._function(runner, dataset) as function:
            if function is not None:
                pack_rotation(dataset)
                self.explain(runner, function, dataset, epoch)

    @contextmanager
    def _function(self, runner: Runner, dataset: Any) -> Iterator['PoseFunction | None']:
        """Give the model as a function in the main process, None in others; leaving restores the modes of its parts."""
        if not is_main_process():
            yield None
            return
        from posescope.evaluation.diagnosis.skeleton import skeleton_of_metainfo
        from posescope.explain.pose_function import PoseFunction

        model = unwrapped(runner.model)
        modes = {module: module.training for module in model.modules()}
        try:
            function = PoseFunction(model, skeleton_of_metainfo(dataset.metainfo))
            function.udp = crops_with_udp(dataset)
            yield function
        finally:
            for module, mode in modes.items():
                module.training = mode


def _options(hook: type[ExplainingHook]) -> list[str]:
    """Names of what a hook takes."""
    names = [name for kind in (hook, ExplainingHook) for name in inspect.signature(kind.__init__).parameters]
    return [name for name in dict.fromkeys(names) if name not in ('self', 'options', 'unknown')]
