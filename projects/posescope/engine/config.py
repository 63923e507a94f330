"""From a command line and a config file to the config that a runner is built from."""

import argparse
import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from posescope.engine.dump_results import prepare_output
from posescope.engine.resume import latest_checkpoint
from posescope.engine.testset import use_boxes, use_coco
from posescope.errors import InputError, nearest


def load_config(path: str) -> Config:
    """Read a config file.

    Raises:
        InputError: It, or one that it inherits from, is missing or is not valid Python.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f'config {path} {"is a folder" if file.is_dir() else "does not exist"}')
    try:
        if file.suffix == '.py':
            ast.parse(file.read_text(), path)
        return Config.fromfile(path)
    except SyntaxError as error:
        raise InputError(f'config {error.filename or path}, line {error.lineno}: {error.msg}') from error
    except UnicodeDecodeError as error:
        raise InputError(f'config {path} is not a text file: {error.reason}') from error
    except OSError as error:
        raise InputError(f'config {path}: {error}') from error
    except ImportError as error:
        raise InputError(f'config {path} imports a module that cannot be imported: {error}') from error
    except Exception as error:  # the file is code of the user: anything can be raised while it runs
        raise InputError(f'config {path}: {type(error).__name__}: {" ".join(str(error).split())}') from error


def train_config(args: argparse.Namespace) -> Config:
    """Merge the options of tools/train.py into its config, in MMPose's order."""
    cfg = load_config(args.config)
    _require(cfg, args.config, ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'))
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    _place(cfg, args)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        name = kind if isinstance(kind, str) else kind.__name__
        if name not in ('OptimWrapper', 'AmpOptimWrapper', 'AutocastOptimWrapper'):
            raise InputError(f"--amp does not work with optim_wrapper.type='{name}'")
        if name == 'OptimWrapper':
            cfg.optim_wrapper.type = 'AmpOptimWrapper'
            cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise InputError(f'--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=…) in {args.config}')
        cfg.auto_scale_lr.enable = True
    if args.show or args.show_dir is not None:
        _draw(cfg, args, show=args.show)
    _merge_options(cfg, args)
    if args.resume is not None:
        _resume(cfg, args.resume)
    if 'preprocess_cfg' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.preprocess_cfg)
    if cfg.get('load_from') and '://' not in cfg.load_from and not Path(cfg.load_from).is_file():
        raise InputError(f'checkpoint {cfg.load_from} does not exist')
    return cfg


def _resume(cfg: Config, what: str) -> None:
    """Go on from a checkpoint; from the work dir's newest with ``auto``, and begin as the config says without one."""
    if what != 'auto':
        cfg.resume, cfg.load_from = True, what
        return
    found = latest_checkpoint(Path(cfg.work_dir))
    cfg.resume = found is not None
    if found is not None:
        cfg.load_from = str(found)
    else:
        print_log(f'{cfg.work_dir} holds no checkpoint to resume from: starting from the beginning', 'current')


def test_config(args: argparse.Namespace) -> Config:
    """Merge the options of tools/test.py into its config, in MMPose's order."""
    cfg = load_config(args.config)
    _require(cfg, args.config, ('model', 'test_dataloader', 'test_evaluator'))
    cfg.load_from, cfg.resume = args.checkpoint, False  # the config of a resumed run still says that it is one
    if '://' not in args.checkpoint and not Path(args.checkpoint).is_file():
        raise InputError(f'checkpoint {args.checkpoint} does not exist')
    _place(cfg, args)
    if args.out is not None and not args.out.endswith(('.json', '.yaml', '.yml', '.pkl')):
        raise InputError(f'--out {args.out}: metrics are written as .json, .yaml, .yml or .pkl')
    if args.out is not None:
        prepare_output(args.out, '--out')
    if args.coco is not None:
        use_coco(cfg, Path(args.coco[0]), Path(args.coco[1]))
    if (args.show and not args.badcase) or args.show_dir is not None:
        _draw(cfg, args, show=args.show and not args.badcase)
    if args.badcase:
        _collect_badcases(cfg, args)
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise InputError(f'--dump {args.dump}: predictions are written as .pkl or .pickle')
        prepare_output(args.dump, '--dump')
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list | tuple) else [cfg.test_evaluator]
        cfg.test_evaluator = [*evaluators, {'type': 'AtomicDumpResults', 'out_file_path': args.dump}]
    _merge_options(cfg, args)
    if args.bbox_file is not None:
        use_boxes(cfg, Path(args.bbox_file))
    return cfg


def _require(cfg: Config, path: str, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if cfg.get(key) is None]
    if missing:
        raise InputError(f'config {path} lacks {", ".join(missing)}')


def _place(cfg: Config, args: argparse.Namespace) -> None:
    """Set launcher and work dir; the option wins over the config, the config over the file's name."""
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)


def _draw(cfg: Config, args: argparse.Namespace, show: bool) -> None:
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise InputError(
            '--show and --show-dir need visualization=dict(type="PoseVisualizationHook") in default_hooks of the config'
        )
    hook.update(enable=True, show=show, out_dir=args.show_dir, interval=args.interval)
    if args.show:
        hook.wait_time = args.wait_time


def _collect_badcases(cfg: Config, args: argparse.Namespace) -> None:
    hook: Any = cfg.get('default_hooks', {}).get('badcase')
    if hook is None:
        raise InputError('--badcase needs badcase=dict(type="BadCaseAnalysisHook") in default_hooks of the config')
    hook.update(enable=True, show=args.show, interval=args.interval)
    if args.show:
        hook.wait_time = args.wait_time
    kind = hook.get('metric_type', 'loss')
    if kind not in ('loss', 'accuracy'):
        raise InputError(f"default_hooks.badcase.metric_type='{kind}': choose 'loss' or 'accuracy'")
    if not hook.get('metric'):
        hook.metric = cfg.model.head.loss if kind == 'loss' else cfg.test_evaluator


def _merge_options(cfg: Config, args: argparse.Namespace) -> None:
    if args.cfg_options:
        for key in args.cfg_options:
            first = key.partition('.')[0]
            if first not in cfg:
                close = nearest(first, cfg.keys(), 1)
                print_log(f'--cfg-options {key}: the config has no {first} (nearest: {close}); it is added', 'current')
        try:
            cfg.merge_from_dict(args.cfg_options)
        except (KeyError, TypeError, AssertionError) as error:
            raise InputError(f'--cfg-options: {" ".join(str(error).split())}') from error
