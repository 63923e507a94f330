import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posescope.compat.tfjs import Node, read_graph_model
from posescope.errors import InputError

WEIGHTS = [
    {'name': 'plain', 'shape': [2], 'dtype': 'float32'},
    {
        'name': 'half',
        'shape': [1, 2],
        'dtype': 'float32',
        'quantization': {'dtype': 'float16', 'original_dtype': 'float32'},
    },
    {'name': 'byte', 'shape': [3], 'dtype': 'float32', 'quantization': {'dtype': 'uint8', 'min': -1.0, 'scale': 0.5}},
    {'name': 'scalar', 'shape': [], 'dtype': 'int32'},
]
DATA = (
    np.array([1.5, -2.0], '<f4').tobytes()
    + np.array([0.25, 3.0], '<f2').tobytes()
    + bytes([0, 2, 255])
    + np.array([7], '<i4').tobytes()
)


def write(folder: Path, weights: Any = WEIGHTS, shards: tuple[bytes, ...] = (DATA[:5], DATA[5:])) -> Path:
    for i, shard in enumerate(shards):
        (folder / f'{i}.bin').write_bytes(shard)
    model = {
        'format': 'graph-model',
        'modelTopology': {'node': [{'name': 'a', 'op': 'Const'}, {'name': 'b', 'op': 'Relu', 'input': ['a']}]},
        'weightsManifest': [{'paths': [f'{i}.bin' for i in range(len(shards))], 'weights': weights}],
    }
    (folder / 'model.json').write_text(json.dumps(model))
    return folder / 'model.json'


def test_weights_are_joined_and_dequantised(tmp_path: Path) -> None:
    graph = read_graph_model(write(tmp_path))
    assert graph.nodes == [Node('a', 'Const'), Node('b', 'Relu', ('a',))]
    np.testing.assert_array_equal(graph.weights['plain'], np.float32([1.5, -2]))
    np.testing.assert_array_equal(graph.weights['half'], np.float32([[0.25, 3]]))
    np.testing.assert_array_equal(graph.weights['byte'], np.float32([-1, 0, 126.5]))  # min + scale * q
    assert graph.weights['byte'].dtype == np.float32
    assert graph.weights['scalar'].shape == ()
    assert graph.weights['scalar'] == 7


def test_attributes_are_decoded() -> None:
    node = Node(
        'n',
        'Conv2D',
        (),
        {
            'padding': {'s': 'U0FNRQ=='},
            'fused_ops': {'list': {'s': ['Qmlhc0FkZA==', 'UmVsdTY=']}},
            'strides': {'list': {'i': ['1', '2', '2', '1']}},
        },
    )
    assert node.text('padding') == 'SAME'
    assert node.texts('fused_ops') == ['BiasAdd', 'Relu6']
    assert node.integers('strides') == [1, 2, 2, 1]
    assert node.text('other') is None
    assert node.texts('other') == node.integers('other') == []


def test_bad_files_are_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / 'other.json'
    cases = {
        None: 'other.json: cannot be read',
        'no json': 'it is not JSON',
        '[1]': 'not a TensorFlow.js graph model',
        '{"format": "layers-model", "modelTopology": {"model_config": {}}}': "its format is 'layers-model'",
        '{"modelTopology": {"node": []}}': 'weightsManifest is missing',
    }
    for content, message in cases.items():
        if content is not None:
            path.write_text(content)
        with pytest.raises(InputError, match=message) as caught:
            read_graph_model(path)
        assert '\n' not in str(caught.value)


def test_shards_must_exist_and_have_the_announced_length(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'end after 10 bytes, inside half'):
        read_graph_model(write(tmp_path, shards=(DATA[:10],)))
    with pytest.raises(InputError, match=rf'have {len(DATA) + 1} bytes, the model describes {len(DATA)}'):
        read_graph_model(write(tmp_path, shards=(DATA + b'0',)))
    with pytest.raises(InputError, match=r'weight words is stored as string; known are float32'):
        read_graph_model(write(tmp_path, [{'name': 'words', 'shape': [1], 'dtype': 'string'}], (b'',)))
    path = write(tmp_path)
    (tmp_path / '1.bin').unlink()
    with pytest.raises(InputError, match=r'1\.bin: this file of weights'):
        read_graph_model(path)
