"""Sigmas and mirror joints come from the data set, unless a config says them."""

import copy
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets import AicDataset, CocoDataset

from posescope.engine.skeleton_defaults import fill_skeleton
from posescope.errors import InputError
from tests.conftest import ROOT

CODEC = {'type': 'CategoricalHeatmap', 'input_size': (96, 128), 'heatmap_size': (24, 32), 'person_size': 40.0}
MARGIN = {'type': 'InversionMarginLoss'}


def config(dataset: dict[str, Any], **codec: Any) -> Config:
    codec = {**CODEC, **codec}
    head = {'type': 'CategoricalHeatmapHead', 'decoder': codec, 'loss': {'type': 'SumOfLosses', 'losses': [MARGIN]}}
    pipeline = [{'type': 'LoadImage'}, {'type': 'GenerateTarget', 'encoder': codec}]
    return Config(
        copy.deepcopy({
            'model': {'type': 'TopdownPoseEstimator', 'head': {'type': 'CalibratedHead', 'pose_head': head}},
            'train_dataloader': {'dataset': {**dataset, 'pipeline': pipeline}},
        })
    )  # fmt: skip


def test_another_skeleton_is_filled_in_everywhere() -> None:
    cfg = config({'type': 'AicDataset'})
    fill_skeleton(cfg)
    truth = AicDataset._load_metainfo(AicDataset.METAINFO)
    head = cfg.model.head
    encoder = cfg.train_dataloader.dataset.pipeline[1].encoder
    margin = head.pose_head.loss.losses[0]
    for part in (head, head.pose_head.decoder, encoder, margin):
        np.testing.assert_allclose(part.sigmas, truth['sigmas'])
    assert margin.flip_indices == list(truth['flip_indices'])
    assert len(encoder.sigmas) == 14


def test_what_a_config_says_stays() -> None:
    cfg = config({'type': 'AicDataset'}, sigmas=[0.1] * 14)
    fill_skeleton(cfg)
    assert cfg.model.head.pose_head.decoder.sigmas == [0.1] * 14


def test_data_sets_around_others_are_entered() -> None:
    inner = {'type': 'AicDataset'}
    for dataset in (
        {'type': 'RepeatDataset', 'times': 2, 'dataset': inner},
        {'type': 'CombinedDataset', 'metainfo': AicDataset.METAINFO, 'datasets': [{'type': 'CocoDataset'}]},
    ):
        cfg = config(dataset)
        fill_skeleton(cfg)
        assert len(cfg.model.head.sigmas) == 14


def test_with_cocos_joints_nothing_changes() -> None:
    for cfg in (config({'type': 'CocoDataset'}), Config.fromfile(ROOT / 'configs/selection/rendered/default.py')):
        before = cfg.to_dict()
        fill_skeleton(cfg)
        assert cfg.to_dict() == before
    assert CocoDataset._load_metainfo(CocoDataset.METAINFO)['num_keypoints'] == 17


def test_other_seventeen_joints_without_sigmas_do_not_take_cocos() -> None:
    joints = {f'j{i}': {'name': f'j{i}', 'id': i, 'swap': f'j{16 - i}' if i != 8 else ''} for i in range(17)}
    info = {
        'dataset_name': 'other', 'keypoint_info': {one['id']: one for one in joints.values()}, 'skeleton_info': {},
        'joint_weights': [1.0] * 17, 'sigmas': [],
    }  # fmt: skip
    cfg = config({'type': 'CocoDataset', 'metainfo': info})
    with pytest.raises(InputError, match=r"skeleton has 17 joints that are not COCO's, and no sigmas: give sigmas="):
        fill_skeleton(cfg)
