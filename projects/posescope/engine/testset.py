"""Other test data for any top-down config: a COCO-format file, or person boxes from a detector."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.datasets import CocoWholeBodyDataset
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.evaluation.metrics import CocoMetric, JhmdbPCKAccuracy, MpiiPCKAccuracy
from mmpose.registry import DATASETS, METRICS

from posescope.data.annotation_checks import (
    check_annotations,
    check_detections,
    check_for_data_set,
    require_images,
    require_people,
    without_jointless,
)
from posescope.data.annotations import joint_names, match_joints, read_json, select_joints, under_root
from posescope.engine.preflight import rewrite, skeleton
from posescope.errors import InputError

_OF_OTHERS = MpiiPCKAccuracy, JhmdbPCKAccuracy
"""Metrics of fields that only one data set's own files have."""


def _registered(registry: Any, config: dict, base: type) -> bool:
    kind = config.get('type')
    found = registry.get(kind) if isinstance(kind, str) else kind
    return isinstance(found, type) and issubclass(found, base)


def use_coco(cfg: Config, annotations: Path, images: Path) -> None:
    """Let a config test on a COCO-format file with its annotated boxes.

    The pipeline and the skeleton stay the config's; joints of the file are matched by name.

    Args:
        cfg: The config; its test data and evaluators are changed.
        annotations: COCO-format annotations.
        images: Folder of their pictures.

    Raises:
        InputError: A file is missing or broken, holds no people, or lacks joints of the config.
    """
    content = read_json(annotations, 'annotation file')
    check_annotations(content, annotations)
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list | tuple) else [cfg.test_evaluator]
    coco = [evaluator for evaluator in evaluators if _registered(METRICS, evaluator, CocoMetric)]
    needs_area = ['area'] if any(one.get('use_area', True) for one in coco or [{}]) else []
    require_people(content, annotations, ['bbox', *needs_area, 'category_id'])
    check_for_data_set(content, annotations)
    require_images(content, images, annotations)
    people = without_jointless(content)
    dataset = dict(cfg.test_dataloader.dataset)
    if not _registered(DATASETS, dataset, BaseCocoStyleDataset):
        raise InputError(f'--coco needs a config that tests on one COCO-style data set, not on {dataset.get("type")}')
    dataset.update(
        ann_file=str(annotations.absolute()), data_root='', data_prefix={'img': str(images.absolute())}, bbox_file=None
    )
    dataset.update(test_mode=True, indices=None)
    kind = DATASETS.get(dataset['type']) if isinstance(dataset['type'], str) else dataset['type']
    if not _reads_coco(kind):
        # Its published files keep joints in fields of their own; a COCO-format file does not.
        dataset.update(type='CocoDataset', metainfo=dict(dataset.get('metainfo') or kind.METAINFO))
    if people is not content:
        dataset['ann_file'] = str(rewrite(annotations, people, Path(cfg.work_dir)))
    if not issubclass(kind, CocoWholeBodyDataset):  # its files name the joints of the body alone
        _match(dataset, people, annotations, Path(cfg.work_dir))
    cfg.test_dataloader.dataset = dataset
    kept = [evaluator for evaluator in evaluators if 'ann_file' not in evaluator]
    # Metrics on files of their own (PCK of another data set) cannot be computed on these people: COCO AP can.
    kept = [one for one in kept if one not in coco and not any(_registered(METRICS, one, kind) for kind in _OF_OTHERS)]
    coco = coco or [{'type': 'CocoMetric'}]
    cfg.test_evaluator = [{**evaluator, 'ann_file': dataset['ann_file']} for evaluator in coco] + kept


def _match(dataset: dict, content: dict, path: Path, work_dir: Path) -> None:
    found, wanted = joint_names(content.get('categories', [])), skeleton(dataset)
    if found is None:
        counts = {len(person.get('keypoints', ())) // 3 for person in content['annotations']} - {0}
        if counts != {len(wanted)}:
            raise InputError(
                f'{path} names no joints and its people have {sorted(counts)} of them; '
                f'the config has {len(wanted)}: {", ".join(wanted)}'
            )
        return
    order = match_joints(found, wanted, path)
    if order != list(range(len(found))):
        print_log(f'joints of {path} are matched with the config by name', 'current')
        dataset['ann_file'] = str(rewrite(path, select_joints(content, order), work_dir))


def _reads_coco(kind: type) -> bool:
    """Whether a data set's class reads people as COCO's files have them, or bodies as COCO-WholeBody's."""
    return issubclass(kind, CocoWholeBodyDataset) or (
        kind.parse_data_info is BaseCocoStyleDataset.parse_data_info  # type: ignore[attr-defined]
        and kind._load_annotations is BaseCocoStyleDataset._load_annotations  # type: ignore[attr-defined]
    )


def use_boxes(cfg: Config, detections: Path) -> None:
    """Let a config take its person boxes from a COCO-format detection file.

    Args:
        cfg: The config; its test data set is changed.
        detections: A list of ``image_id, category_id, bbox (x, y, w, h), score``.

    Raises:
        InputError: The file is missing or broken, or none of its boxes lies on a picture of the annotations.
    """
    dataset = cfg.test_dataloader.dataset
    if not _registered(DATASETS, dataset, BaseCocoStyleDataset) or dataset.get('data_mode') == 'bottomup':
        raise InputError('--bbox-file needs a top-down config that tests on one COCO-style data set')
    boxes = read_json(detections, 'detection file')
    check_detections(boxes, detections)
    annotations = under_root(dataset, 'ann_file')
    known = {image['id'] for image in read_json(annotations, 'annotation file').get('images', [])}
    inside = [box for box in boxes if box['image_id'] in known]
    if not any(box['category_id'] == 1 for box in boxes):
        raise InputError(f'none of the {len(boxes)} boxes of {detections} has category_id 1, a person')
    if not inside:
        raise InputError(f'none of the {len(boxes)} boxes of {detections} lies on a picture of {annotations}')
    if len(inside) < len(boxes):
        print_log(
            f'{len(boxes) - len(inside)} of {len(boxes)} boxes of {detections} lie on pictures that {annotations} '
            'does not list; they are left out',
            'current',
        )
        detections = rewrite(detections, inside, Path(cfg.work_dir))
    dataset.update(bbox_file=str(detections.absolute()), data_mode='topdown', test_mode=True)
