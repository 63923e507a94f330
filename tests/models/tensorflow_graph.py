"""Runs TensorFlow graphs node by node, in NHWC and with TensorFlow's rules; it knows nothing of our modules."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from posescope.compat.tfjs import GraphModel, Node

SIMPLE: dict[str, Callable[..., np.ndarray]] = {
    'AddV2': np.add,
    'Sub': np.subtract,
    'Mul': np.multiply,
    'RealDiv': np.divide,
    'FloorDiv': np.floor_divide,
    'Sqrt': np.sqrt,
    'SquaredDifference': lambda a, b: (a - b) ** 2,
    'Sigmoid': lambda a: 0.5 + 0.5 * np.tanh(0.5 * a),
    'Relu': lambda a: np.maximum(a, 0),
    'Relu6': lambda a: np.clip(a, 0, 6),
    'Identity': lambda a: a,
    'ExpandDims': lambda a, axis: np.expand_dims(a, int(axis)),
    'Reshape': lambda a, shape: a.reshape(shape),
    'ArgMax': lambda a, axis: a.argmax(int(axis)),
    'GatherNd': lambda a, index: a[tuple(np.moveaxis(index, -1, 0))],
    'ConcatV2': lambda *parts: np.concatenate(parts[:-1], int(parts[-1])),
}


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding after the picture."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def convolve(node: Node, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    depthwise = 'Depthwise' in node.op
    stride = node.integers('strides')[1]
    height, width, channels, _ = kernel.shape
    weight = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
    image = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    if node.text('padding') == 'SAME':
        image = F.pad(image, (*same_padding(x.shape[2], width, stride), *same_padding(x.shape[1], height, stride)))
    filters = torch.from_numpy(np.ascontiguousarray(weight))
    y = F.conv2d(image, filters, stride=stride, groups=channels if depthwise else 1).numpy().transpose(0, 2, 3, 1)
    for operation in node.texts('fused_ops'):
        y = y + bias if operation == 'BiasAdd' else SIMPLE[operation](y)
    return y


def resize_bilinear(node: Node, x: np.ndarray, size: np.ndarray) -> np.ndarray:
    assert node.attributes['half_pixel_centers'] == {'b': True}
    for axis, target in ((1, int(size[0])), (2, int(size[1]))):
        place = np.clip((np.arange(target) + 0.5) * x.shape[axis] / target - 0.5, 0, x.shape[axis] - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(4)]).astype(np.float32)
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return x


def _evaluate(node: Node, inputs: list[Any]) -> Any:
    axis = int(node.attributes.get('axis', {}).get('i', 0))
    if 'Conv' in node.op:
        return convolve(node, *inputs)
    if node.op == 'ResizeBilinear':
        return resize_bilinear(node, *inputs)
    if node.op == 'Cast':
        return inputs[0].astype(np.float32)
    if node.op == 'Squeeze':
        return inputs[0].squeeze(tuple(node.integers('squeeze_dims')))
    if node.op == 'Pack':
        return np.stack(inputs, axis)
    if node.op == 'Unpack':
        return [part.squeeze(axis) for part in np.split(inputs[0], inputs[0].shape[axis], axis)]
    return SIMPLE[node.op](*inputs)


def run_graph(graph: GraphModel, image: np.ndarray) -> dict[str, np.ndarray]:
    """Give every node's value for a picture (1, H, W, 3)."""
    values: dict[str, Any] = dict(graph.weights)

    def value(name: str) -> Any:
        name, _, index = name.partition(':')
        found = values[name]
        return found[int(index or 0)] if isinstance(found, list) else found

    for node in graph.nodes:
        if node.op == 'Placeholder':
            values[node.name] = image
        elif node.op != 'Const':
            values[node.name] = _evaluate(node, [value(name) for name in node.inputs])
    return values
