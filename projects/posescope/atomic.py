"""Files that are either the old ones or the new ones, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success the finished file takes the place of ``path``.

    The data reach the disk before the name changes, so a power cut cannot leave an empty file under the final name.
    After an exception the temporary file is removed and ``path`` is as it was.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        yield temporary
        with temporary.open('rb') as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a reader sees all of it or what was there before."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
