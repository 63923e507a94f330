"""A layer's name that fits over a panel."""

__all__ = ['shortened', 'wrapped']


def shortened(name: str, width: int) -> str:
    """Cut a name in its middle, as its ends tell most: ``backbone.stage4.…fuse_layers.1``.

    Args:
        name: Of a layer.
        width: Most characters, at least 3.
    """
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f'{name[:head]}…{name[len(name) - (width - 1 - head) :]}'


def wrapped(name: str, width: int, lines: int = 2) -> str:
    """Break a name after dots into lines, and shorten what is longer than all of them.

    Args:
        name: Of a layer.
        width: Most characters of a line.
        lines: Most lines.
    """
    rows = ['']
    for part in name.replace('.', '.\0').split('\0'):
        if rows[-1] and len(rows[-1]) + len(part) > width:
            rows.append('')
        rows[-1] += part
    if len(rows) <= lines and all(len(row) <= width for row in rows):
        return '\n'.join(rows)
    short = shortened(name, width * lines)
    return '\n'.join(short[start : start + width] for start in range(0, len(short), width))
