"""How many steps a training has, out of its config."""

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posescope.data.annotations import annotation_files, read_json
from posescope.errors import InputError

__all__ = ['labelled_people', 'training_steps']


def training_steps(content: Mapping[str, Any]) -> int | None:
    """Number of steps of a config's training; None if the config does not say, or its annotations cannot be read.

    Args:
        content: The config.
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
        people = sum(map(labelled_people, files))
    return math.ceil(people / batch) * int(epochs) if people else None


@functools.cache
def labelled_people(path: str) -> int:
    """Count the people with labelled joints in an annotation file; 0 if there is none, or it cannot be read.

    COCO's files have a list of annotations; MPII's, as MMPose reads them, are such a list.
    """
    try:
        content = read_json(Path(path), 'annotations')
    except InputError:
        return 0
    people = content.get('annotations') if isinstance(content, dict) else content
    if not isinstance(people, list):
        return 0
    return sum(bool(one.get('num_keypoints', 1)) for one in people if isinstance(one, dict))
