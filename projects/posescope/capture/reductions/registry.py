"""Reductions by name, so that a config can say ``reduction='pooled'`` or ``dict(type='PCA', k=8)``."""

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine import Registry

from posescope.capture.reductions.reduction import Reduction
from posescope.errors import InputError, nearest

__all__ = ['REDUCTIONS', 'build_reduction']

REDUCTIONS = Registry('reduction')
"""Classes by their names and by names in small letters, e.g. ``TopChannels`` and ``top_channels``."""


def build_reduction(config: 'str | Mapping[str, Any] | Reduction | None') -> Reduction:
    """Make a reduction from what a config says.

    Args:
        config: A name, a mapping with the name as ``type`` and what the class takes, or None for the whole map. A
            reduction is returned as it is. What a reduction was fitted to belongs to one layer, so each layer needs its
            own.

    Raises:
        InputError: There is no such reduction, or it does not take what is given.
    """
    if isinstance(config, Reduction):
        return config
    options = dict(type=config) if isinstance(config, str) else dict(config or dict(type='whole'))
    name = options.pop('type', None)
    kind = REDUCTIONS.module_dict.get(str(name))
    if kind is None:
        raise InputError(f'reduction={name!r} is not known; nearest: {nearest(str(name), REDUCTIONS.module_dict)}')
    try:
        inspect.signature(kind).bind(**options)
    except TypeError as error:
        takes = ', '.join(inspect.signature(kind).parameters) or 'nothing'
        raise InputError(f'reduction={name!r}: {error}; it takes {takes}') from error
    return kind(**options)
