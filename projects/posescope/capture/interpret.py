"""Switch the capture hooks on: from a config's ``interpret``, or from a file of its own."""

from copy import deepcopy
from typing import Any

from mmengine.config import Config

from posescope.engine.config import load_config
from posescope.errors import InputError

__all__ = ['INTERPRET', 'add_interpretation', 'use_interpretation']

INTERPRET = {
    'hooks': [
        {'type': 'FeatureMapHook', 'layers': 'stages', 'varying': 'pool', 'pictures': 2},
        {'type': 'AttentionHook', 'required': False, 'pictures': 2},
    ]
}
"""What ``--interpret`` switches on, as in ``configs/_base_/interpret.py``."""


def use_interpretation(cfg: Config, file: str | None) -> None:
    """Ask for interpretation on the command line.

    Args:
        cfg: Config of a run; gets ``interpret``, unless it has one and no file is given.
        file: A config with ``interpret``; None for :data:`INTERPRET`.

    Raises:
        InputError: The file says nothing about interpretation.
    """
    if file is None:
        if cfg.get('interpret') is None:
            cfg.interpret = deepcopy(INTERPRET)
        return
    other = load_config(file)
    if other.get('interpret') is None:
        raise InputError(f"--interpret-config {file} lacks interpret=dict(hooks=[dict(type='FeatureMapHook', …), …])")
    before = (cfg.get('interpret') or {}).get('hooks') or []
    if cfg.get('custom_hooks'):  # of a run that wrote its config down with them
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook not in before]
    cfg.interpret = other.interpret


def add_interpretation(cfg: Config) -> None:
    """Put the hooks of a config's ``interpret`` among its custom hooks; does nothing if it has none.

    A config that a run wrote into its work dir has them there already.

    Raises:
        InputError: ``interpret`` is no ``dict(hooks=[…])``.
    """
    wanted: Any = cfg.get('interpret')
    if wanted is None:
        return
    hooks = wanted.get('hooks') if isinstance(wanted, dict) else None
    if not isinstance(hooks, list | tuple) or not all(isinstance(hook, dict) and 'type' in hook for hook in hooks):
        raise InputError("interpret takes dict(hooks=[dict(type='FeatureMapHook', …), …])")
    own = list(cfg.get('custom_hooks') or [])
    cfg.custom_hooks = [*own, *(hook for hook in hooks if hook not in own)]
