"""Files whose joints stand in another order are read as the config means them, each by whom it is for."""

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmpose.datasets import CocoDataset

from posescope.data.annotations import joint_names, match_joints, read_categories
from posescope.engine.preflight import check_data
from posescope.engine.testset import use_coco
from posescope.errors import InputError
from tests.drawn_people import JOINTS, write_drawn_coco


def turned(folder: Path, people: int, **more: Any) -> Path:
    """Drawn people whose joints stand the other way round, in a file that is called as all such files are."""
    path = write_drawn_coco(folder, num_images=people, people=1)
    content = json.loads(path.read_text())
    content['categories'][0].update(keypoints=list(JOINTS[::-1]), skeleton=None)
    for person in content['annotations']:
        triples = [person['keypoints'][3 * i : 3 * i + 3] for i in range(17)]
        person['keypoints'] = [value for triple in triples[::-1] for value in triple]
    content['annotations'] += more.get('extra', [])
    target = folder / '_annotations.coco.json'
    target.write_text(json.dumps(content))
    return target


def dataset(path: Path) -> dict[str, Any]:
    return {'type': 'CocoDataset', 'ann_file': str(path), 'data_prefix': {'img': str(path.parent)}, 'pipeline': []}


def test_two_files_of_one_name_stay_two(tmp_path: Path) -> None:
    train, val = turned(tmp_path / 'train', 3), turned(tmp_path / 'valid', 2)
    cfg = Config({
        'train_dataloader': {'dataset': dataset(train)},
        'val_dataloader': {'dataset': dataset(val)},
        # The same file under another name.
        'val_evaluator': {'type': 'CocoMetric', 'ann_file': f'{tmp_path}/train/../valid//{val.name}'},
    })  # fmt: skip
    check_data(cfg, ('train', 'val'), tmp_path / 'work')
    read = [Path(cfg[f'{phase}_dataloader'].dataset.ann_file) for phase in ('train', 'val')]
    assert [len(json.loads(path.read_text())['images']) for path in read] == [3, 2]
    assert cfg.val_evaluator.ann_file == str(read[1])
    assert all(joint_names(read_categories(path)) == list(JOINTS) for path in read)


def test_annotations_without_joints_are_left_out_for_all_who_read(tmp_path: Path) -> None:
    extra = [{'id': 70, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'area': 9, 'keypoints': []}]
    path = turned(tmp_path / 'data', 2, extra=extra)
    cfg = Config({
        'test_dataloader': {'dataset': dataset(path)},
        'test_evaluator': {'type': 'CocoMetric', 'ann_file': str(path)},
    })  # fmt: skip
    check_data(cfg, ('test',), tmp_path / 'work')
    assert cfg.test_evaluator.ann_file == cfg.test_dataloader.dataset.ann_file != str(path)
    content = json.loads(Path(cfg.test_evaluator.ann_file).read_text())
    assert [person['id'] for person in content['annotations']] == [1, 2]
    assert joint_names(content['categories']) == list(JOINTS)


def test_fewer_joints_than_are_named(tmp_path: Path) -> None:
    path = turned(tmp_path / 'data', 1)
    content = json.loads(path.read_text())
    content['annotations'][0]['keypoints'] = content['annotations'][0]['keypoints'][:30]
    path.write_text(json.dumps(content))
    cfg = Config({'test_dataloader': {'dataset': dataset(path)}, 'test_evaluator': []})
    with pytest.raises(InputError, match='annotation 1 has 10 joints, fewer than its category names'):
        check_data(cfg, ('test',), tmp_path / 'work')


def test_categories_in_somebodys_notes(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    path.write_text('{"categories": [{"id": 1, "keypoints": ["a"]}], "info": {"categories": ["x"]}}')
    assert joint_names(read_categories(path)) == ['a']
    path.write_text('{"categories": null}')
    assert read_categories(path) == []


def test_coco_files_for_a_config_of_another_data_set(tmp_path: Path) -> None:
    """MPII's class reads fields that only MPII's files have, and so does its metric."""
    path = write_drawn_coco(tmp_path / 'data', num_images=1, people=1)
    content = json.loads(path.read_text())
    names = CocoDataset._load_metainfo({'from_file': 'configs/_base_/datasets/mpii.py'})['keypoint_id2name']
    content['categories'][0].update(keypoints=[names[i] for i in range(16)], skeleton=[])
    for person in content['annotations']:
        person['keypoints'] = person['keypoints'][:48]
    path.write_text(json.dumps(content))
    cfg = Config({
        'work_dir': str(tmp_path / 'work'),
        'test_dataloader': {'dataset': {'type': 'MpiiDataset', 'ann_file': 'mpii.json', 'pipeline': []}},
        'test_evaluator': {'type': 'MpiiPCKAccuracy'},
    })  # fmt: skip
    use_coco(cfg, path, path.parent)
    assert cfg.test_dataloader.dataset.type == 'CocoDataset'
    assert [one['type'] for one in cfg.test_evaluator] == ['CocoMetric']
    found = CocoDataset._load_metainfo(dict(cfg.test_dataloader.dataset.metainfo))
    assert found['num_keypoints'] == 16


def test_metrics_within_an_evaluator_read_the_same_file(tmp_path: Path) -> None:
    path = turned(tmp_path / 'data', 2)
    metrics = [{'type': 'CocoMetric', 'ann_file': str(path)}]
    cfg = Config({
        'test_dataloader': {'dataset': dataset(path)},
        'test_evaluator': {'type': 'Evaluator', 'metrics': metrics},
    })  # fmt: skip
    check_data(cfg, ('test',), tmp_path / 'work')
    assert cfg.test_evaluator.metrics[0].ann_file == cfg.test_dataloader.dataset.ann_file != str(path)
    cfg.test_evaluator.metrics[0].ann_file = 'gone.json'
    with pytest.raises(InputError, match=r'annotation file gone\.json of test_evaluator does not exist'):
        check_data(cfg, ('test',), tmp_path / 'work')


@pytest.mark.parametrize('evaluated', [True, False])
def test_people_without_areas_are_noticed_before_the_test(tmp_path: Path, evaluated: bool) -> None:
    path = write_drawn_coco(tmp_path / 'data', num_images=1, people=1)
    content = json.loads(path.read_text())
    for person in content['annotations']:
        del person['area']
    path.write_text(json.dumps(content))
    metric = {'type': 'CocoMetric', 'ann_file': str(path), 'use_area': evaluated}
    cfg = Config({'test_dataloader': {'dataset': dataset(path)}, 'test_evaluator': metric})
    if not evaluated:
        check_data(cfg, ('test',), tmp_path / 'work')
        return
    with pytest.raises(InputError, match='lacks area'):
        check_data(cfg, ('test',), tmp_path / 'work')


def test_one_joint_may_go_by_two_names() -> None:
    """CrowdPose's files say head where MMPose says top_head."""
    assert match_joints(['neck', 'head'], ['top_head', 'neck'], Path('a.json')) == [1, 0]
    assert match_joints(['head_top', 'neck'], ['head'], Path('a.json')) == [0]
    with pytest.raises(InputError, match='missing: top_head'):
        match_joints(['head', 'head_top'], ['top_head'], Path('a.json'))
