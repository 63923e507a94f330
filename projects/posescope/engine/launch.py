"""What a config needs to run on this machine, and the runner built from it."""

import os
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from posescope.compat.bfloat16 import computes_in_bfloat16, orthogonalise_in_float32
from posescope.compat.config_text import remember_layouts
from posescope.compat.managers import forget_managers
from posescope.engine.building import building
from posescope.engine.config_parts import name_of
from posescope.engine.runner import ResumableRunner
from posescope.engine.skeleton_defaults import fill_skeleton
from posescope.errors import InputError

_REPLACED = {
    'CheckpointHook': 'mmpose.AtomicCheckpointHook',
    'EarlyStoppingHook': 'mmpose.ResumableEarlyStoppingHook',
    'YOLOXPoseModeSwitchHook': 'mmpose.ResumableModeSwitchHook',
    'RTMOModeSwitchHook': 'mmpose.ResumableRTMOModeSwitchHook',
}
"""Hooks of the host that do not survive a resume or a full disk, and ours that do the same and survive."""

_ADDED = ('mmpose.BatchResizeHook', 'mmpose.AccumulatedGradientHook', 'mmpose.StepSeedHook', 'mmpose.DivergenceHook')


def adapt(cfg: Config) -> None:
    """Adapt a config to this machine and add what keeps a run safe; nothing that changes a model's numbers.

    mmengine's checkpoint hook becomes :class:`AtomicCheckpointHook`, a diverging run is stopped, steps are seeded,
    mixed precision on a machine without accelerator becomes bfloat16, and several processes on a CPU talk through gloo.
    What a config leaves open of its skeleton, the data set tells.
    """
    fill_skeleton(cfg)
    cfg.default_hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': 1}, **(cfg.get('default_hooks') or {})}
    for hook in [*cfg.default_hooks.values(), *(cfg.get('custom_hooks') or [])]:
        if isinstance(hook, dict) and name_of(hook.get('type')) in _REPLACED:
            hook['type'] = _REPLACED[name_of(hook['type'])]
    own = list(cfg.get('custom_hooks') or [])  # of a config that a run wrote down, with ours
    cfg.custom_hooks = [*own, *(hook for name in _ADDED if (hook := {'type': name}) not in own)]
    wrapper: Any = cfg.get('optim_wrapper') or {}
    if name_of(wrapper.get('type')) == 'AmpOptimWrapper' and wrapper.get('dtype') == 'bfloat16':
        _autocast(wrapper)  # MMPose's heads hand their maps to NumPy, which has no bfloat16
    if get_device() == 'cpu':
        _adapt_to_cpu(cfg)


def _autocast(wrapper: dict[str, Any]) -> None:
    """Let our wrapper stand in for the host's."""
    for key in ('loss_scale', 'use_fsdp'):
        wrapper.pop(key, None)
    wrapper.update(type='mmpose.AutocastOptimWrapper', dtype='bfloat16')


def _adapt_to_cpu(cfg: Config) -> None:
    wrapper: Any = cfg.get('optim_wrapper') or {}
    if not computes_in_bfloat16('cpu'):
        if 'Muon' in str(wrapper.get('optimizer')):  # others need not wait for the import of timm
            orthogonalise_in_float32()
        if name_of(wrapper.get('type')) in ('AmpOptimWrapper', 'AutocastOptimWrapper'):
            print_log('this CPU has no instructions for bfloat16: mixed precision is float32 here', 'current')
    if name_of(wrapper.get('type')) == 'AmpOptimWrapper':
        _autocast(wrapper)
    if cfg.get('launcher', 'none') != 'none':
        # mmengine's launchers choose a CUDA device without asking; they do nothing where a group exists already.
        if not torch.distributed.is_initialized():
            if 'RANK' not in os.environ:
                raise InputError(
                    f"--launcher {cfg.launcher} on a CPU: processes talk through torchrun's environment (RANK, "
                    'WORLD_SIZE, MASTER_ADDR): start them with tools/dist_train.sh or dist_test.sh'
                )
            torch.distributed.init_process_group('gloo')
        if cfg.get('model_wrapper_cfg') is None:
            cfg.model_wrapper_cfg = {
                'type': 'MMDistributedDataParallel',
                'device_ids': None,
                'broadcast_buffers': False,
                'find_unused_parameters': cfg.get('find_unused_parameters', False),
            }
        # Several processes share the cores; each with as many threads as there are cores is ten times slower.
        if 'OMP_NUM_THREADS' not in os.environ:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // torch.distributed.get_world_size()))


def build_runner(cfg: Config) -> Runner:
    """Build the runner that the config names, ours where it names none.

    Raises:
        InputError: The host cannot build what the config says, or several processes are asked for but were not
            started.
    """
    if cfg.get('launcher') == 'pytorch' and 'RANK' not in os.environ:
        raise InputError(
            '--launcher pytorch is for processes that torchrun started: use tools/dist_train.sh or dist_test.sh'
        )
    forget_managers()
    remember_layouts()
    adapt(cfg)
    with building('a part'):
        return RUNNERS.build(cfg) if cfg.get('runner_type') else ResumableRunner.from_cfg(cfg)
