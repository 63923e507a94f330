"""MMEngine's early stopping, made to hold after a resume as well."""

import json
import re
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import EarlyStoppingHook
from mmpose.registry import HOOKS

from posescope.atomic import atomic_write


@HOOKS.register_module()
class ResumableEarlyStoppingHook(EarlyStoppingHook):
    """Also knows the scores that a resumed run has behind it; MMEngine's hook begins to wait anew.

    Scores lie in ``<work_dir>/early_stopping_<monitor>.json`` by iteration, since a checkpoint is older than the
    validation after it. Arguments are those of MMEngine's hook.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scores: dict[int, float] = {}

    def after_val_epoch(self, runner: Any, metrics: dict[str, float]) -> None:
        """Decide as MMEngine's hook, once for each iteration that is validated."""
        if runner.iter in self._scores:
            return
        super().after_val_epoch(runner, metrics)
        if self.monitor in metrics:
            self._scores[runner.iter] = float(metrics[self.monitor])
            if is_main_process():
                atomic_write(self._path(runner), json.dumps(self._scores).encode())

    def catch_up(self, runner: Any) -> None:
        """Decide over what was validated up to where a run is resumed; it ends there if it had ended."""
        path = self._path(runner)
        kept = [json.loads(path.read_text()) if path.is_file() else {}]
        broadcast_object_list(kept)  # other machines may lack the file
        self._scores = {int(iteration): score for iteration, score in kept[0].items() if int(iteration) <= runner.iter}
        for score in self._scores.values():
            stops, reason = self._check_stop_condition(score)
            if stops:
                runner.train_loop.stop_training = True
                runner.logger.info(reason)
                return

    def _path(self, runner: Any) -> Path:
        return Path(runner.work_dir) / f'early_stopping_{re.sub("[^A-Za-z0-9.-]", "_", self.monitor)}.json'
