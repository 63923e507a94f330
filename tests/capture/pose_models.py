"""MMPose models of several kinds, small and with random weights, and batches to run them on."""

from typing import Any

import numpy as np
import torch
from mmengine.hub import get_config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

HEIGHT, WIDTH, JOINTS = 128, 96, 17
FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
SIZE = (WIDTH, HEIGHT)


def msra(stride: int) -> dict[str, Any]:
    return {
        'type': 'MSRAHeatmap',
        'input_size': SIZE,
        'heatmap_size': (WIDTH // stride, HEIGHT // stride),
        'sigma': 2,
    }


def heatmap_head(channels: int, codec: dict[str, Any], deconv: tuple[int, ...] = ()) -> dict[str, Any]:
    return {
        'type': 'HeatmapHead',
        'in_channels': channels,
        'out_channels': JOINTS,
        'deconv_out_channels': deconv or None,
        'deconv_kernel_sizes': (4,) * len(deconv) or None,
        'decoder': codec,
    }


def hrnet_stages() -> dict[str, Any]:
    stages: dict[str, Any] = {}
    for stage in (1, 2, 3, 4):
        stages[f'stage{stage}'] = {
            'num_modules': 1,
            'num_branches': stage,
            'block': 'BOTTLENECK' if stage == 1 else 'BASIC',
            'num_blocks': (1,) * stage,
            'num_channels': (8, 16, 32, 64)[:stage],
        }
    stages['stage4']['multiscale_output'] = True
    return stages


BACKBONES: dict[str, dict[str, Any]] = {
    'resnet': {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'hrnet': {'type': 'HRNet', 'extra': hrnet_stages()},
    'hourglass': {
        'type': 'HourglassNet',
        'downsample_times': 1,
        'num_stacks': 2,
        'stage_channels': (256, 256),  # its stem has 256 channels in any case
        'stage_blocks': (1, 1),
    },
    'stacked_hourglass': {'type': 'StackedHourglass', 'stacks': 2, 'width': 16, 'depth': 3},
    'vit': {
        'type': 'mmpretrain.VisionTransformer',
        'arch': {'embed_dims': 32, 'num_layers': 2, 'num_heads': 2, 'feedforward_channels': 64},
        'img_size': (HEIGHT, WIDTH),
        'patch_size': 16,
        'with_cls_token': False,
        'out_type': 'featmap',
        'patch_cfg': {'padding': 2},
    },
    'rtmpose': {'type': 'CSPNeXt', 'deepen_factor': 0.167, 'widen_factor': 0.125, 'out_indices': (4,)},
}
HEADS: dict[str, dict[str, Any]] = {
    'resnet': heatmap_head(64, msra(4), (16, 16, 16)),
    'hrnet': heatmap_head(8, msra(4)),
    'hourglass': {
        'type': 'CPMHead',
        'in_channels': 256,
        'out_channels': JOINTS,
        'num_stages': 2,
        'deconv_out_channels': None,
        'decoder': msra(4),
    },
    'stacked_hourglass': heatmap_head(16, msra(4)),
    'vit': heatmap_head(32, {**msra(4), 'type': 'UDPHeatmap'}, (16, 16)),
    'rtmpose': {
        'type': 'RTMCCHead',
        'in_channels': 128,
        'out_channels': JOINTS,
        'input_size': SIZE,
        'in_featuremap_size': (WIDTH // 32, HEIGHT // 32),
        'simcc_split_ratio': 2.0,
        'final_layer_kernel_size': 3,
        'gau_cfg': {
            'hidden_dims': 16,
            's': 16,
            'expansion_factor': 2,
            'dropout_rate': 0.0,
            'drop_path': 0.0,
            'act_fn': 'SiLU',
            'use_rel_bias': False,
            'pos_enc': False,
        },
        'loss': {'type': 'KLDiscretLoss', 'use_target_weight': True},
        'decoder': {'type': 'SimCCLabel', 'input_size': SIZE, 'sigma': (4.9, 5.66), 'use_dark': False},
    },
}
"""Top-down models."""
NECKS: dict[str, dict[str, Any]] = {
    'hrnet': {'type': 'FeatureMapProcessor', 'select_index': 0},
    'stacked_hourglass': {'type': 'FeatureMapProcessor', 'select_index': 1},
}
TOPDOWN = tuple(BACKBONES)


def build(name: str, flip: bool = False, **backbone: Any) -> nn.Module:
    """A model of TOPDOWN, ``'bottomup'`` (with flip_test) or ``'onestage'``, in evaluation mode."""
    torch.manual_seed(0)
    config: dict[str, Any] = {
        'type': 'TopdownPoseEstimator',
        'backbone': BACKBONES.get(name),
        'neck': NECKS.get(name),
        'head': HEADS.get(name),
        'test_cfg': {'flip_test': flip, 'flip_mode': 'heatmap', 'shift_heatmap': False},
    }
    if name == 'bottomup':  # MMPose's head runs with flip_test only
        config |= bottomup()
    if name == 'onestage':
        config = get_config('mmpose::body_2d_keypoint/yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416.py').model
        config.test_cfg.score_thr = 0.0
        config.backbone.init_cfg = None
    config['backbone'] = {**config['backbone'], **backbone}
    model = MODELS.build(config)
    for module in model.modules():  # batch norms that do something
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    for weight in model.parameters():
        if not weight.isfinite().all():
            nn.init.normal_(weight)
    return model.eval()


def bottomup() -> dict[str, Any]:
    """Associative embedding on a small ResNet."""
    codec = {
        'type': 'AssociativeEmbedding',
        'input_size': SIZE,
        'heatmap_size': SIZE,
        'decode_max_instances': 3,
        'decode_keypoint_order': list(range(JOINTS)),
    }
    return {
        'type': 'BottomupPoseEstimator',
        'backbone': BACKBONES['resnet'],
        'head': {
            'type': 'AssociativeEmbeddingHead',
            'in_channels': 64,
            'num_keypoints': JOINTS,
            'tag_dim': 1,
            'tag_per_keypoint': True,
            'deconv_out_channels': (16, 16, 16),
            'deconv_kernel_sizes': (4, 4, 4),
            'keypoint_loss': {'type': 'KeypointMSELoss'},
            'tag_loss': {'type': 'AssociativeEmbeddingLoss'},
            'decoder': codec,
        },
        'test_cfg': {
            'multiscale_test': False,
            'flip_test': True,
            'shift_heatmap': False,
            'restore_heatmap_size': True,
            'align_corners': False,
        },
    }


def pictures(people: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(people, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def samples(people: int = 2) -> list[PoseDataSample]:
    size = np.array(SIZE, np.float32)
    batch = []
    for _ in range(people):
        sample = PoseDataSample(
            metainfo={
                'input_size': SIZE,
                'input_center': size / 2,
                'input_scale': size,
                'flip_indices': FLIP_INDICES,
                'img_shape': (HEIGHT, WIDTH),
                'batch_input_shape': (HEIGHT, WIDTH),
                'ori_shape': (HEIGHT, WIDTH),
            }
        )
        sample.gt_instances = InstanceData(
            bboxes=np.array([[0, 0, *SIZE]], np.float32), bbox_scores=np.ones(1, np.float32)
        )
        batch.append(sample)
    return batch


def predict(model: nn.Module, inputs: Tensor | None = None) -> list[PoseDataSample]:
    inputs = pictures() if inputs is None else inputs
    with torch.no_grad():
        return model(inputs, samples(len(inputs)), mode='predict')
