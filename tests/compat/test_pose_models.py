"""MMPose models that need compiled operators, built from MMPose's configs with random weights and run."""

from typing import Any

import numpy as np
import pytest
import torch
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmpose.models.necks import PoseWarperNeck
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules
from torch import nn

HEIGHT, WIDTH, JOINTS = 128, 160, 17
FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def build(config: Any) -> nn.Module:
    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    model = revert_sync_batchnorm(MODELS.build(config))
    for name, weight in model.named_parameters():
        if name.endswith('level_embed'):  # ED-Pose leaves it as uninitialised memory
            nn.init.normal_(weight)
    return model


def public(name: str) -> Any:
    """The model of one of MMPose's 2D body configs, without pretrained weights and thresholds on scores."""
    config = get_config(f'mmpose::body_2d_keypoint/{name}.py').model
    config.backbone.init_cfg = None
    config.test_cfg.update({key: 0.0 for key in ('score_thr', 'keypoint_threshold') if key in config.test_cfg})
    return config


def edpose() -> Any:
    """ED-Pose as MMPose configures it, with fewer layers and queries; its config's bases are not in MMPose's wheel."""
    attention = {'embed_dims': 256, 'num_heads': 8, 'num_levels': 4, 'num_points': 4, 'batch_first': True}
    encoder_ffn = {'embed_dims': 256, 'feedforward_channels': 64, 'num_fcs': 2, 'ffn_drop': 0.0}
    decoder_layer = {
        'self_attn_cfg': {'embed_dims': 256, 'num_heads': 8, 'batch_first': True},
        'cross_attn_cfg': {'embed_dims': 256, 'batch_first': True},
        'ffn_cfg': {'embed_dims': 256, 'feedforward_channels': 64, 'ffn_drop': 0.1},
    }
    head = {
        'type': 'EDPoseHead',
        'num_queries': 60,
        'num_feature_levels': 4,
        'num_keypoints': JOINTS,
        'as_two_stage': True,
        'encoder': {'num_layers': 1, 'layer_cfg': {'self_attn_cfg': attention, 'ffn_cfg': encoder_ffn}},
        'decoder': {
            'num_layers': 3,
            'embed_dims': 256,
            'layer_cfg': decoder_layer,
            'query_dim': 4,
            'num_feature_levels': 4,
            'num_group': 20,
            'num_dn': 20,
            'num_box_decoder_layers': 2,
            'return_intermediate': True,
        },
        'out_head': {'num_classes': 2, 'num_queries': 60},
        'positional_encoding': {'num_pos_feats': 128, 'temperatureH': 20, 'temperatureW': 20, 'normalize': True},
        'denosing_cfg': {
            'dn_box_noise_scale': 0.4,
            'dn_label_noise_ratio': 0.5,
            'dn_labelbook_size': 100,
            'dn_attn_mask_type_list': ['match2dn', 'dn2dn', 'group2group'],
        },
        'data_decoder': {'type': 'EDPoseLabel', 'num_select': 10, 'num_keypoints': JOINTS},
    }
    return {
        'type': 'BottomupPoseEstimator',
        'backbone': {'type': 'ResNet', 'depth': 50, 'num_stages': 4, 'out_indices': (1, 2, 3)},
        'neck': {
            'type': 'ChannelMapper',
            'in_channels': [512, 1024, 2048],
            'kernel_size': 1,
            'out_channels': 256,
            'act_cfg': None,
            'norm_cfg': {'type': 'GN', 'num_groups': 32},
            'num_outs': 4,
        },
        'head': head,
        'test_cfg': {'Pmultiscale_test': False, 'flip_test': False, 'num_select': 10},
    }


def sample() -> PoseDataSample:
    shape = (HEIGHT, WIDTH)
    names = ('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape')
    size = np.array([WIDTH, HEIGHT], dtype=np.float32)
    return PoseDataSample(
        metainfo={
            **dict.fromkeys(names, shape),
            'input_size': (WIDTH, HEIGHT),
            'input_center': size / 2,
            'input_scale': size,
            'flip_indices': FLIP_INDICES,
        }
    )


@pytest.mark.parametrize(
    'config',
    [
        lambda: public('dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512'),
        lambda: public('rtmo/coco/rtmo-s_8xb32-600e_coco-640x640'),
        lambda: public('yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416'),
        edpose,
    ],
    ids=['dekr', 'rtmo', 'yoloxpose', 'edpose'],
)
def test_one_stage_models_predict(config):
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = build(config()).eval()
        with torch.no_grad():
            found = model(torch.randn(1, 3, HEIGHT, WIDTH), [sample()], mode='predict')[0].pred_instances
    assert len(found) > 0
    assert found.keypoints.shape == (len(found), JOINTS, 2)
    assert np.isfinite(np.asarray(found.keypoints)).all()
    assert np.isfinite(np.asarray(found.keypoint_scores)).all()


def test_dekr_learns_its_offsets_through_deformable_convolution():
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = build(public('dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512'))
        _, displacements = model(torch.randn(2, 3, HEIGHT, WIDTH), None, mode='tensor')
        displacements.square().mean().backward()
    gradients = {name: weight.grad for name, weight in model.head.named_parameters() if 'adapt_conv' in name}
    assert gradients
    for gradient in gradients.values():
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


def test_posewarper_starts_as_the_weighted_mean_of_its_frames():
    torch.manual_seed(0)
    neck = PoseWarperNeck(8, JOINTS, 8, res_blocks_cfg={'block': 'BASIC', 'num_blocks': 1}, im2col_step=1)
    neck.init_weights()
    frames = [torch.randn(1, 8, 16, 12) for _ in range(3)]
    weights = [0.5, 0.3, 0.2]
    # Its offsets start at 0 and its deformable kernels as the identity, so warping changes nothing yet.
    expected = sum(w * neck.trans_layer(frame) for w, frame in zip(weights, frames, strict=True))
    torch.testing.assert_close(neck([[frame] for frame in frames], weights), expected)
