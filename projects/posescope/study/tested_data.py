"""What runs are tested on: which files, whether they are others than before, and that nothing else reads them."""

import functools
import hashlib
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posescope.data.annotations import annotation_files, read_json
from posescope.errors import InputError
from posescope.study.plan import RunPlan, Split, StudyPlan

__all__ = ['START', 'digest_of_data', 'digest_of_file', 'refuse_reading_tests', 'same_data']

START = '{start}'
"""What stands in options for the folder of the trial that a trial starts from."""

_FOUND = re.compile('(' + re.escape(START) + r"""|runs/+[^/'"{]+/+seed\d+)/+([^'"{]+)""")
"""A trial's folder, of this study or another, and what of it is read."""


def digest_of_file(path: Path) -> str | None:
    """SHA-256 of a file's content; None if it is not there."""
    if not path.is_file():
        return None
    with path.open('rb') as file:
        found = hashlib.sha256()
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def same_data(one: str, other: str) -> bool:
    """Whether two annotation files are one, or show somebody in common: the same joints in a picture of that name."""
    first, second = Path(one), Path(other)
    if first.resolve() == second.resolve():
        return True
    if not (first.is_file() and second.is_file()):
        return False
    if first.stat().st_size == second.stat().st_size and digest_of_file(first) == digest_of_file(second):
        return True
    return not _people(str(first), first.stat().st_mtime_ns).isdisjoint(_people(str(second), second.stat().st_mtime_ns))


@functools.lru_cache(maxsize=16)
def _people(path: str, changed: int) -> frozenset[int]:
    """Hashes of a COCO file's labelled people with the names of their pictures; none of a file of another kind.

    Args:
        path: The file.
        changed: When; another time is another file.
    """
    try:
        content = read_json(Path(path), 'annotations')
        names = {image['id']: posixpath.basename(image['file_name']) for image in content['images']}
        return frozenset(
            hash((names[one['image_id']], *one['keypoints'])) for one in content['annotations'] if any(one['keypoints'])
        )
    except (InputError, KeyError, TypeError):
        return frozenset()


def digest_of_data(split: Split, content: Mapping[str, Any]) -> str | None:
    """What a split holds for a config: a digest of its annotations, and of its boxes if it has any.

    Args:
        split: Of the study.
        content: Of the config, whose own test data count where the split names none.

    Returns:
        The digest, which tells a config's own data from those of a split; None if a file is not there.
    """
    files = _annotations(split, content) + ([split.boxes] if split.boxes is not None else [])
    digests = [digest_of_file(Path(path)) for path in files]
    if not digests or None in digests:
        return None
    if split.annotations is None:
        return f'own {_combined(digests)}'
    return digests[0] if len(digests) == 1 else _combined(digests)


def _combined(digests: list[str | None]) -> str:
    return hashlib.sha256(' '.join(map(str, digests)).encode()).hexdigest()


def _annotations(split: Split, content: Mapping[str, Any]) -> list[str]:
    return [split.annotations] if split.annotations is not None else annotation_files(content.get('test_dataloader'))


def refuse_reading_tests(plan: StudyPlan, content: Mapping[str, Any], run: RunPlan) -> None:
    """Refuse a run that learns from what it is tested on, or is chosen by what it is compared on.

    Training on it is cheating; so is validating on it, as the best epoch would be chosen by it, and taking what a start
    was found to do wrong there.

    Args:
        plan: The study.
        content: Of the run's config.
        run: The run.

    Raises:
        InputError: Naming what reads which split.
    """
    if run.train:
        _refuse_training(plan, content, run)
    if plan.choose_on is not None:
        chosen = _annotations(plan.splits[plan.choose_on], content)
        for name in _compared(plan) - {plan.choose_on}:
            for path in _annotations(plan.splits[name], content):
                if any(same_data(path, one) for one in chosen):
                    raise InputError(
                        f'config {run.config}: split {plan.choose_on}, which chooses, and split {name}, which is '
                        f'compared on, are the same data: {path}'
                    )
    if plan.test_split is not None:
        for folder, path in _FOUND.findall(repr(content)):
            name = posixpath.normpath(path).split('/')[0]
            if name in _compared(plan) - {plan.choose_on}:
                inner = f'; take {folder}/{plan.inner_split}' if plan.inner_split != name else ''
                raise InputError(
                    f'config {run.config} or its options read {folder}/{name}: what was found on {name} cannot be '
                    f'learnt from{inner}'
                )


def _compared(plan: StudyPlan) -> set[str]:
    return {plan.compare_on, 'test', *(one.split for one in plan.comparisons)} & set(plan.splits)


def _refuse_training(plan: StudyPlan, content: Mapping[str, Any], run: RunPlan) -> None:
    test = plan.test_split
    forbidden = {'train': list(plan.splits.values()), 'val': [test] if test is not None and plan.validate else []}
    for phase, splits in forbidden.items():
        read = annotation_files(content.get(f'{phase}_dataloader'))
        for split in splits:
            for path in _annotations(split, content):
                if any(same_data(path, one) for one in read):
                    cure = ' (validate=False skips validation)' if phase == 'val' else ''
                    raise InputError(
                        f'{phase}_dataloader of config {run.config} reads split {split.name}: {path}{cure}'
                    )
