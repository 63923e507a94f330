"""Predictions in a file, the whole of it or none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
from mmengine.evaluator import DumpResults
from mmengine.logging import print_log
from mmpose.registry import METRICS

from posescope.atomic import replacing
from posescope.errors import InputError

__all__ = ['AtomicDumpResults', 'prepare_output']


@METRICS.register_module()
class AtomicDumpResults(DumpResults):
    """MMEngine's ``DumpResults``, which on a full disk leaves what the file held before instead of a part.

    It takes the same arguments.
    """

    def compute_metrics(self, results: Sequence[Any]) -> dict[str, Any]:
        """Write the predictions.

        Args:
            results: Of all people.

        Returns:
            No metrics.
        """
        with replacing(Path(self.out_file_path)) as unfinished:
            mmengine.dump(results, str(unfinished), file_format='pkl')
        print_log(f'predictions written to {self.out_file_path}', 'current')
        return {}


def prepare_output(path: str, option: str) -> None:
    """Make the folder of a file that is written when a test is done, while nothing is lost yet if that cannot be.

    Args:
        path: The file.
        option: How it was asked for, for the message.

    Raises:
        InputError: The path is a folder, or its own cannot be made.
    """
    if Path(path).is_dir():
        raise InputError(f'{option} {path} is a folder; name a file')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{option} {path}: {error.strerror or error}') from error
