"""Training and testing: the runner, its hooks, and what the tools share."""

from posescope.engine.amp import AutocastOptimWrapper
from posescope.engine.checkpoint_hook import AtomicCheckpointHook
from posescope.engine.divergence_hook import DivergenceHook
from posescope.engine.resume import ResumableEpochLoop
from posescope.engine.runner import ResumableRunner
from posescope.engine.seeding import SeededDataset, SeededSampler, StepSeedHook

__all__ = [
    'AtomicCheckpointHook',
    'AutocastOptimWrapper',
    'DivergenceHook',
    'ResumableEpochLoop',
    'ResumableRunner',
    'SeededDataset',
    'SeededSampler',
    'StepSeedHook',
]
