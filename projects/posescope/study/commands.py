"""The programs that do a trial's work; tests put quick ones in their place."""

import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ['Commands']


@dataclass(frozen=True)
class Commands:
    """How each step is started; further arguments follow.

    Attributes:
        train: ``… CONFIG --work-dir DIR [--resume] [--no-validate]``; leaves checkpoints in DIR.
        test: ``… CONFIG CHECKPOINT --work-dir DIR [--coco ANN IMAGES] …``; leaves metrics.json and matches.npz.
        calibrate: ``… ANN DUMP --config CONFIG --out DIR``; leaves calibration.json.
        measure: ``… CONFIG --out FILE``; leaves what the model costs.
        study: ``… STUDY --resume --only RUN:SEED``, for emitted jobs.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    calibrate: tuple[str, ...]
    measure: tuple[str, ...]
    study: tuple[str, ...]

    @classmethod
    def of_tools(cls, folder: Path) -> 'Commands':
        """Those of a folder with posescope's tools, run by this Python.

        Args:
            folder: Holds train.py, test.py, ….
        """
        python = sys.executable
        train, test, calibrate, study = (
            (python, str(folder / f'{name}.py')) for name in ('train', 'test', 'calibration', 'study')
        )
        return cls(train, test, calibrate, (python, '-m', 'posescope.study.measured_cost'), study)
