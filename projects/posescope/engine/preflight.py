"""Looks at the files that a config names before anything expensive starts, and fits their joints to the config."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.datasets import CocoDataset
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from posescope.atomic import atomic_write
from posescope.data.annotation_checks import check_annotations, check_for_data_set, require_people, without_jointless
from posescope.data.annotations import (
    joint_names,
    match_joints,
    read_categories,
    read_json,
    select_joints,
    under_root,
)
from posescope.data.cues.config_checks import check_cues
from posescope.engine.config_parts import name_of
from posescope.errors import InputError, nearest

CHECKED_SIZE = 64 * 2**20
"""Bytes up to which an annotation file is checked whole: COCO's validation set is, its training set would take long."""


def check_data(cfg: Config, phases: Sequence[str], work_dir: Path) -> None:
    """Check annotation and detection files, and planted cues; reorder joints by name where they stand otherwise.

    Args:
        cfg: The whole config; paths of files that had to be rewritten are replaced in it.
        phases: Which data are going to be used: of ``'train', 'val', 'test'``.
        work_dir: Rewritten files go to its folder ``annotations``.

    Raises:
        InputError: A file is missing, unreadable, or its joints are not the config's, or a cue cannot be planted.
    """
    for phase in phases:
        loader = cfg.get(f'{phase}_dataloader')
        if not loader:
            continue
        replaced: dict[str, str] = {}
        for dataset in _coco_style(loader['dataset']):
            _check_dataset(dataset, work_dir, replaced)
        for evaluator in _listed(cfg.get(f'{phase}_evaluator')):
            if not isinstance(evaluator, dict):
                raise InputError(f'{phase}_evaluator has to be a dict or a list of dicts, not {evaluator!r}')
        for evaluator in _evaluators(cfg.get(f'{phase}_evaluator')):
            path = evaluator.get('ann_file')
            if path and str(Path(path).resolve()) in replaced:
                evaluator['ann_file'] = replaced[str(Path(path).resolve())]
            elif path and '://' not in path and not Path(path).is_file():
                raise InputError(f'annotation file {path} of {phase}_evaluator does not exist')
            _check_people(evaluator)
    check_cues(cfg, phases)


def _listed(value: Any) -> list[dict]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _check_people(evaluator: dict) -> None:
    """Before a test rather than after it, look whether COCO's AP can be computed on the people of a file."""
    path, asked = Path(evaluator.get('ann_file') or ''), evaluator.get('iou_type', 'keypoints')
    of_coco = name_of(evaluator.get('type')) in ('CocoMetric', 'CocoKeypointMetric') and asked == 'keypoints'
    if of_coco and not evaluator.get('format_only') and path.is_file() and path.stat().st_size <= CHECKED_SIZE:
        area = ['area'] if evaluator.get('use_area', True) else []
        require_people(read_json(path, 'annotation file'), path, ['bbox', *area, 'category_id'])


def _evaluators(value: Any) -> Iterator[dict]:
    """Yield the configs of evaluators and of metrics within them, but not the data sets that some are told."""
    for evaluator in _listed(value):
        yield evaluator
        yield from _evaluators(evaluator.get('metrics'))


def _coco_style(dataset: dict) -> Iterator[dict]:
    """Yield the configs of COCO-format data sets within a dataset config, wrappers entered."""
    for inner in [dataset.get('dataset'), *(dataset.get('datasets') or [])]:
        if inner is not None:
            yield from _coco_style(inner)
    if dataset.get('ann_file') and issubclass(_dataset_class(dataset), BaseCocoStyleDataset):
        yield dataset


def _dataset_class(dataset: dict) -> type:
    kind = dataset.get('type')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        known = nearest(str(kind), DATASETS.module_dict)
        raise InputError(
            f"dataset type '{kind}' is not registered (nearest: {known}): a typo, or custom_imports lacks it"
        )
    return found


def skeleton(dataset: dict) -> list[str]:
    """Return the joint names of a COCO-style dataset config in their order."""
    metainfo = dataset.get('metainfo')
    try:
        parsed = _dataset_class(dataset)._load_metainfo(dict(metainfo) if metainfo else None)  # type: ignore[attr-defined]
    except OSError as error:
        raise InputError(f'metainfo of {dataset.get("type")}: {error}') from error
    return [parsed['keypoint_id2name'][index] for index in range(parsed['num_keypoints'])]


def fit_data_set(dataset: dict, work_dir: Path) -> None:
    """Check one data set's file, and match its joints with the data set's by name; see :func:`check_data`."""
    for one in _coco_style(dataset):
        _check_dataset(one, work_dir, {})


def _check_dataset(dataset: dict, work_dir: Path, replaced: dict[str, str]) -> None:
    path = under_root(dataset, 'ann_file')
    if '://' in str(dataset['ann_file']) or '://' in str(dataset.get('data_root') or ''):
        return
    if not path.is_file():
        raise InputError(f'annotation file {path} does not exist')
    if dataset.get('bbox_file') and not Path(dataset['bbox_file']).is_file():
        raise InputError(f'detection file {dataset["bbox_file"]} does not exist')
    plain = _dataset_class(dataset).parse_data_info is BaseCocoStyleDataset.parse_data_info  # type: ignore[attr-defined]
    if plain and path.stat().st_size <= CHECKED_SIZE:
        content = read_json(path, 'annotation file')
        check_annotations(content, path)
        check_for_data_set(content, path)
        if any('keypoints' in person and not person['keypoints'] for person in content.get('annotations', [])):
            print_log(f'annotations of {path} that have no joints are left out', 'current')
            _replace(dataset, path, without_jointless(content), work_dir, replaced)
            path = Path(dataset['ann_file'])
    found, wanted = joint_names(read_categories(path)), skeleton(dataset)
    if found is None or found == wanted:
        return
    try:
        order = match_joints(found, wanted, path)
    except InputError as error:
        if issubclass(_dataset_class(dataset), CocoDataset) or dataset.get('metainfo'):
            raise
        # MMPose's other data sets name the joints of published files in their own way, or keep them in further fields.
        print_log(f'{error}; taken as {dataset["type"]} takes them', 'current')
        return
    if order == list(range(len(found))):
        return
    if not plain:
        return
    print_log(f'joints of {path} stand in another order than in the config: they are matched by name', 'current')
    _replace(dataset, path, select_joints(read_json(path, 'annotation file'), order), work_dir, replaced)


def _replace(dataset: dict, path: Path, content: Any, work_dir: Path, replaced: dict[str, str]) -> None:
    """Let a data set read a changed copy of its file, and remember that for whoever else reads the file."""
    rewritten = str(rewrite(path, content, work_dir))
    for before, now in replaced.items():
        if now == str(path):
            replaced[before] = rewritten
    replaced[str(path.resolve())] = rewritten
    dataset['ann_file'] = rewritten


def rewrite(path: Path, content: Any, work_dir: Path) -> Path:
    """Write a changed copy of a JSON file into ``work_dir/annotations`` and return its absolute path.

    Files of one name in several folders have copies of several names.
    """
    place = hashlib.blake2b(str(path.absolute()).encode(), digest_size=4).hexdigest()
    target = (work_dir / 'annotations' / f'{path.stem}-{place}{path.suffix}').absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(target, json.dumps(content).encode())
    return target
