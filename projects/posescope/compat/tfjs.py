"""Reading TensorFlow.js graph models: a JSON file with the graph, beside binary shards with the weights."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['GraphModel', 'Node', 'read_graph_model']

STORED_TYPES = ('float32', 'float16', 'int32', 'uint8', 'uint16', 'bool')
"""Types of a shard's numbers that are read; TensorFlow.js also has strings and complex numbers, which no weight is."""


@dataclass(frozen=True)
class Node:
    """One operation of the graph.

    Attributes:
        name: Its unique name.
        op: What it does, as ``_FusedConv2D`` or ``Const``.
        inputs: Names of the nodes that it reads, in order.
        attributes: Its attributes in the JSON form of TensorFlow's protocol buffers.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the text attribute ``name``, None if there is none."""
        value = self.attributes.get(name, {}).get('s')
        return None if value is None else base64.b64decode(value).decode()

    def texts(self, name: str) -> list[str]:
        """Return the list-of-texts attribute ``name``, empty if there is none."""
        return [
            base64.b64decode(value).decode() for value in self.attributes.get(name, {}).get('list', {}).get('s', [])
        ]

    def integers(self, name: str) -> list[int]:
        """Return the list-of-integers attribute ``name``, empty if there is none."""
        return [int(value) for value in self.attributes.get(name, {}).get('list', {}).get('i', [])]


@dataclass(frozen=True)
class GraphModel:
    """A graph and its weights.

    Attributes:
        nodes: Every operation, in the file's order.
        weights: Name of a ``Const`` node to its value; floats are float32 whatever they were stored as.
    """

    nodes: list[Node]
    weights: dict[str, NDArray[Any]]


def read_graph_model(path: Path) -> GraphModel:
    """Read a graph model.

    Args:
        path: The JSON file; the shards that it names lie in its folder.

    Raises:
        InputError: If a file is missing, is no TensorFlow.js graph model, or does not have the announced length.
    """
    try:
        model = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error
    except ValueError as error:
        raise InputError(f'{path}: not a TensorFlow.js graph model (it is not JSON)') from error
    try:
        nodes = [
            Node(node['name'], node['op'], tuple(node.get('input', ())), node.get('attr', {}))
            for node in model['modelTopology']['node']
        ]
        weights: dict[str, NDArray[Any]] = {}
        for group in model['weightsManifest']:
            shards = b''.join(_read_shard(path.parent / name) for name in group['paths'])
            weights |= _split(shards, group['weights'], path)
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        kind = model.get('format') if isinstance(model, dict) else None
        said = f"its format is '{kind}'" if kind else 'modelTopology.node or weightsManifest is missing or malformed'
        raise InputError(f'{path}: not a TensorFlow.js graph model ({said})') from error
    return GraphModel(nodes, weights)


def _read_shard(path: Path) -> bytes:
    """Read one binary file of weights."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f'{path}: this file of weights, named by the model, cannot be read ({error.strerror})'
        ) from error


def _split(shards: bytes, entries: list[dict[str, Any]], path: Path) -> dict[str, NDArray[Any]]:
    """Cut the joined shards of one group into named arrays.

    Args:
        shards: The bytes of all shards of the group, one after the other.
        entries: The manifest's entries in the order of the bytes: name, shape, dtype, and how they are quantised.
        path: The model's file, for messages.
    """
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for entry in entries:
        quantization = entry.get('quantization', {})
        stored = quantization.get('dtype', entry['dtype'])
        if stored not in STORED_TYPES:
            raise InputError(
                f'{path}: weight {entry["name"]} is stored as {stored}; known are {", ".join(STORED_TYPES)}'
            )
        count = int(np.prod(entry['shape'], dtype=np.int64))
        length = count * np.dtype(stored).itemsize
        if start + length > len(shards):
            raise InputError(f'{path}: the files of weights end after {len(shards)} bytes, inside {entry["name"]}')
        array = np.frombuffer(shards, np.dtype(stored).newbyteorder('<'), count, start)
        if 'scale' in quantization:  # affine; a float16 quantisation has no scale
            array = array * np.float32(quantization['scale']) + np.float32(quantization['min'])
        arrays[entry['name']] = array.astype(entry['dtype']).reshape(entry['shape'])
        start += length
    if start != len(shards):
        raise InputError(f'{path}: the files of weights have {len(shards)} bytes, the model describes {start}')
    return arrays
