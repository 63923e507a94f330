"""The data sets that everyone has or can render alike: the embedded one and a large test set."""

from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.data.rendering.composition import check_composition, check_disjoint
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.digests import digest_file
from posescope.data.rendering.render_folder import RenderSettings
from posescope.errors import InputError

EMBEDDED = (RenderSettings('train', 1, 2350), RenderSettings('dev', 2, 300), RenderSettings('test', 3, 500))
LARGE_TEST = RenderSettings('large_test', 4, 2000)
EMBEDDED_BYTES = 30_000_000
"""What the embedded set may weigh, everything included."""


def render_embedded(out: Path, processes: int) -> dict[str, dict[str, Any]]:
    """Render the embedded set and check what it is made of.

    Args:
        out: Its root.
        processes: How many work side by side.

    Returns:
        The annotations by the name of the split.

    Raises:
        InputError: ``out`` holds something else, or the set is not as stated: its composition, splits that share
            something, its size.
    """
    sets = {settings.split: render_dataset(out, settings, processes, check=check_composition) for settings in EMBEDDED}
    check_disjoint(sets)
    weight = sum(path.stat().st_size for path in out.rglob('*') if path.is_file())
    if weight > EMBEDDED_BYTES:
        raise InputError(f'{out} weighs {weight} bytes, more than the {EMBEDDED_BYTES} that are stated')
    return sets


def render_large_test(out: Path, processes: int) -> dict[str, Any]:
    """Render the large test set, check what it is made of, and write its hashes to ``OUT/large_test.sha256``.

    Args:
        out: Its root.
        processes: How many work side by side.

    Returns:
        The annotations.

    Raises:
        InputError: ``out`` holds something else, or the composition is not as stated.
    """
    coco = render_dataset(out, LARGE_TEST, processes, check=check_composition)
    atomic_write(out / f'{LARGE_TEST.split}.sha256', digest_file(coco).encode())
    return coco
