"""Comparisons that were made before: resampling takes seconds each, and a study is put together again and again."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.evaluation.comparison import Comparison
from posescope.version import __version__

__all__ = ['Kept', 'kept_comparison']


@dataclass
class Kept:
    """Holds what was found before, or takes what is found now.

    Attributes:
        found: A comparison that is not judged; None if there is none yet.
    """

    found: Comparison | None


@contextmanager
def kept_comparison(folder: Path, key: Any) -> Iterator[Kept]:
    """Hand out a comparison that was kept, and keep the one that is there in the end.

    Args:
        folder: Of such files; made if it is missing.
        key: Everything that the comparison depends on.
    """
    digest = hashlib.sha256(repr((__version__, key)).encode()).hexdigest()[:24]
    path = folder / f'{digest}.json'
    before = _read(path)
    kept = Kept(before)
    yield kept
    if kept.found is not None and kept.found is not before:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(path, (json.dumps(asdict(kept.found), indent=1) + '\n').encode())


def _read(path: Path) -> Comparison | None:
    """Read a file; one that is damaged or of another version is as good as none."""
    try:
        found = Comparison(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.seeds is None else replace(found, seeds=(found.seeds[0], found.seeds[1]))
