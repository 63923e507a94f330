"""Builds anny's body model quickly, from anny's own files, and without its cache.

``anny.Anny()`` takes a minute the first time and keeps a gigabyte in the user's home. Most of that minute is spent on
reading numbers line by line and on shapes that rendering does not use. Tried with anny 0.6.2.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posescope.errors import InputError

if TYPE_CHECKING:
    import anny


def load_anny() -> anny.Anny:
    """Build the body model of children and adults, with all vertices and all phenotypes but cup size and firmness.

    Returns:
        The model in float64; poses are ``local-ref`` and the skinning is anny's PyTorch one, so nothing is compiled.

    Raises:
        InputError: If anny is not installed.
    """
    try:
        import anny
        from anny.models import full_model
        from anny.models.model_data import RigConfig, TopologyConfig
    except ImportError as error:
        raise InputError('rendering needs anny: pip install "posescope[render]"') from error
    rig = RigConfig.from_string('anny')
    with _quick_loading(full_model):
        data = full_model.build_anny_model_data(
            rig=rig, topology=TopologyConfig.from_string('anny-full'), local_changes='none', facial_actions='none'
        )
    model = anny.Anny.from_model_data(
        data,
        skinning_method='lbs',
        pose_parameterization='local-ref',
        bone_orientation=rig.bone_orientation,
        root_identity_orientation=rig.root_identity_orientation,
        phenotypes='all',
    )
    return model.to(torch.float64)


def base_mesh_groups() -> dict[str, np.ndarray]:
    """Read the groups of anny's base mesh: the body, clothes to model on, a volume of hair, the eyes and others.

    Returns:
        Name of each group that has quadrilaterals, to (Q, 4) int64 indices of vertices.
    """
    from anny.paths import get_anny_root_dir

    faces: dict[str, list[list[int]]] = {}
    name = ''
    with (get_anny_root_dir() / 'data/mpfb2/3dobjs/base.obj').open() as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ['g']:
                name = words[1]
            elif words[:1] == ['f'] and len(words) == 5:
                faces.setdefault(name, []).append([int(word.split('/')[0]) - 1 for word in words[1:]])
    return {name: np.array(quads, dtype=np.int64) for name, quads in faces.items()}


@contextmanager
def _quick_loading(full_model: Any) -> Iterator[None]:
    """Let anny read its targets quickly and leave its cache alone, while the context lasts."""
    names = ('load_data', 'load_blend_shape', 'load_facial_action_blendshapes')
    before = {name: getattr(full_model, name) for name in names}
    full_model.load_data = before['load_data'].__wrapped__
    full_model.load_blend_shape = _load_blend_shape
    full_model.load_facial_action_blendshapes = _no_facial_actions
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(full_model, name, function)


def _load_blend_shape(
    filename: str, vertices_count: int, world_transformation: Any, dtype: torch.dtype
) -> torch.Tensor:
    """Read one target; stands in for anny's function of the same name, with the same result.

    Shapes that rendering does not use stay empty: local changes (a longer nose), which are filtered out afterwards,
    and those of babies and of cup sizes.
    """
    path = Path(filename)
    if path.parent.name not in ('macrodetails', 'height', 'proportions') or 'baby' in path.name:
        return torch.zeros((), dtype=dtype).expand(vertices_count, 3)
    blend_shape = torch.zeros((vertices_count, 3), dtype=dtype)
    with gzip.open(filename, 'rt') as target:
        numbers = np.fromstring(target.read(), dtype=np.float64, sep=' ').reshape(-1, 4)
    blend_shape[torch.from_numpy(numbers[:, 0].astype(np.int64))] = torch.from_numpy(numbers[:, 1:]).to(dtype)
    return world_transformation.apply(blend_shape)


def _no_facial_actions(vertices_count: int, world_transformation: Any, dtype: torch.dtype) -> tuple[list, torch.Tensor]:
    return [], torch.zeros((0, vertices_count, 3), dtype=dtype)
