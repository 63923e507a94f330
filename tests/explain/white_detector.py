"""A detector of MMDetection that finds white rectangles, its config and its weights."""

from pathlib import Path
from typing import Any

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from scipy.ndimage import find_objects, label
from torch import Tensor, nn


@MODELS.register_module()
class WhiteDetector(BaseDetector):
    """Class 0 where a rectangle is higher than wide, class 1 elsewhere; it scores its height in parts of 110 pixels.

    Rectangles under 50 pixels of the picture score 0.1.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.white = nn.Parameter(torch.tensor(0.5))

    def predict(self, inputs: Tensor, samples: list[Any], rescale: bool = True) -> list[Any]:
        for picture, sample in zip(inputs, samples, strict=True):
            width, height = sample.scale_factor
            objects = find_objects(label((picture[0] > self.white).cpu().numpy())[0])
            edges = [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in objects]
            boxes = torch.tensor(edges, dtype=torch.float32).reshape(-1, 4) / torch.tensor([width, height] * 2)
            wide, high = (boxes[:, 2:] - boxes[:, :2]).unbind(1)
            scores = torch.where(high < 50, 0.1, high / 110)
            sample.pred_instances = InstanceData(bboxes=boxes, scores=scores, labels=(high < wide).long())
        return samples

    def loss(self, inputs: Tensor, samples: list[Any]) -> dict[str, Tensor]:
        raise NotImplementedError

    def _forward(self, inputs: Tensor, samples: Any = None) -> Tensor:
        raise NotImplementedError

    def extract_feat(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError


def write_detector(folder: Path, classes: tuple[str, ...] | None = None) -> tuple[str, str]:
    """Write config and weights; give both paths."""
    config, weights = folder / 'white_detector.py', folder / 'white_detector.pth'
    config.write_text(
        """
model = dict(
    type='WhiteDetector',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, bgr_to_rgb=True),
)
pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='Resize', scale=(80, 60), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
test_dataloader = dict(dataset=dict(type='CocoDataset', pipeline=pipeline))
"""
    )
    meta = {} if classes is None else {'dataset_meta': {'classes': classes}}
    torch.save({'state_dict': {'white': torch.tensor(0.5)}, 'meta': meta}, weights)
    return str(config), str(weights)
