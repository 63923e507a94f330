"""Who has labels is the same as when all pictures are read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmpose.registry import DATASETS

from posescope.explain.annotated_people import annotated_people
from posescope.explain.depth import DatasetPeople
from tests.drawn_people import write_drawn_coco
from tests.explain.small_models import config, function


def data(folder: Path) -> dict[str, Any]:
    """The config of a data set of eight people, of whom the second has no label."""
    path = write_drawn_coco(folder)
    content = json.loads(path.read_text())
    content['annotations'][1]['keypoints'][2::3] = [0] * 16 + [1]
    content['annotations'][1]['keypoints'][-3:] = [0, 0, 1]
    path.write_text(json.dumps(content))
    pipeline = config('resnet').test_dataloader.dataset.pipeline
    files = {'data_root': str(folder), 'ann_file': path.name, 'data_prefix': {'img': ''}}
    return {'type': 'CocoDataset', **files, 'pipeline': pipeline, 'test_mode': True}


@pytest.mark.parametrize(
    ('kind', 'people'), [('plain', None), ('plain', 3), ('repeated', 5), ('joined', None), ('joined and packed', 3)]
)
def test_equals_people_whose_pictures_are_read(tmp_path: Path, kind: str, people: int | None) -> None:
    plain = wanted = data(tmp_path)
    if kind == 'repeated':
        wanted = {'type': 'RepeatDataset', 'times': 2, 'dataset': plain}
    elif kind.startswith('joined'):
        metainfo = {'from_file': 'configs/_base_/datasets/coco.py'}
        packed = kind.endswith('packed')
        inner, outer = (plain['pipeline'], []) if packed else ([], plain['pipeline'])
        datasets = [{**plain, 'pipeline': inner}] * 2
        wanted = {'type': 'CombinedDataset', 'metainfo': metainfo, 'datasets': datasets, 'pipeline': outer}
    dataset = DATASETS.build(wanted)
    expected = list(DatasetPeople(function('resnet'), dataset, people))
    found = list(annotated_people(dataset, people))
    assert [image for image, _ in found] == np.concatenate([batch.images for batch in expected]).tolist()
    labelled = np.isfinite(np.concatenate([batch.truth for batch in expected])).all(-1)
    np.testing.assert_array_equal(np.stack([known for _, known in found]), labelled)
    assert len(found) == len(labelled) > 1


def test_detected_people_have_no_labels(tmp_path: Path) -> None:
    dataset = DATASETS.build({**data(tmp_path), 'bbox_file': str(tmp_path / 'detections.json')})
    assert len(dataset) == 8
    assert list(annotated_people(dataset)) == []
