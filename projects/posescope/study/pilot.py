"""How long trainings will take at least, from a few steps of each model on noise: what can be known beforehand."""

import statistics
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch.utils._pytree import tree_leaves

from posescope.evaluation.model_cost import input_size_of
from posescope.study.measured_cost import digest_of_model
from posescope.study.plan import StudyPlan
from posescope.study.survey import Trial
from posescope.study.training_steps import labelled_people, training_steps

__all__ = ['piloted_seconds', 'step_seconds']

_STEPS = 3
_PATIENCE = 5.0
"""Seconds after which the first step, which is slower than others, is believed."""


def piloted_seconds(plan: StudyPlan, trials: Sequence[Trial], workers: int, threads: int) -> float | None:
    """Seconds that the trainings of a study will take at least, before the first of them has run.

    Reading pictures, optimisers, validation and tests come on top.

    Args:
        plan: The study.
        trials: All of them.
        workers: Trials at a time.
        threads: Of each training.

    Returns:
        Wall-clock seconds; None if no run can be timed. Runs that cannot be take the median of the others.
    """
    missing = [trial for trial in trials if trial.run.train and not trial.finished(plan)]
    of_model: dict[tuple[str | None, int], float | None] = {}
    counted = cache(labelled_people)
    seconds: list[float | None] = []
    for trial in missing:
        content = trial.config.content if trial.config is not None else {}
        batch = (content.get('train_dataloader') or {}).get('batch_size', 1)
        key = digest_of_model(content), batch
        if key not in of_model:
            of_model[key] = _tried(content, batch, threads)
        steps, each = training_steps(content, counted), of_model[key]
        seconds.append(None if steps is None or each is None else steps * each)
    known = [one for one in seconds if one is not None]
    if not known:
        return None
    usual = statistics.median(known)
    return sum(usual if one is None else one for one in seconds) / min(max(workers, 1), len(missing))


def _tried(content: Mapping[str, Any], batch: int, threads: int) -> float | None:
    """Time a config's model; what is wrong with one that cannot be built or run, the study itself will say."""
    try:
        return step_seconds(Config(dict(content)), batch, threads)
    except Exception:  # models are code of others
        return None


def step_seconds(cfg: Config, batch: int, threads: int) -> float:
    """Time of a forward and a backward pass of a top-down model with random weights, on noise.

    Args:
        cfg: The config.
        batch: People.
        threads: To compute with, on a CPU.

    Returns:
        Median seconds.
    """
    width, height = input_size_of(cfg, 'model')
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')):
        model = MODELS.build(cfg.model).to(get_device()).train()
    if any(hook.get('type') == 'ChannelsLastHook' for hook in cfg.get('custom_hooks') or []):
        model.to(memory_format=torch.channels_last)
    inputs = torch.randn(batch, 3, height, width, device=get_device())
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        times: list[float] = []
        while len(times) < _STEPS and sum(times) < _PATIENCE:
            start = time.perf_counter()
            outputs = [one for one in tree_leaves(model(inputs, None, mode='tensor')) if isinstance(one, torch.Tensor)]
            torch.stack([one.float().mean() for one in outputs]).sum().backward()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return statistics.median(times[1:] or times)
