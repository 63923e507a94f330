"""The picture size that a batch augmentation drew for the next step is part of where a run stopped."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmpose.registry import HOOKS

_KEY = 'batch_sizes'


def _resizers(runner: Any) -> Iterator[Any]:
    """MMPose's ``BatchSyncRandomResize`` draws a size after a step and uses it in the next one."""
    model = getattr(runner.model, 'module', runner.model)
    augments = getattr(getattr(model, 'data_preprocessor', None), 'batch_augments', None) or []
    yield from (augment for augment in augments if hasattr(augment, '_input_size'))


@HOOKS.register_module()
class BatchResizeHook(Hook):
    """Keeps the sizes that were drawn in the checkpoint."""

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Add the sizes."""
        sizes = [augment._input_size for augment in _resizers(runner)]
        if sizes:
            checkpoint[_KEY] = [size and tuple(int(v) for v in size) for size in sizes]

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Put them back where a run is resumed."""
        if runner._resume:
            for augment, size in zip(_resizers(runner), checkpoint.get(_KEY, []), strict=False):
                augment._input_size = size
