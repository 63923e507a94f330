"""Write down attention."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample
from torch import nn

from posescope.capture.attention_recorder import AttentionRecorder, Heads, Queries, check_choices
from posescope.capture.drawings import draw_attention
from posescope.capture.hooks.capture_hook import DTYPES, Arrays, CaptureHook, Grids
from posescope.capture.person_samples import box_files
from posescope.capture.pictures import Crop
from posescope.capture.recorder import Recorder
from posescope.errors import InputError, NoAttentionError

__all__ = ['AttentionHook']


@HOOKS.register_module()
class AttentionHook(CaptureHook):
    """Writes where each joint's query looks, for every person of a test run, and for a handful during a training.

    Nothing is changed in the model and its fast kernels stay on: queries and keys are kept, and only the rows that are
    asked for are rebuilt. In the first batch they are checked against the module's own output.

    Args:
        layers: Names or patterns of attention modules.
        queries: ``'predicted'``, ``'labelled'`` or ``'all'``: where joints look from.
        heads: ``'each'`` or their ``'mean'``.
        rollout: Whether rollout through all layers is kept too.
        mirrored: Whether the second pass of ``flip_test`` is kept too, as ``<layer>@mirrored``.
        required: Whether it is an error that a model has no attention that can be read, or looks at whole images and
            so has no joint to look from; otherwise the log says so and nothing is written.
        out_dir: Folder of the store, below the work dir unless it is absolute.
        **options: Further ones of :class:`CaptureHook`.

    Example:
        In a config::

            custom_hooks = [dict(type='AttentionHook', layers='backbone.*', pictures=4)]
    """

    kind = 'attention'

    def __init__(
        self,
        layers: Sequence[str] | str = '*',
        queries: Queries = 'predicted',
        heads: Heads = 'each',
        rollout: bool = False,
        mirrored: bool = True,
        required: bool = True,
        out_dir: str = 'attention',
        **options: Any,
    ) -> None:
        super().__init__(out_dir, **options)
        check_choices(queries, heads)
        self.layers = layers if isinstance(layers, str) else list(layers)
        self.queries, self.heads, self.rollout = queries, heads, rollout
        self.mirrored, self.required = mirrored, required

    def check(self, dataset: Any) -> None:
        """Refuse to look from labelled joints where people come from a detector."""
        for file in box_files(dataset) if self.queries == 'labelled' else ():
            raise InputError(
                f"{type(self).__name__}: queries='labelled' takes labelled people, and these are boxes of {file}; "
                "choose 'predicted', or test without bbox_file"
            )

    def recorder(self, runner: Runner, model: nn.Module, udp: bool) -> Recorder | None:
        """Read the attention modules; None where the model has none and need not have."""
        from mmpose.models import BottomupPoseEstimator  # here, so that importing posescope stays quick

        if self.queries != 'all' and isinstance(model, BottomupPoseEstimator):
            lacking = f"queries={self.queries!r} takes a model of one person; this one sees whole images: say 'all'"
            if self.required:
                raise InputError(f'{type(self).__name__}: {lacking}')
            runner.logger.info(f'{type(self).__name__}: {lacking}; nothing is written')
            return None
        return AttentionRecorder(
            model, self.layers, self.queries, self.heads, self.rollout, DTYPES[self.dtype], self.mirrored, udp
        )

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[PoseDataSample] | None = None
    ) -> None:
        """Write what was seen of a batch; the first one tells whether anything attends."""
        with self._unless_nothing_attends(runner):
            super().after_test_iter(runner, batch_idx, data_batch, outputs)

    def _look(self, runner: Runner, epoch: int = 0) -> None:
        with self._unless_nothing_attends(runner):
            super()._look(runner, epoch)

    @contextmanager
    def _unless_nothing_attends(self, runner: Runner) -> Iterator[None]:
        try:
            yield
        except NoAttentionError:
            if self.required:
                raise
            self._abandon()
            folder = Path(runner.work_dir) / self.out_dir
            if is_main_process() and not any(folder.rglob('manifest.json')):
                shutil.rmtree(folder, ignore_errors=True)
            runner.logger.info(f'{type(self).__name__}: this model has no attention; nothing is written')

    def options(self) -> dict[str, Any]:
        """Layers and what is kept of them."""
        names = ('layers', 'queries', 'heads', 'rollout', 'mirrored', 'dtype')
        return {name: getattr(self, name) for name in names}

    def draw(self, crop: Crop, arrays: Arrays, grids: Grids) -> dict[str, Figure]:
        """Draw rows of some joints in all layers, and attention between joint tokens."""
        return draw_attention(crop, arrays, grids)
