"""What a config of ours is without our settings: the one that a training by MMPose's own script is compared with."""

from collections.abc import Callable, Iterator
from typing import Any

import mmpose.registry
from mmengine.config import Config
from mmengine.registry import Registry

from posescope.errors import InputError

__all__ = ['plain', 'plain_config']

WORKERS = {'num_workers': 2, 'persistent_workers': True}
"""Those of MMPose's configs."""
TRAINS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks', 'default_hooks')
"""Keys that a training reads."""


def plain(node: Any) -> Any:
    """Give a config, or a part of it, as one who has only MMPose would write it.

    Args:
        node: Values of a config: dicts, lists and what they hold. It is left as it is.
    """
    if isinstance(node, dict):
        node = {key: plain(value) for key, value in node.items()}
        return COUNTERPARTS[node['type']](node) if node.get('type') in COUNTERPARTS else node
    if isinstance(node, list | tuple):
        return type(node)(item for item in map(plain, node) if item is not None)
    return node


def _bbox_transform(ours: dict[str, Any]) -> dict[str, Any]:
    """MMPose's transform draws from a normal distribution that is cut off at our limits."""
    scale_range = ours.pop('scale_range', (0.8, 1.2))
    theirs = {'type': 'RandomBBoxTransform', 'scale_factor': scale_range, 'shift_prob': 1.0, 'scale_prob': 1.0}
    return {'shift_factor': 0.06, 'rotate_factor': 20.0, 'rotate_prob': 0.7, **ours, **theirs}


def _without(*keys: str, **changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda ours: {**{key: value for key, value in ours.items() if key not in keys}, **changes}


COUNTERPARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    'ChannelsLastHook': lambda ours: None,
    'CachedImage': lambda ours: None,
    'ContiguousImage': lambda ours: None,
    'QuickUDPHeatmap': _without(type='UDPHeatmap'),
    'AutocastOptimWrapper': _without('dtype', type='OptimWrapper'),
    'UniformBBoxTransform': _bbox_transform,
    'PackPoseInputs': _without('meta_keys'),
}
"""What MMPose has in the place of a part of ours, or of a setting that only saves time."""


def plain_config(cfg: Config) -> Config:
    """Turn a config of ours into one for MMPose's script.

    Raises:
        InputError: It trains with something that MMPose does not have.
    """
    content = plain(cfg.to_dict())
    imports = content.pop('custom_imports', {}).get('imports', [])
    if [name for name in imports if name != 'posescope']:
        content['custom_imports'] = {'imports': [name for name in imports if name != 'posescope']}
    content['train_dataloader'].update(WORKERS)
    ours = _registered_by_posescope()
    for name in _types([content.get(key) for key in TRAINS]):
        if name.rpartition('.')[2] in ours:
            raise InputError(f"{cfg.filename}: MMPose has nothing in the place of type='{name}', and cannot train this")
    return Config(content)


def _registered_by_posescope() -> set[str]:
    registries = [value for value in vars(mmpose.registry).values() if isinstance(value, Registry)]
    for registry in registries:
        registry.import_from_location()
    return {
        name
        for registry in registries
        for name, part in registry.module_dict.items()
        if part.__module__.startswith('posescope.')
    }


def _types(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get('type'), str):
            yield node['type']
        node = list(node.values())
    if isinstance(node, list | tuple):
        for item in node:
            yield from _types(item)
