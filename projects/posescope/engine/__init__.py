"""Training and testing: the runner, its hooks, and what the tools share."""

from mmpose.registry import DATA_SAMPLERS, HOOKS

from posescope.compat.lazy_registry import import_on_first_use
from posescope.engine.amp import AutocastOptimWrapper
from posescope.engine.batch_resize_hook import BatchResizeHook
from posescope.engine.checkpoint_hook import AtomicCheckpointHook
from posescope.engine.divergence_hook import DivergenceHook
from posescope.engine.dump_results import AtomicDumpResults
from posescope.engine.early_stopping_hook import ResumableEarlyStoppingHook
from posescope.engine.gradient_hook import AccumulatedGradientHook
from posescope.engine.memory_format_hook import ChannelsLastHook
from posescope.engine.resume import ResumableEpochLoop
from posescope.engine.runner import ResumableRunner
from posescope.engine.seeding import SeededDataset, SeededSampler, StepSeedHook

# They derive from hooks of MMPose's, whose package is slow to import.
import_on_first_use(HOOKS, 'posescope.engine.mode_switch_hooks')
# They build on the losses, which do so too.
import_on_first_use(HOOKS, 'posescope.engine.error_driven_joint_weights')
import_on_first_use(DATA_SAMPLERS, 'posescope.engine.error_targeted_sampler')

__all__ = [
    'AccumulatedGradientHook',
    'AtomicCheckpointHook',
    'AtomicDumpResults',
    'AutocastOptimWrapper',
    'BatchResizeHook',
    'ChannelsLastHook',
    'DivergenceHook',
    'ResumableEarlyStoppingHook',
    'ResumableEpochLoop',
    'ResumableRunner',
    'SeededDataset',
    'SeededSampler',
    'StepSeedHook',
]
