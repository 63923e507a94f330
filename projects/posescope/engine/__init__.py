"""Training and testing: the runner, its hooks, and what the tools share."""

from mmpose.registry import HOOKS

from posescope.compat.lazy_registry import import_on_first_use
from posescope.engine.amp import AutocastOptimWrapper
from posescope.engine.batch_resize_hook import BatchResizeHook
from posescope.engine.checkpoint_hook import AtomicCheckpointHook
from posescope.engine.divergence_hook import DivergenceHook
from posescope.engine.gradient_hook import AccumulatedGradientHook
from posescope.engine.memory_format_hook import ChannelsLastHook
from posescope.engine.resume import ResumableEpochLoop
from posescope.engine.runner import ResumableRunner
from posescope.engine.seeding import SeededDataset, SeededSampler, StepSeedHook

# They derive from hooks of MMPose's, whose package is slow to import.
import_on_first_use(HOOKS, 'posescope.engine.mode_switch_hooks')

__all__ = [
    'AccumulatedGradientHook',
    'AtomicCheckpointHook',
    'AutocastOptimWrapper',
    'BatchResizeHook',
    'ChannelsLastHook',
    'DivergenceHook',
    'ResumableEpochLoop',
    'ResumableRunner',
    'SeededDataset',
    'SeededSampler',
    'StepSeedHook',
]
