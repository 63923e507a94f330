"""What a study asks of a training beyond its config: nothing that changes its result."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ['checkpoint_options']

_HOOK = 'default_hooks.checkpoint'
_PARTS = 4
"""Of a training, each with a checkpoint; MMEngine takes a second for one, most of it to lay out the config."""


def checkpoint_options(content: Mapping[str, Any]) -> list[str]:
    """Settings with which a kill loses a quarter of a training where it would lose all of it.

    A training that writes one checkpoint, at its end, writes one after each quarter of its epochs and keeps the last.
    Who asks for checkpoints in between has them as asked.

    Args:
        content: The config.

    Returns:
        Settings as ``--cfg-options`` takes them; none where a kill loses less anyway.
    """
    settings = content.get('train_cfg') or {}
    hook = (content.get('default_hooks') or {}).get('checkpoint')
    epochs = settings.get('max_epochs')
    if not isinstance(hook, Mapping) or not isinstance(epochs, int) or settings.get('max_iters'):
        return []
    interval = hook.get('interval', -1)
    asked_otherwise = not hook.get('by_epoch', True) or hook.get('save_begin') or not hook.get('save_last', True)
    if epochs < 2 or asked_otherwise or 0 < interval < epochs:
        return []
    kept = [] if hook.get('max_keep_ckpts', -1) > 0 else [f'{_HOOK}.max_keep_ckpts=1']
    return [f'{_HOOK}.interval={math.ceil(epochs / _PARTS)}', *kept]
