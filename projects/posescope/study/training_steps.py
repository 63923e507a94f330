"""How many steps a training has, out of its config."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posescope.data.annotations import annotation_files, read_json

__all__ = ['labelled_people', 'training_steps']


def training_steps(content: Mapping[str, Any], count_people: Callable[[str], int] | None = None) -> int | None:
    """Number of steps of a config's training; None if the config does not say.

    Args:
        content: The config.
        count_people: Counts labelled people of an annotation file.
    """
    settings, loader = content.get('train_cfg') or {}, content.get('train_dataloader') or {}
    if settings.get('max_iters'):
        return int(settings['max_iters'])
    batch, epochs = loader.get('batch_size'), settings.get('max_epochs')
    if not batch or not epochs:
        return None
    people = (loader.get('dataset') or {}).get('indices')
    if not isinstance(people, int):
        files = annotation_files(loader)
        people = sum((count_people or labelled_people)(path) for path in files)
    return math.ceil(people / batch) * int(epochs) if people else None


def labelled_people(path: str) -> int:
    """Count the people with labelled joints in an annotation file; 0 if there is none."""
    if not Path(path).is_file():
        return 0
    content = read_json(Path(path), 'annotations')
    return sum(bool(one.get('num_keypoints', 1)) for one in content.get('annotations', []))
