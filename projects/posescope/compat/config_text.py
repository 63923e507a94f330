"""A config's text is laid out once; mmengine asks for the same text four times a run, for a second each."""

import functools
from typing import Any

from mmengine.config import config

__all__ = ['remember_layouts']

_FEW = 8


def remember_layouts() -> None:
    """Let mmengine lay out a text that it has laid out before without asking yapf again; twice is harmless."""
    original = config.FormatCode
    if getattr(original, 'remembers', False):
        return

    @functools.lru_cache(_FEW)
    def remembered(text: str, style: tuple[tuple[str, Any], ...], more: tuple[tuple[str, Any], ...]) -> Any:
        return original(text, style_config=dict(style), **dict(more))

    def layout(text: str, style_config: dict[str, Any], **more: Any) -> Any:
        return remembered(text, tuple(sorted(style_config.items())), tuple(sorted(more.items())))

    layout.remembers = True  # type: ignore[attr-defined]
    config.FormatCode = layout
