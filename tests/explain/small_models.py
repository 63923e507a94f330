"""A small model with random weights for every kind of head, with its config, and pictures for it."""

from functools import cache
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from torch import Tensor, nn

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import BACKBONES, HEADS, JOINTS, NECKS, SIZE, heatmap_head, msra

WIDTH, HEIGHT = SIZE
CELLS = WIDTH // 4, HEIGHT // 4
DECONVOLVED = (16, 16, 16)
POOLED = {'type': 'GlobalAveragePooling'}


def resnet_head(kind: str, **options: Any) -> dict[str, Any]:
    return {'type': kind, 'in_channels': 64, **options}


def udp(**options: Any) -> dict[str, Any]:
    return {'type': 'UDPHeatmap', 'input_size': SIZE, 'heatmap_size': CELLS, 'sigma': 2, **options}


REGRESSION = {'num_joints': JOINTS, 'decoder': {'type': 'RegressionLabel', 'input_size': SIZE}}
OF_RESNET: dict[str, dict[str, Any]] = {
    'udp': heatmap_head(64, udp(), DECONVOLVED),
    'udp_combined': {**heatmap_head(64, udp(heatmap_type='combined'), DECONVOLVED), 'out_channels': 3 * JOINTS},
    'dark': heatmap_head(64, {**msra(4), 'unbiased': True}, DECONVOLVED),
    'megvii': heatmap_head(
        64, {'type': 'MegviiHeatmap', 'input_size': SIZE, 'heatmap_size': CELLS, 'kernel_size': 5}, DECONVOLVED
    ),
    'categorical': resnet_head(
        'CategoricalHeatmapHead',
        out_channels=JOINTS,
        deconv_out_channels=DECONVOLVED,
        deconv_kernel_sizes=(4, 4, 4),
        loss={'type': 'CategoricalHeatmapLoss', 'sigma': 0.6},
        decoder={'type': 'CategoricalHeatmap', 'input_size': SIZE, 'heatmap_size': CELLS, 'person_size': 55.0},
    ),
    'simcc': resnet_head(
        'SimCCHead',
        out_channels=JOINTS,
        input_size=SIZE,
        in_featuremap_size=(WIDTH // 32, HEIGHT // 32),
        simcc_split_ratio=2.0,
        deconv_out_channels=None,
        loss={'type': 'KLDiscretLoss', 'use_target_weight': True, 'beta': 10.0, 'label_softmax': True},
        decoder={'type': 'SimCCLabel', 'input_size': SIZE, 'sigma': 3.0, 'normalize': False},
    ),
    'regression': resnet_head('RegressionHead', **REGRESSION),
    'rle': resnet_head('RLEHead', loss={'type': 'RLELoss', 'use_target_weight': True}, **REGRESSION),
    'integral': resnet_head(
        'IntegralRegressionHead',
        in_featuremap_size=(WIDTH // 32, HEIGHT // 32),
        num_joints=JOINTS,
        deconv_out_channels=DECONVOLVED,
        decoder={
            'type': 'IntegralRegressionLabel',
            'input_size': SIZE,
            'heatmap_size': (WIDTH // 4, HEIGHT // 4),
            'sigma': 2.0,
        },
    ),
    'visibility': {'type': 'VisPredictHead', 'pose_cfg': HEADS['resnet']},
}
"""Heads on the small ResNet besides those of ``tests.capture.pose_models``."""
MOVENET = {
    'backbone': {'type': 'MoveNetBackbone', 'widen_factor': 1.0},
    'head': {
        'type': 'MoveNetHead',
        'decoder': {'type': 'MoveNetCodec', 'input_size': SIZE, 'heatmap_size': (WIDTH // 4, HEIGHT // 4)},
    },
}
TWO_STAGES = {**BACKBONES['resnet'], 'num_stages': 2, 'strides': (1, 2), 'dilations': (1, 1), 'out_indices': (1,)}
OF_TOKENS: dict[str, dict[str, Any]] = {
    name: {'type': kind, 'out_channels': JOINTS, 'embed_channels': 16, 'depth': 2, 'num_heads': 2, 'decoder': msra(4)}
    for name, kind in (('joint_tokens', 'JointTokenHead'), ('transpose', 'TransPoseHead'))
}
OF_TOKENS['joint_tokens']['hidden_channels'] = 32
OF_TOKENS['transpose'] |= {'deconv_out_channels': (8,), 'deconv_kernel_sizes': (4,)}
"""Heads whose tokens attend to each other, on two stages of the small ResNet, or on the small ViT."""
KINDS = {
    **dict.fromkeys(('resnet', 'hrnet', 'hourglass', 'stacked_hourglass', 'vit'), 'heatmap'),
    **dict.fromkeys(('udp', 'udp_combined', 'dark', 'megvii', 'categorical', 'visibility'), 'heatmap'),
    **dict.fromkeys(('joint_tokens', 'transpose', 'vit_joint_tokens'), 'heatmap'),
    **dict.fromkeys(('rtmpose', 'simcc'), 'simcc'),
    **dict.fromkeys(('regression', 'rle', 'integral'), 'regression'),
    'movenet': 'centre_guided',
    'movenet_argmax': 'heatmap',
}
"""All models, with the kinds of their heads."""


def config(name: str) -> Config:
    """The config of a model and of the data that it takes."""
    if name.startswith('movenet'):
        parts: dict[str, Any] = {key: dict(part) for key, part in MOVENET.items()}
        if name == 'movenet_argmax':
            parts['head']['decoder'] = {**parts['head']['decoder'], 'decode_mode': 'argmax'}
    elif name.removeprefix('vit_') in OF_TOKENS:
        backbone, channels = (BACKBONES['vit'], 32) if name.startswith('vit_') else (TWO_STAGES, 16)
        head = OF_TOKENS[name.removeprefix('vit_')]
        parts = {'backbone': backbone, 'head': {**head, 'in_channels': channels}, 'neck': None}
    elif name in OF_RESNET:
        pooled = name in ('regression', 'rle')
        parts = {'backbone': BACKBONES['resnet'], 'head': OF_RESNET[name], 'neck': POOLED if pooled else None}
    else:
        parts = {'backbone': BACKBONES[name], 'head': HEADS[name], 'neck': NECKS.get(name)}
    unbiased = parts['head'].get('decoder', {}).get('type') == 'UDPHeatmap'
    pipeline = [
        {'type': 'LoadImage'},
        {'type': 'GetBBoxCenterScale'},
        {'type': 'TopdownAffine', 'input_size': SIZE, 'use_udp': unbiased},
        {'type': 'PackPoseInputs'},
    ]
    preprocessor = {
        'type': 'PoseDataPreprocessor',
        'mean': [123.675, 116.28, 103.53],
        'std': [58.395, 57.12, 57.375],
        'bgr_to_rgb': True,
    }
    model = {'type': 'TopdownPoseEstimator', 'data_preprocessor': preprocessor, 'test_cfg': {'flip_test': False}}
    dataset = {'type': 'CocoDataset', 'pipeline': pipeline, 'test_mode': True}
    return Config({'model': {**model, **parts}, 'test_dataloader': {'dataset': dataset}})


@cache
def function(name: str) -> PoseFunction:
    """A model that many tests share; those that change it take a :func:`fresh` one."""
    return fresh(name)


def fresh(name: str, seed: int = 0) -> PoseFunction:
    """A model whose weights and statistics are random enough for its outputs to differ between joints and cells."""
    torch.manual_seed(seed)
    made = PoseFunction.from_config(config(name), device='cpu')
    for module in made.model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    for part in made.readout.head.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
    return made


def photograph(height: int = 150, width: int = 200, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) coarse random colours."""
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
    return coarse.repeat(10, 0).repeat(10, 1)


def crops(people: int = 2, seed: int = 0) -> Tensor:
    """(people, 3, H, W) random inputs."""
    return torch.randn(people, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def maps(people: int = 1, fill: float = 0.0) -> Outputs:
    """Constant heatmaps, to write into."""
    return Outputs(heatmap=torch.full((people, JOINTS, HEIGHT // 4, WIDTH // 4), fill))
