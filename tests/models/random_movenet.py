"""Writes a TensorFlow.js graph model with Lightning's layers, as released, and random weights."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = 'StatefulPartitionedCall/'
EXTRACTOR = ROOT + 'center_net_mobile_net_v2fpn_feature_extractor/model_1/'
# Output channels and stride of Keras' blocks 1 to 16 in Lightning.
BLOCKS = (
    (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1), (96, 1), (96, 1), (96, 1),
    (160, 2), (160, 1), (160, 1), (320, 1),
)  # fmt: skip
HEADS = {'kpt_heatmap_0': 17, 'kpt_regress_0': 34, 'center_0': 1, 'kpt_offset_0': 34}


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


class GraphWriter:
    """Collects nodes and weights; every method returns the name of the node that it added."""

    def __init__(self, seed: int, size: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.nodes: list[dict[str, Any]] = [{'name': 'input', 'op': 'Placeholder'}]
        self.weights: dict[str, np.ndarray] = {}
        self.size = size

    def constant(self, name: str, value: np.ndarray) -> str:
        self.nodes.append({'name': name, 'op': 'Const'})
        self.weights[name] = value
        return name

    def node(self, name: str, op: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append({'name': name, 'op': op, 'input': inputs, 'attr': attributes})
        return name

    def conv(
        self,
        x: str,
        names: tuple[str, str, str | None],
        shape: tuple[int, ...],
        stride: int = 1,
        act: str | None = None,
    ) -> str:
        """Add a convolution; ``names`` are those of the node, its kernel and its bias, ``shape`` the kernel's."""
        name, kernel, bias = names
        depthwise = shape[-1] == 1 and shape[0] == 3
        fan_in = shape[0] * shape[1] * (1 if depthwise else shape[2])
        inputs = [x, self.constant(kernel, self.generator.normal(0, fan_in**-0.5, shape))]
        fused = []
        if bias is not None:
            channels = shape[2] if depthwise else shape[3]
            inputs.append(self.constant(bias, self.generator.normal(0, 0.1, channels)))
            fused = ['BiasAdd', *([act] if act else [])]
        plain = 'FusedDepthwiseConv2dNative' if bias else 'DepthwiseConv2dNative'
        return self.node(
            name,
            plain if depthwise else '_FusedConv2D',
            inputs,
            strides={'list': {'i': ['1', str(stride), str(stride), '1']}},
            padding={'s': _text('SAME')},
            fused_ops={'list': {'s': [_text(operation) for operation in fused]}},
        )

    def trunk_conv(self, x: str, layer: str, shape: tuple[int, ...], stride: int = 1, act: str | None = 'Relu6') -> str:
        op = 'depthwise' if layer.endswith('_depthwise') else 'Conv2D'
        base = f'{EXTRACTOR}model/{layer}/{op}'
        return self.conv(x, (f'{base}_node', f'{base}_weights', f'{base}_bn_offset'), shape, stride, act)

    def separable(self, x: str, base: str, channels: int, out: int, folded: bool) -> str:
        inner = f'{base}/separable_conv2d'
        x = self.conv(x, (f'{inner}/depthwise', f'{inner}/ReadVariableOp', None), (3, 3, channels, 1))
        kernel, bias = (
            (f'{inner}_weights', f'{inner}_bn_offset')
            if folded
            else (f'{inner}/ReadVariableOp_1', f'{base}/BiasAdd/ReadVariableOp')
        )
        return self.conv(x, (f'{base}/node', kernel, bias), (1, 1, channels, out), act='Relu')

    def plain(self, x: str, base: str, channels: int, out: int) -> str:
        names = (f'{base}/BiasAdd', f'{base}/Conv2D/ReadVariableOp', f'{base}/BiasAdd/ReadVariableOp')
        return self.conv(x, names, (1, 1, channels, out))

    def trunk(self) -> dict[int, str]:
        """Add MobileNetV2; return the nodes of stride 4, 8, 16, 32 that enter the pyramid."""
        x = self.trunk_conv('input', 'Conv1', (3, 3, 3, 32), 2)
        x = self.trunk_conv(x, 'expanded_conv_depthwise', (3, 3, 32, 1))
        x = self.trunk_conv(x, 'expanded_conv_project', (1, 1, 32, 16), act=None)
        taps, channels = {}, 16
        for number, (out, stride) in enumerate(BLOCKS, 1):
            y = self.trunk_conv(x, f'block_{number}_expand', (1, 1, channels, 6 * channels))
            y = self.trunk_conv(y, f'block_{number}_depthwise', (3, 3, 6 * channels, 1), stride)
            y = self.trunk_conv(y, f'block_{number}_project', (1, 1, 6 * channels, out), act=None)
            if stride == 1 and channels == out:
                y = self.node(f'{EXTRACTOR}model/block_{number}_add/add', 'AddV2', [x, y])
            x, channels = y, out
            taps[number] = x
        top = self.trunk_conv(x, 'Conv_1', (1, 1, 320, 1280))
        return {4: taps[2], 8: taps[5], 16: taps[9], 32: top}

    def build(self) -> None:
        taps = self.trunk()
        x = self.plain(taps[32], f'{EXTRACTOR}conv2d', 1280, 64)
        for i, (stride, width, merged, out) in enumerate([(16, 64, 64, 32), (8, 32, 32, 24), (4, 24, 24, 24)]):
            suffix = f'_{i}' if i else ''
            side = np.array([self.size // stride] * 2, np.int32)
            size = self.constant(f'{EXTRACTOR}up_sampling2d{suffix}/mul', side)
            up = self.node(
                f'{EXTRACTOR}up_sampling2d{suffix}/resize', 'ResizeBilinear', [x, size], half_pixel_centers={'b': True}
            )
            lateral = self.plain(taps[stride], f'{EXTRACTOR}conv2d_{i + 1}', width, merged)
            x = self.node(f'{EXTRACTOR}add{suffix}', 'AddV2', [up, lateral])
            x = self.separable(x, f'{EXTRACTOR}separable_conv2d{suffix}', merged, out, folded=True)
        for i, (head, channels) in enumerate(HEADS.items()):
            y = self.separable(x, f'{ROOT}{head}/separable_conv2d_{i + 3}', 24, 96, folded=False)
            self.plain(y, f'{ROOT}{head}/conv2d_{i + 4}', 96, channels)


def write_random_movenet(path: Path, seed: int = 0, size: int = 64) -> Path:
    """Write a graph for pictures of ``size`` pixels, its weights as float16, float32 and uint8 in two shards."""
    writer = GraphWriter(seed, size)
    writer.build()
    entries, data = [], b''
    for i, (name, value) in enumerate(writer.weights.items()):
        entry: dict[str, Any] = {'name': name, 'shape': list(value.shape), 'dtype': 'float32'}
        if value.dtype == np.int32:
            entry['dtype'] = 'int32'
            stored = value
        elif i % 3 == 0:
            low, scale = float(value.min()), float(np.ptp(value)) / 255 or 1.0
            entry['quantization'] = {'dtype': 'uint8', 'min': low, 'scale': scale}
            stored = ((value - low) / scale).round().astype(np.uint8)
        elif i % 3 == 1:
            entry['quantization'] = {'dtype': 'float16', 'original_dtype': 'float32'}
            stored = value.astype(np.float16)
        else:
            stored = value.astype(np.float32)
        entries.append(entry)
        data += stored.tobytes()
    cut = len(data) // 2 + 1  # inside a number, as real shards are cut
    shards = {f'{path.stem}-1of2.bin': data[:cut], f'{path.stem}-2of2.bin': data[cut:]}
    for name, content in shards.items():
        (path.parent / name).write_bytes(content)
    model = {
        'format': 'graph-model',
        'modelTopology': {'node': writer.nodes},
        'weightsManifest': [{'paths': list(shards), 'weights': entries}],
    }
    path.write_text(json.dumps(model))
    return path
