"""What a model costs: parameters, arithmetic, and time for one person."""

import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torchvision  # noqa: F401  registers its operators
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from posescope.engine.building import building
from posescope.errors import InputError

__all__ = ['ModelCost', 'input_size_of', 'joints_of', 'measure_cost', 'multiply_adds']


@dataclass(frozen=True)
class ModelCost:
    """Cost of a model.

    Attributes:
        input_size: Width and height of its input in pixels.
        parameters: Number of all its parameters.
        multiply_adds: Of one forward pass for one person.
        milliseconds: Median time from a normalised crop to joints, one person at a time, on one thread.
    """

    input_size: tuple[int, int]
    parameters: int
    multiply_adds: int
    milliseconds: float


def measure_cost(cfg: Config, name: str, repeats: int = 20) -> ModelCost:
    """Build a config's model with random weights and measure it on noise, on the CPU.

    Args:
        cfg: The config of a top-down model.
        name: What to call it in an error message.
        repeats: Predictions of which the median time is taken; a quarter as many precede them.

    Returns:
        The cost.

    Raises:
        InputError: The model cannot be built, or the config does not say which size its input has.
    """
    width, height = input_size_of(cfg, name)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')), building(f'model of {name}'):
        model = MODELS.build(cfg.model)
    model.eval()
    inputs = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    joints = joints_of(model)
    times = []
    with one_thread(), torch.inference_mode():
        arithmetic = multiply_adds(model, inputs, None, mode='tensor')
        for _ in range(repeats + repeats // 4):
            person = _person((width, height), joints)
            start = time.perf_counter()
            model(inputs, [person], mode='predict')
            times.append(time.perf_counter() - start)
    return ModelCost(
        (width, height),
        sum(parameter.numel() for parameter in model.parameters()),
        arithmetic,
        1e3 * statistics.median(times[-repeats:]),
    )


def joints_of(model: nn.Module) -> int:
    """Count the joints that a top-down model predicts, by the channels of its head; 17 if that does not tell."""
    head = getattr(model, 'head', None)
    channels: int = getattr(head, 'out_channels', 0) or getattr(head, 'num_joints', 17)
    test_cfg: Mapping[str, Any] = getattr(model, 'test_cfg', None) or {}
    # A joint of UDP's combined maps has three channels: a heatmap and two offsets.
    return channels // 3 if test_cfg.get('flip_mode') == 'udp_combined' else channels


def input_size_of(cfg: Config, name: str) -> tuple[int, int]:
    """Find width and height of a top-down model's input in its test pipeline.

    Raises:
        InputError: The pipeline is not that of a top-down model.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    steps = list(dataset.get('pipeline') or [])
    sizes = [step['input_size'] for step in steps if _name(step) == 'TopdownAffine' and 'input_size' in step]
    if not sizes:
        raise InputError(
            f'{name} is no top-down model: test_dataloader.dataset.pipeline has no TopdownAffine with an input_size, '
            f'only {", ".join(map(_name, steps)) or "nothing"}'
        )
    width, height = sizes[-1]
    return int(width), int(height)


def _name(step: Any) -> str:
    """Name of a transform, which a config gives as a text or as the class."""
    kind = step.get('type')
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2]


def multiply_adds(model: nn.Module, *inputs: Any, **options: Any) -> int:
    """Count multiplications, each with its addition, in convolutions, matrix products and attention.

    These are what tables of the field call FLOPs. PyTorch's counter sees operators where they run, so fused attention
    counts too, which mmengine's analysis of a traced graph leaves out (a seventh of a small ViT); it counts
    multiplications and additions apart.

    Args:
        model: Any module.
        inputs: Positional arguments of its forward pass.
        options: Its keyword arguments.
    """
    # Which fused kernels the counter knows depends on its version; it always knows the products that they stand for.
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.torchvision.deform_conv2d: _deformed})
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _encoder_layers_unfused():
        model(*inputs, **options)
    return int(counter.get_total_flops() // 2)


def _deformed(
    picture: Sequence[int], weight: Sequence[int], *args: Any, out_shape: Sequence[int], **kwargs: Any
) -> int:
    """Of a deformable convolution, without the interpolation: those of a convolution, as papers count it."""
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


@contextmanager
def _encoder_layers_unfused() -> Iterator[None]:
    """While entered, PyTorch's own attention and encoder layers compute as they do in training."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """While entered, PyTorch, and OpenCV in codecs, compute on one thread of the CPU."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _person(size: tuple[int, int], joints: int) -> PoseDataSample:
    """A person whose crop is the whole picture, with all that heads ask for."""
    box = np.array([[0, 0, *size]], np.float32)
    size_array = np.array(size, np.float32)
    sample = PoseDataSample(
        metainfo={
            'input_size': size,
            'input_center': size_array / 2,
            'input_scale': size_array,
            'flip_indices': list(range(joints)),  # which ones makes no difference to the time
        }
    )
    sample.gt_instances = InstanceData(bboxes=box, bbox_scores=np.ones(1, np.float32))
    return sample
