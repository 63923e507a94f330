"""How long trainings will take at least, from a few steps of each model on noise: what can be known beforehand."""

import logging
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from types import TracebackType
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings
from mmpose.registry import MODELS
from torch.utils._pytree import tree_leaves

from posescope.compat.bfloat16 import computes_in_bfloat16
from posescope.evaluation.model_cost import input_size_of
from posescope.study.measured_cost import digest_of_model
from posescope.study.plan import StudyPlan
from posescope.study.survey import Trial
from posescope.study.training_steps import training_steps

__all__ = ['OtherProcess', 'piloted_seconds', 'step_seconds']

_STEPS = 3
_PATIENCE = 5.0
"""Seconds after which the first step, which is slower than others, is believed."""


StepTimer = Callable[[Mapping[str, Any], int, int], float | None]
"""Gives the seconds of a step for a config, a batch and a number of threads; None if it cannot be told."""


def piloted_seconds(
    plan: StudyPlan, trials: Sequence[Trial], workers: int, threads: int, timer: StepTimer
) -> float | None:
    """Seconds that the trainings of a study will take at least, before the first of them has run.

    Reading pictures, optimisers, validation and tests come on top.

    Args:
        plan: The study.
        trials: All of them.
        workers: Trials at a time.
        threads: Of each training.
        timer: Times a step of a model, say an :class:`OtherProcess`.

    Returns:
        Wall-clock seconds; None if no run can be timed. Runs that cannot be take the median of the others.
    """
    missing = [trial for trial in trials if trial.run.train and not trial.finished(plan)]
    of_model: dict[tuple[str | None, int], float | None] = {}
    seconds: list[float | None] = []
    for trial in missing:
        content = trial.config.content if trial.config is not None else {}
        batch = (content.get('train_dataloader') or {}).get('batch_size', 1)
        key = digest_of_model(content, losses=True), batch
        if key not in of_model:
            # What has no model is not timed, nor what has no size, which is no top-down model.
            tried = key[0] is not None and 'type' in (content.get('model') or {})
            of_model[key] = timer(content, batch, threads) if tried else None
        steps, each = training_steps(content), of_model[key]
        seconds.append(None if steps is None or each is None else steps * each)
    known = [one for one in seconds if one is not None]
    if not known:
        return None
    usual = statistics.median(known)
    return sum(usual if one is None else one for one in seconds) / min(max(workers, 1), len(missing))


class OtherProcess:
    """Times steps in a process of its own; with its end, what it took of memory and of a GPU is free for trainings.

    What is wrong with a model that cannot be built or run, the study itself will say.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> 'OtherProcess':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, content: Mapping[str, Any], batch: int, threads: int) -> float | None:
        """Time a step."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context('spawn'), _be_quiet)
        try:
            return self._pool.submit(_step_seconds, dict(content), batch, threads).result()
        except BrokenExecutor:  # it took too much memory, say
            self._pool = None
        except Exception:  # models are code of others
            pass
        return None


def _be_quiet() -> None:
    warnings.simplefilter('ignore')
    logging.disable(logging.CRITICAL)


def _precision(cfg: Config) -> AbstractContextManager[Any]:
    """What the training's forward passes run in."""
    device, wrapper = get_device().split(':')[0], (cfg.get('optim_wrapper') or {}).get('type')
    if wrapper == 'AutocastOptimWrapper':
        return torch.autocast(device, torch.bfloat16, computes_in_bfloat16(device))
    return torch.autocast(device) if wrapper == 'AmpOptimWrapper' else nullcontext()


def _step_seconds(content: dict[str, Any], batch: int, threads: int) -> float:
    """In the other process, which has not read the config's file."""
    if content.get('custom_imports'):
        import_modules_from_strings(**content['custom_imports'])
    return step_seconds(Config(content), batch, threads)


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
    reduced = _precision(cfg)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        times: list[float] = []
        while len(times) < _STEPS and sum(times) < _PATIENCE:
            start = time.perf_counter()
            with reduced:
                leaves = tree_leaves(model(inputs, None, mode='tensor'))
            outputs = [one for one in leaves if isinstance(one, torch.Tensor)]
            torch.stack([one.float().mean() for one in outputs]).sum().backward()
            if inputs.is_cuda:
                torch.cuda.synchronize()  # launching a step is not making it
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return statistics.median(times[1:] or times)
