"""Writes what a test measured."""

import json
import math
from numbers import Real
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import master_only
from mmengine.hooks import Hook

from posescope.atomic import atomic_write, replacing


def flat_scalars(metrics: dict[str, Any]) -> dict[str, float | int | None]:
    """Keep the numbers of a metric dictionary; undefined ones become None.

    COCO's evaluation says -1 where there was nothing to average over, e.g. no person of medium size.
    """
    scalars: dict[str, float | int | None] = {}
    for name, value in metrics.items():
        if isinstance(value, Real):
            number = float(value)
            undefined = not math.isfinite(number) or (number == -1 and name.rpartition('/')[2].startswith(('AP', 'AR')))
            scalars[name] = None if undefined else int(number) if isinstance(value, int) else number
    return scalars


def _without_nan(metrics: dict[str, Any]) -> dict[str, Any]:
    """The same with None for what is no finite number, which JSON cannot hold."""
    return {
        name: None if isinstance(value, Real) and not math.isfinite(value) else value for name, value in metrics.items()
    }


class MetricsFileHook(Hook):
    """Writes ``metrics.json`` (flat, scalars only) and, if asked, the metrics in the format of a file's ending.

    Args:
        path: Where ``metrics.json`` goes.
        out: A further file as MMPose's ``--out`` writes it: .json, .yaml, .yml or .pkl; None for none.
    """

    def __init__(self, path: Path, out: str | None = None) -> None:
        self.path, self.out = path, out

    @master_only
    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Write the files when the evaluators are done."""
        if metrics is None:
            return
        atomic_write(self.path, (json.dumps(flat_scalars(metrics), indent=2) + '\n').encode())
        runner.logger.info(f'metrics written to {self.path}')
        if self.out is not None:
            out = Path(self.out)
            with replacing(out) as unfinished:
                mmengine.dump(_without_nan(metrics), str(unfinished), file_format=out.suffix[1:])
