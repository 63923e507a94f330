"""Were a checkpoint's weights trained for the codec that a config decodes with?"""

import ast
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from posescope.engine.config_parts import dicts_in, name_of
from posescope.errors import InputError

__all__ = ['OPTION', 'read_config_text', 'refuse_other_codec']

OPTION = 'allow_other_codec'
"""Key of a config that lets another codec pass."""
_SAME = {'QuickUDPHeatmap': 'UDPHeatmap'}
"""Codecs that only compute the same in another way."""
_LOADERS = ('test_dataloader', 'val_dataloader', 'train_dataloader')


def refuse_other_codec(cfg: Config, checkpoint: Mapping[str, Any], filename: str) -> None:
    """Raise if a checkpoint was trained with another codec, or another way to crop, than a config tests with.

    MMEngine writes the text of the training's config into ``meta``. Weights that were trained with ``MSRAHeatmap`` and
    plain crops load without complaint into a config with ``UDPHeatmap`` and ``use_udp=True`` and the other way round,
    and joints then lie beside their places by a part of a cell. What is a choice at test time, such as
    ``unbiased=True``, is not compared; nor is a checkpoint that does not tell.

    Args:
        cfg: The config that is tested; ``allow_other_codec=True`` in it lets everything pass.
        checkpoint: Content of the file.
        filename: Named in the message.

    Raises:
        InputError: Saying what differs.
    """
    meta = checkpoint.get('meta')
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if cfg.get(OPTION) or not isinstance(text, str):
        return
    trained = read_config_text(text)
    before, now = _codec(trained), _codec(cfg)
    reasons = []
    if before and now and before != now:
        named = [_named(codec, before['type'] == now['type']) for codec in (before, now)]
        reasons.append(f'decoder {named[0]}, the config has {named[1]}')
    cropped, crops = _use_udp(trained), _use_udp(cfg)
    if cropped is not None and crops is not None and cropped != crops:
        reasons.append(f'TopdownAffine use_udp={cropped}, the config has use_udp={crops}')
    if reasons:
        raise InputError(
            f'{filename} was trained with {"; and with ".join(reasons)}: joints would lie beside their places; take '
            f'the config that it was trained with, or say --cfg-options {OPTION}=True'
        )


def read_config_text(text: str) -> dict[str, Any]:
    """Read the settings in a config's text without running it.

    Args:
        text: As MMEngine writes it: assignments of literals and ``dict(…)``.

    Returns:
        By name; None stands for whatever is neither of the two. Empty if the text is not Python.
    """
    try:
        lines = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return {
        target.id: _value(line.value)
        for line in lines
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }


def _value(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys]
        return {key: _value(value) for key, value in zip(keys, node.values, strict=True) if isinstance(key, str | int)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {part.arg: _value(part.value) for part in node.keywords if part.arg is not None}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part) for part in node.elts]
    return node.value if isinstance(node, ast.Constant) else None


def _codec(cfg: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the head decodes with; where heads are wrapped, that of the head inside."""
    head = (cfg.get('model') or {}).get('head')
    found = next((part['decoder'] for part in dicts_in(head) if isinstance(part.get('decoder'), Mapping)), None)
    while found is not None and isinstance(found.get('codec'), Mapping):  # a codec around another
        found = found['codec']
    if found is None or not found.get('type'):
        return None
    kind = name_of(found['type'])
    codec = {'type': _SAME.get(kind, kind)}
    if codec['type'] == 'UDPHeatmap':
        codec['heatmap_type'] = found.get('heatmap_type', 'gaussian')
    return codec


def _use_udp(cfg: Mapping[str, Any]) -> bool | None:
    """Whether crops map pixel centres; None if the config does not cut crops with ``TopdownAffine``."""
    for name in _LOADERS:
        for part in dicts_in(cfg.get(name)):
            if name_of(part.get('type')) == 'TopdownAffine':
                return bool(part.get('use_udp', False))
    return None


def _named(codec: Mapping[str, Any], in_full: bool) -> str:
    return f"{codec['type']}(heatmap_type='{codec['heatmap_type']}')" if in_full else str(codec['type'])
