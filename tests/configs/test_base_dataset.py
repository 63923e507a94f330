"""configs/_base_/datasets/coco.py is MMPose's usual COCO layout, and data sets build from it."""

import shutil
from pathlib import Path

import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, METRICS

from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco

BASE = ROOT / 'configs/_base_/datasets/coco.py'
RUNTIME = ROOT / 'configs/_base_/default_runtime.py'
DETECTIONS = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
MMPOSE = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'


def drop_keys(value: object, *keys: str) -> object:
    """A copy of nested dicts and lists without the given keys."""
    if isinstance(value, dict):
        return {key: drop_keys(entry, *keys) for key, entry in value.items() if key not in keys}
    if isinstance(value, list | tuple):
        return [drop_keys(entry, *keys) for entry in value]
    return value


@pytest.fixture(scope='module')
def usual_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds ``data/coco`` with three drawn training pictures and two validation pictures."""
    folder = tmp_path_factory.mktemp('layout')
    root = folder / 'data/coco'
    (root / 'annotations').mkdir(parents=True)
    (root / 'person_detection_results').mkdir()
    for split, num_images in (('train2017', 3), ('val2017', 2)):
        annotations = write_drawn_coco(root / split, num_images=num_images, people=2, seed=num_images)
        annotations.rename(root / f'annotations/person_keypoints_{split}.json')
        detections = root / split / 'detections.json'
        if split == 'val2017':
            shutil.copy(detections, root / DETECTIONS)
        detections.unlink()
    return folder


def test_paths_are_the_usual_ones():
    config = Config.fromfile(BASE)
    train, val = config.train_dataloader.dataset, config.val_dataloader.dataset
    assert config.data_root == train.data_root == val.data_root == 'data/coco/'
    assert train.ann_file == 'annotations/person_keypoints_train2017.json'
    assert train.data_prefix == {'img': 'train2017/'}
    assert val.ann_file == 'annotations/person_keypoints_val2017.json'
    assert val.data_prefix == {'img': 'val2017/'}
    assert val.bbox_file == 'data/coco/' + DETECTIONS
    assert config.val_evaluator.ann_file == 'data/coco/annotations/person_keypoints_val2017.json'
    assert config.test_dataloader == config.val_dataloader
    assert config.test_evaluator == config.val_evaluator


@pytest.mark.parametrize(
    'key', ['dataset_type', 'data_root', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator']
)
def test_loaders_and_evaluator_equal_those_of_mmpose(key, tmp_path):
    child = tmp_path / 'child.py'
    child.write_text(f'_base_ = {MMPOSE!r}\n')
    theirs = drop_keys(Config.fromfile(child).to_dict()[key], '_scope_', 'pipeline')
    assert drop_keys(Config.fromfile(BASE).to_dict()[key], '_scope_') == theirs


def test_joints_are_those_of_mmpose():
    # MMPose takes this very path when it runs in the repository root, and its own file elsewhere.
    installed = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets/coco.py'
    ours, theirs = (parse_pose_metainfo({'from_file': str(path)}) for path in (BASE, installed))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)
    assert ours['num_keypoints'] == 17


def test_data_sets_build_in_the_usual_layout(usual_layout, monkeypatch):
    monkeypatch.chdir(usual_layout)
    config = Config.fromfile(BASE)
    train, val = (DATASETS.build(loader.dataset) for loader in (config.train_dataloader, config.val_dataloader))
    assert (len(train), len(val)) == (6, 4)  # people of three and of two pictures
    assert Path(train[0]['img_path']).resolve() == usual_layout / 'data/coco/train2017/000001.png'
    assert val[0]['bbox_score'] == pytest.approx([0.9])  # a detection, not an annotation
    assert len(METRICS.build(config.val_evaluator).coco.anns) == 4


def test_another_root_takes_four_lines(usual_layout, tmp_path):
    root = f'{usual_layout}/data/coco/'
    child = tmp_path / 'elsewhere.py'
    child.write_text(f"""
_base_ = [{str(BASE)!r}, {str(RUNTIME)!r}]
data_root = {root!r}
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=[dict(type='LoadImage')]))
val_dataloader = dict(dataset=dict(data_root=data_root, bbox_file=None, pipeline=[dict(type='LoadImage')]))
val_evaluator = dict(ann_file=data_root + _base_.val_dataloader.dataset.ann_file)
""")
    config = Config.fromfile(child)
    assert config.custom_imports.imports == ['posescope']
    assert config.default_hooks.checkpoint.type == 'CheckpointHook'
    with DefaultScope.overwrite_default_scope(config.default_scope):
        train, val = (DATASETS.build(loader.dataset) for loader in (config.train_dataloader, config.val_dataloader))
    assert (len(train), len(val)) == (6, 4)
    assert train[0]['img'].shape == val[0]['img'].shape == (160, 200, 3)
    assert val[0]['bbox_score'] == pytest.approx([1.0])  # an annotation
    assert len(METRICS.build(config.val_evaluator).coco.anns) == 4
