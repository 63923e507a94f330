"""Small heads of every kind, their features, and labels as their codecs make them."""

from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

INPUT, CELLS = (32, 48), (8, 12)
SIGMAS = (0.05, 0.05, 0.05)
FLIP = [0, 2, 1]
CATEGORICAL_CODEC = {
    'type': 'CategoricalHeatmap',
    'input_size': INPUT,
    'heatmap_size': CELLS,
    'person_size': 20.0,
    'sigmas': SIGMAS,
}
CODEC = {'type': 'UDPHeatmap', 'input_size': INPUT, 'heatmap_size': CELLS, 'sigma': 1.0, 'blur_kernel_size': 3}
MSE = {'type': 'KeypointMSELoss', 'use_target_weight': True}
CATEGORICAL = {
    'type': 'CategoricalHeatmapHead',
    'in_channels': 5,
    'out_channels': 3,
    'deconv_out_channels': None,
    'loss': {'type': 'CategoricalHeatmapLoss', 'sigma': 0.6},
    'decoder': CATEGORICAL_CODEC,
}
HEATMAP = {
    'type': 'HeatmapHead',
    'in_channels': 5,
    'out_channels': 3,
    'deconv_out_channels': None,
    'loss': MSE,
    'decoder': CODEC,
}
TOKENS = {'in_channels': 5, 'out_channels': 3, 'embed_channels': 8, 'depth': 2, 'num_heads': 2, 'decoder': CODEC}
TRANSPOSE = {'type': 'TransPoseHead', 'deconv_out_channels': (6,), 'deconv_kernel_sizes': (4,), 'loss': MSE, **TOKENS}
JOINT_TOKEN = {'type': 'JointTokenHead', 'hidden_channels': 16, 'loss': MSE, **TOKENS}


def build(config: dict[str, Any], seed: int = 0) -> Any:
    """A head with weights large enough to see what they do."""
    torch.manual_seed(seed)
    head = MODELS.build(config)
    head.init_weights()
    for part in head.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
    return head


def features(channels: int = 5, height: int = 12, width: int = 8, people: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(people, channels, height, width, generator=torch.Generator().manual_seed(seed))


def people(codec: dict[str, Any], count: int = 2) -> list[PoseDataSample]:
    """Samples as a pipeline packs them: joints of one person each, an area of 400 pixels of the input."""
    encoder, generator = KEYPOINT_CODECS.build(codec), np.random.default_rng(0)
    samples = []
    for _ in range(count):
        joints = generator.uniform((4, 4), (27, 43), (1, 3, 2)).astype(np.float32)
        visible = np.array([[1, 1, 0]], np.float32)
        zoomed = np.float32(1600), np.array([[64, 96]], np.float32)  # of a picture twice as large as the input
        given = zip(('area', 'bbox_scale'), zoomed, strict=True) if codec['type'] == 'CategoricalHeatmap' else ()
        encoded = encoder.encode(joints.copy(), visible.copy(), **dict(given))
        meta = {'transformed_keypoints': joints, 'area': zoomed[0], 'input_scale': zoomed[1][0], 'flip_indices': FLIP}
        sample = PoseDataSample(metainfo=meta)
        labels = {key: value for key, value in encoded.items() if key.startswith('keypoint')}
        sample.gt_instance_labels = InstanceData(**labels).to_tensor()
        if 'heatmaps' in encoded:
            sample.gt_fields = PixelData(heatmaps=encoded['heatmaps']).to_tensor()
        samples.append(sample)
    return samples
