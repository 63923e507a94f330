"""Which weight of the released MoveNet graphs is which weight of ours."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posescope.atomic import atomic_write
from posescope.compat.tfjs import GraphModel, Node, read_graph_model
from posescope.errors import InputError
from posescope.models.backbones import MoveNetBackbone
from posescope.models.heads import MoveNetHead

__all__ = ['VARIANTS', 'convert', 'convert_file']

VARIANTS = {'thunder': 1.75, 'lightning': 1.0}
"""Released single-person models and the width multiplier of their backbones."""

CONVOLUTIONS = ('_FusedConv2D', 'FusedDepthwiseConv2dNative', 'DepthwiseConv2dNative', 'Conv2D')

# MobileNetV2's blocks as Keras counts them; block 0 is called expanded_conv and has no expansion.
BLOCKS_PER_LAYER = [layer[2] for layer in MoveNetBackbone.arch_settings]
BLOCKS = [(layer + 1, block) for layer, count in enumerate(BLOCKS_PER_LAYER) for block in range(count)]
# Where a layer of Keras' numbering, conv2d, conv2d_1, … and separable_conv2d, …, stands in the pyramid.
PYRAMID_CONVOLUTIONS = ('top', 'lateral.stride16', 'lateral.stride8', 'lateral.stride4')
PYRAMID_SEPARABLE = ('smooth.stride16', 'smooth.stride8', 'smooth.stride4')
BRANCHES = {'kpt_heatmap_0': 'heatmap', 'center_0': 'center', 'kpt_regress_0': 'regress', 'kpt_offset_0': 'offset'}


class Convolution(NamedTuple):
    """A convolution of the graph.

    Attributes:
        layer: The path of the Keras layer that it comes from.
        depthwise: Whether it keeps channels apart.
        weight: Name of its kernel.
        bias: Name of its bias, None without one.
    """

    layer: str
    depthwise: bool
    weight: str
    bias: str | None


def convert(graph: GraphModel) -> tuple[str, dict[str, Tensor]]:
    """Turn a released MoveNet graph into a state dict of a ``TopdownPoseEstimator``.

    Args:
        graph: Thunder or Lightning, single person.

    Returns:
        The variant's name in :data:`VARIANTS`, and the weights by our names.

    Raises:
        InputError: If the graph is no such model; the message names the layers or weights that differ.
    """
    state: dict[str, Tensor] = {}
    strangers: list[str] = []
    for convolution in _convolutions(graph):
        module = _module_name(convolution)
        if module is None or f'{module}.weight' in state:
            strangers.append(convolution.layer)
            continue
        state[f'{module}.weight'] = _kernel(graph.weights[convolution.weight], convolution.depthwise)
        if convolution.bias is not None:
            state[f'{module}.bias'] = torch.from_numpy(graph.weights[convolution.bias].copy())
    expected = _expected_shapes()
    stem = state.get('backbone.conv1.conv.weight')
    variant = next(
        (
            name
            for name, shapes in expected.items()
            if stem is not None and stem.shape == shapes['backbone.conv1.conv.weight']
        ),
        next(iter(expected)),
    )
    _compare(state, expected[variant], strangers, variant)
    return variant, state


def convert_file(source: Path, target: Path) -> str:
    """Convert a TensorFlow.js file to a checkpoint, which appears under its name only when it is complete.

    Args:
        source: The graph model's JSON file.
        target: The checkpoint; its folder is made if missing.

    Returns:
        The variant's name in :data:`VARIANTS`.

    Raises:
        InputError: If ``source`` cannot be read or holds another model, or ``target`` cannot be written.
    """
    try:
        variant, state = convert(read_graph_model(source))
    except InputError as error:
        raise InputError(str(error) if str(source) in str(error) else f'{source}: {error}') from error
    checkpoint = {
        'state_dict': state,
        'meta': {'model': f'movenet-{variant}', 'widen_factor': VARIANTS[variant], 'converted_from': source.name},
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        torch.save(checkpoint, content)  # to a full disk it would raise no OSError
        atomic_write(target, content.getvalue())
    except OSError as error:
        raise InputError(f'{target}: cannot be written ({error.strerror})') from error
    return variant


def _convolutions(graph: GraphModel) -> Iterator[Convolution]:
    """Find every convolution with constant weights."""
    for node in graph.nodes:
        if node.op in CONVOLUTIONS and len(node.inputs) > 1 and node.inputs[1] in graph.weights:
            bias = node.inputs[2] if len(node.inputs) > 2 else None
            if bias is not None and bias not in graph.weights:
                raise InputError(f'the bias {bias} of {node.name} has no value in the files of weights')
            yield Convolution(_layer(node), 'Depthwise' in node.op, node.inputs[1], bias)


def _layer(node: Node) -> str:
    """Name the Keras layer of a convolution, from the name of its kernel: the path before the operation's own names."""
    kernel = node.inputs[1]
    return re.sub(
        r'/(Conv2D|depthwise|separable_conv2d)(_weights|/ReadVariableOp(_\d+)?)?$',
        '',
        kernel.split('PartitionedCall/')[-1],
    )


def _module_name(convolution: Convolution) -> str | None:
    """Name our module for a convolution, None if there is no counterpart."""
    scope, _, layer = convolution.layer.rpartition('/')
    if scope.endswith('/model'):
        return _backbone_module(layer)
    number = int(match[1]) if (match := re.search(r'_(\d+)$', layer)) else 0
    separable = layer.startswith('separable_conv2d')
    part = ('depthwise' if convolution.depthwise else 'pointwise.conv') if separable else None
    if scope in BRANCHES:
        return f'head.{BRANCHES[scope]}.' + (f'0.{part}' if part else '1')
    if scope.endswith('/model_1'):
        level = PYRAMID_SEPARABLE if separable else PYRAMID_CONVOLUTIONS
        if number < len(level):
            return f'backbone.fpn.{level[number]}' + (f'.{part}' if part else '')
    return None


def _backbone_module(layer: str) -> str | None:
    """Name our module for a layer of Keras' MobileNetV2."""
    if layer in ('Conv1', 'Conv_1'):
        return f'backbone.{"conv1" if layer == "Conv1" else "conv2"}.conv'
    match = re.fullmatch(r'(?:expanded_conv|block_(\d+))_(expand|depthwise|project)', layer)
    if match is None or int(match[1] or 0) >= len(BLOCKS):
        return None
    number = int(match[1] or 0)
    parts = ['expand', 'depthwise', 'project'] if number else ['depthwise', 'project']
    stage, block = BLOCKS[number]
    return f'backbone.layer{stage}.{block}.conv.{parts.index(match[2])}.conv' if match[2] in parts else None


def _kernel(kernel: NDArray[Any], depthwise: bool) -> Tensor:
    """Reorder a kernel from TensorFlow's (height, width, in, out) to PyTorch's (out, in, height, width).

    TensorFlow's depthwise kernels are (height, width, in, multiplier), PyTorch's (in * multiplier, 1, height, width).
    """
    if depthwise:
        height, width, channels, multiplier = kernel.shape
        return torch.from_numpy(kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width).copy())
    return torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())


def _expected_shapes() -> dict[str, dict[str, torch.Size]]:
    """Shapes of all weights of our modules, for each variant."""
    shapes = {}
    for variant, width in VARIANTS.items():
        modules: dict[str, nn.Module] = {'backbone': MoveNetBackbone(width), 'head': MoveNetHead()}
        shapes[variant] = {
            f'{prefix}.{name}': value.shape
            for prefix, module in modules.items()
            for name, value in module.state_dict().items()
        }
    return shapes


def _compare(state: dict[str, Tensor], expected: dict[str, torch.Size], strangers: list[str], variant: str) -> None:
    """Raise an InputError unless exactly the expected weights were found, each with the expected shape."""
    wrong = [
        f'{k} is {tuple(state[k].shape)}, not {tuple(s)}'
        for k, s in expected.items()
        if k in state and state[k].shape != s
    ]
    differences = {
        'layers without counterpart': strangers,
        'weights not found': [key for key in expected if key not in state],
        'unexpected weights': [key for key in state if key not in expected],
        'other shapes': wrong,
    }
    told = [f'{what}: {_first(names)}' for what, names in differences.items() if names]
    if told:
        known = ' or '.join(f'movenet-{name}' for name in VARIANTS)
        raise InputError(f'not a single-person {known} (compared with {variant}): {"; ".join(told)}')


def _first(names: list[str], count: int = 3) -> str:
    """List the first names and say how many more there are."""
    return ', '.join(names[:count]) + (f' and {len(names) - count} more' if len(names) > count else '')
