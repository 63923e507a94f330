"""posescope: select, interpret and improve 2D human pose models, as an MMPose extension.

``import posescope`` makes the host importable on today's stack (:mod:`posescope.compat`) and registers every head,
loss, metric and hook of the project with MMPose, so ``custom_imports = dict(imports=['posescope'])`` is all that a
config needs.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from posescope import compat
from posescope.version import __version__

if TYPE_CHECKING:
    from posescope.capture.store import Store

compat.install()

if find_spec('mmpose') is None:
    warnings.warn(
        'mmpose is not installed, so nothing was registered with it; get it with '
        '`pip install --no-deps -r requirements/openmmlab.txt` from the posescope sources',
        stacklevel=2,
    )
else:
    from mmpose.registry import HOOKS

    from posescope import data, engine, evaluation, models  # noqa: F401
    from posescope.capture import hooks  # noqa: F401
    from posescope.compat.lazy_registry import import_on_first_use

    for _hook in ('attribution_hook', 'dependency_hook', 'probe_hook'):
        import_on_first_use(HOOKS, f'posescope.explain.hooks.{_hook}')

__all__ = ['__version__', 'open_store']


def open_store(path: str | Path) -> 'Store':
    """Open a folder that a capture hook wrote, see :func:`posescope.capture.store.open_store`."""
    from posescope.capture.store import open_store  # here, so that importing posescope stays quick

    return open_store(path)
