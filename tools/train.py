#!/usr/bin/env python
"""Train a pose model: ``tools/train.py CONFIG`` with MMPose's options."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.capture.interpret import add_interpretation
from posescope.engine.command import command
from posescope.engine.config import train_config
from posescope.engine.launch import build_runner
from posescope.engine.options import parse, train_parser
from posescope.engine.preflight import check_data


@partial(command, resumable=True)
def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = parse(train_parser(), argv)
    cfg = train_config(args)
    add_interpretation(cfg)
    check_data(cfg, ('train',) if cfg.get('val_dataloader') is None else ('train', 'val'), Path(cfg.work_dir))
    build_runner(cfg).train()
    return 0


if __name__ == '__main__':
    sys.exit(main())
