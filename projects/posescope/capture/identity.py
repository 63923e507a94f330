"""What a store was made from, as checksums: another config, checkpoint or data set must not go on writing into it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from posescope.data.annotations import under_root

__all__ = ['config_digest', 'digest', 'labels_digest', 'run_identity', 'weights_digest']

_WITHOUT_EFFECT = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
"""Settings of a data loader that change no number."""
_FILES = ('ann_file', 'bbox_file')
"""Settings of a data set that name files whose content counts, wherever they lie."""
_CHUNK = 1 << 20


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal, as ``sha256sum`` prints it."""
    state = path.stat()
    return _digest(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(path: Path, size: int, changed: int) -> str:
    """Read a file once for all hooks, as long as it does not change."""
    found = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of a model's parameters and buffers by name, for weights that came from no local file."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f'{name} {tuple(tensor.shape)} {tensor.dtype}'.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def config_digest(cfg: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """SHA-256 of what decides the numbers of a capture: the model, the test data with their pipeline, the options.

    Args:
        cfg: Config of the run.
        options: Of the capture.
    """
    loader = dict(cfg.get('test_dataloader') or {})
    content = {
        'model': cfg.get('model'),
        'data': {key: value for key, value in loader.items() if key not in _WITHOUT_EFFECT},
        'loop': cfg.get('test_cfg'),
        'options': dict(options),
    }
    return hashlib.sha256(json.dumps(_plain(content), sort_keys=True).encode()).hexdigest()


def labels_digest(loader: Any) -> str:
    """SHA-256 of the content of annotation and detection files.

    Args:
        loader: Config of a data loader.
    """
    known = (digest(path) if path.is_file() else str(path) for path in _files(loader))
    return hashlib.sha256(' '.join(known).encode()).hexdigest()


def _files(node: Any) -> Iterator[Path]:
    """The files that data sets of a config name."""
    if isinstance(node, Mapping):
        for key in _FILES:
            if isinstance(node.get(key), str):
                # MMPose takes a detection file as it is, an annotation file from below the root.
                yield under_root(dict(node), key) if key == 'ann_file' else Path(node[key])
        for value in node.values():
            yield from _files(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _files(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items() if key not in _FILES}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, '__qualname__', None) or str(value)  # a class in a config that is written in Python


def run_identity(cfg: Config, model: nn.Module, checkpoint: str | None, options: Mapping[str, Any]) -> dict[str, str]:
    """Checksums by which a store knows whether a test run may go on writing into it.

    Args:
        cfg: Config of the run.
        model: The one that runs.
        checkpoint: Where its weights came from; None or a URL lets the weights themselves be hashed.
        options: Of the capture.

    Returns:
        ``config``, ``checkpoint`` and ``annotations``, each a SHA-256 in hexadecimal. Pictures are not read for it.
    """
    local = checkpoint is not None and Path(checkpoint).is_file()
    return {
        'config': config_digest(cfg, options),
        'checkpoint': digest(Path(str(checkpoint))) if local else weights_digest(model),
        'annotations': labels_digest(cfg.get('test_dataloader')),
    }
