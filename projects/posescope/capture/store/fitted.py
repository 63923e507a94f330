"""What reductions were fitted to, kept beside the shards."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from posescope.capture.store.tensor_file import TensorFile, write_tensors

__all__ = ['forget_fitted', 'load_fitted', 'save_fitted']


def save_fitted(folder: Path, layer: str, arrays: Mapping[str, NDArray], rank: int) -> None:
    """Keep arrays for a layer; ranks that save the same at the same time do not disturb each other.

    Raises:
        OSError: The disk is full, for example.
    """
    path = _file(folder, layer)
    own = folder / f'rank{rank}.{path.name}'
    write_tensors(own, {name: [np.ascontiguousarray(np.atleast_1d(array))] for name, array in arrays.items()})
    own.replace(path)


def load_fitted(folder: Path, layer: str) -> dict[str, NDArray]:
    """Read what was kept; empty if nothing was."""
    path = _file(folder, layer)
    if not path.exists():
        return {}
    file = TensorFile(path)
    return {name: np.array(file[name]) for name in sorted(file.header)}


def forget_fitted(folder: Path) -> None:
    """Remove all that was kept: of a run that ended before it stored anything, which may have been another one."""
    for path in folder.glob('fitted-*.safetensors'):
        path.unlink(missing_ok=True)


def _file(folder: Path, layer: str) -> Path:
    return folder / f'fitted-{quote(layer, safe="[]@#:")}.safetensors'
