#!/usr/bin/env python
"""Test a pose model: ``tools/test.py CONFIG CHECKPOINT`` with MMPose's options; ends in COCO AP and metrics.json."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import is_main_process

import posescope  # noqa: F401  makes MMPose importable
from posescope.capture.interpret import add_interpretation, use_interpretation
from posescope.engine.command import command
from posescope.engine.config import test_config
from posescope.engine.evaluators import add_diagnosis
from posescope.engine.launch import build_runner
from posescope.engine.metrics_hook import MetricsFileHook
from posescope.engine.options import parse, test_parser
from posescope.engine.preflight import check_data
from posescope.report.evaluation_summary import print_summary


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Test as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = parse(test_parser(), argv)
    cfg = test_config(args)
    if args.interpret or args.interpret_config is not None:
        use_interpretation(cfg, args.interpret_config)
    add_interpretation(cfg)
    check_data(cfg, ('test',), Path(cfg.work_dir))
    add_diagnosis(cfg, Path(cfg.work_dir))
    runner = build_runner(cfg)
    runner.register_hook(MetricsFileHook(Path(runner.work_dir) / 'metrics.json', args.out), 'LOW')
    runner.test()
    if is_main_process():
        print_summary(runner.test_evaluator.metrics)
    return 0


if __name__ == '__main__':
    sys.exit(main())
