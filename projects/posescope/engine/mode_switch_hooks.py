"""MMPose's hooks that change data or losses at an epoch, made to hold after a resume as well."""

import copy
from typing import Any

from mmengine.model import is_model_wrapper
from mmpose.engine.hooks.mode_switch_hooks import RTMOModeSwitchHook, YOLOXPoseModeSwitchHook
from mmpose.registry import HOOKS
from mmpose.utils.hooks import rsetattr

from posescope.engine.seeding import seeded


@HOOKS.register_module()
class ResumableModeSwitchHook(YOLOXPoseModeSwitchHook):
    """Also switches where a run is resumed after the epoch of the switch, to data that are seeded per sample.

    MMPose's hook looks whether the epoch *is* that of the switch. Arguments are those of MMPose's hook.
    """

    _switched = False

    def before_train_epoch(self, runner: Any) -> None:
        """Switch at the epoch that MMPose's hook switches at, or as soon as possible after it."""
        switch = runner.max_epochs - self.num_last_epochs - 1
        if self._switched or not 0 <= switch <= runner.epoch:
            return
        self._switched = True
        self._modify_dataloader(runner)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.head.use_aux_loss = True

    def catch_up(self, runner: Any) -> None:
        """Switch before a resumed run goes on, if it is past the switch."""
        self.before_train_epoch(runner)

    def _modify_dataloader(self, runner: Any) -> None:
        loader = copy.deepcopy(runner.cfg.train_dataloader)
        if self.new_train_dataset:
            loader.dataset = self.new_train_dataset
        if self.new_train_pipeline:
            loader.dataset.pipeline = self.new_train_pipeline
        runner.train_loop.dataloader = runner.build_dataloader(seeded(loader), seed=runner.seed)
        sampler: Any = getattr(runner.train_loop.dataloader, 'sampler', None)
        if hasattr(sampler, 'set_epoch'):  # the host told that of the loader before
            sampler.set_epoch(runner.epoch)


@HOOKS.register_module()
class ResumableRTMOModeSwitchHook(RTMOModeSwitchHook):
    """Also applies the changes of epochs that a resumed run has behind it.

    Arguments are those of MMPose's hook.
    """

    def catch_up(self, runner: Any) -> None:
        """Apply what an undisturbed run has applied by now, in its order."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for epoch in sorted(self.epoch_attributes):
            if epoch < runner.epoch:
                for key, value in self.epoch_attributes[epoch].items():
                    rsetattr(model.head, key, value)
