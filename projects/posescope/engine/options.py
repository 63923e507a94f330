"""The command lines of tools/train.py and tools/test.py: MMPose's options with MMPose's meaning, and ours."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction


class Settings(DictAction):
    """``--cfg-options``, which refuses in a line what is no KEY=VALUE; MMEngine's own action raises what it meets."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Read the settings."""
        for value in values or []:
            if not value.partition('=')[1]:
                raise argparse.ArgumentError(self, f'{value!r} is not KEY=VALUE')
        try:
            super().__call__(parser, namespace, values, option_string)
        except AssertionError as error:  # brackets that do not close
            raise argparse.ArgumentError(self, str(error)) from None


def _shared_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--work-dir', metavar='DIR', help='folder for logs, checkpoints and results; default: work_dirs/<config name>'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. train_cfg.max_epochs=5 model.backbone.init_cfg=None '
        'key="[a,b]" key="[(a,b),(c,d)]"',
    )
    parser.add_argument('--show-dir', metavar='DIR', help='draw predictions into pictures in this folder')
    parser.add_argument('--show', action='store_true', help='show drawn predictions in a window')
    parser.add_argument('--interval', type=int, default=1, metavar='N', help='draw every N-th sample (default: 1)')
    parser.add_argument('--wait-time', type=float, default=1, metavar='SECONDS', help='how long a window stays')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes were started; tools/dist_train.sh and tools/dist_test.sh set it',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def train_parser() -> argparse.ArgumentParser:
    """Build the command line of tools/train.py."""
    parser = argparse.ArgumentParser(
        description='Train a pose model from an MMPose config, with safe checkpoints and exact resuming.',
        epilog='examples:\n'
        '  tools/train.py configs/selection/coco/td-hm_res50_coco-256x192.py\n'
        '  tools/train.py CONFIG --amp --work-dir work_dirs/mine --cfg-options train_dataloader.batch_size=16\n'
        '  tools/train.py CONFIG --work-dir work_dirs/mine --resume     # go on after a stop, with the same losses',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='a config file, e.g. one of configs/')
    parser.add_argument(
        '--resume',
        nargs='?',
        type=str,
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a value from the newest complete one of the work dir',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: float16 with a loss scaler on a GPU, bfloat16 on a CPU'
    )
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by this run's total batch size over auto_scale_lr.base_batch_size",
    )
    _shared_options(parser)
    return parser


def test_parser() -> argparse.ArgumentParser:
    """Build the command line of tools/test.py."""
    parser = argparse.ArgumentParser(
        description='Test a pose model: COCO keypoint AP (or what the config evaluates), printed and in metrics.json.',
        epilog='examples:\n'
        '  tools/test.py CONFIG CHECKPOINT\n'
        '  tools/test.py CONFIG CHECKPOINT --coco my/annotations.json my/pictures\n'
        '  tools/test.py CONFIG CHECKPOINT --bbox-file detections.json --dump predictions.pkl\n'
        '  tools/test.py CONFIG CHECKPOINT --interpret          # feature maps and attention into the work dir',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='a config file, e.g. one of configs/')
    parser.add_argument('checkpoint', help='weights of that model: a file or a URL')
    parser.add_argument('--out', metavar='FILE', help='write the metrics there as well (.json, .yaml or .pkl)')
    parser.add_argument('--dump', type=str, metavar='FILE', help='write all predictions there (.pkl)')
    parser.add_argument('--badcase', action='store_true', help='let MMPose collect the worst cases')
    parser.add_argument(
        '--coco',
        nargs=2,
        metavar=('ANN.json', 'IMAGE_DIR'),
        help='test on these COCO-format annotations and pictures instead of the data of the config; '
        'joints are matched by name',
    )
    parser.add_argument(
        '--bbox-file',
        metavar='DETS.json',
        help='take person boxes from these COCO-format detections instead of the annotated boxes',
    )
    parser.add_argument(
        '--interpret',
        action='store_true',
        help="write down what happens inside the model: the backbone's feature maps, and where joints look in models "
        'with attention, of every person; or what `interpret` of the config says',
    )
    parser.add_argument(
        '--interpret-config',
        metavar='FILE',
        help='write down what `interpret` of this config says instead, e.g. of configs/_base_/interpret.py',
    )
    _shared_options(parser)
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line and publish the local rank as MMPose's scripts do."""
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args
