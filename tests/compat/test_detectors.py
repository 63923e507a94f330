"""mmdet's detectors on our operators: built from mmdet's own configs with random weights, trained a step, and asked."""

from typing import Any

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import nn

HEIGHT, WIDTH = 128, 160
FASTER_RCNN = ['roi_align_forward', 'roi_align_backward', 'nms']
DETECTORS = {
    'faster_rcnn/faster-rcnn_r50_fpn_1x_coco': FASTER_RCNN,
    'retinanet/retinanet_r50_fpn_1x_coco': ['nms'],
    'yolox/yolox_tiny_8xb8-300e_coco': ['nms'],
    'rtmdet/rtmdet_tiny_8xb32-300e_coco': ['nms'],
    'dcn/faster-rcnn_r50-dconv-c3-c5_fpn_1x_coco': [
        *FASTER_RCNN,
        'deform_conv_forward',
        'deform_conv_backward_input',
        'deform_conv_backward_parameters',
    ],
    'dcnv2/faster-rcnn_r50-mdconv-c3-c5_fpn_1x_coco': [
        *FASTER_RCNN,
        'modulated_deform_conv_forward',
        'modulated_deform_conv_backward',
    ],
    'dcn/faster-rcnn_r50_fpn_dpool_1x_coco': ['nms', 'deform_roi_pool_forward', 'deform_roi_pool_backward'],
    'carafe/faster-rcnn_r50_fpn-carafe_1x_coco': [*FASTER_RCNN, 'carafe_forward', 'carafe_backward'],
    'guided_anchoring/ga-retinanet_r50-caffe_fpn_1x_coco': [
        'nms',
        'deform_conv_forward',
        'masked_im2col_forward',
        'masked_col2im_forward',
    ],
    'deformable_detr/deformable-detr_r50_16xb2-50e_coco': [],
}


def shrink(config: Any) -> None:
    """Take away pretrained weights, most proposals, and the threshold that would hide what random weights detect."""
    if isinstance(config, dict):
        config.update({'init_cfg': None} if 'init_cfg' in config else {})
        config.update({'num': 32} if config.get('type') == 'RandomSampler' else {})
        config.update({key: 50 for key in ('nms_pre', 'max_per_img') if key in config})
        config.update({'score_thr': 0.0} if 'score_thr' in config else {})
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for entry in config:
            shrink(entry)


def build(name: str) -> nn.Module:
    register_all_modules(init_default_scope=False)
    config: ConfigDict = get_config(f'mmdet::{name}.py').model
    shrink(config)
    torch.manual_seed(0)
    model = revert_sync_batchnorm(MODELS.build(config))
    for weight_name, weight in model.named_parameters():
        if weight_name.endswith('level_embed'):  # uninitialised memory until init_weights, which wants the network
            nn.init.normal_(weight)
    return model


def labelled_sample() -> DetDataSample:
    shape = (HEIGHT, WIDTH)
    names = ('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape')
    sample = DetDataSample(metainfo={**dict.fromkeys(names, shape), 'scale_factor': (1.0, 1.0)})
    boxes = torch.tensor([[20.0, 10, 90, 120], [100, 30, 150, 110]])
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([0, 1]))
    return sample


def largest_overlap(boxes: np.ndarray) -> float:
    """The largest intersection over union between two different boxes, (N, 4)."""
    sides = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(boxes[:, None, :2], boxes[:, :2])
    intersection = sides.clip(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    overlaps = intersection / (areas[:, None] + areas - intersection).clip(min=1e-9)
    np.fill_diagonal(overlaps, 0)
    return float(overlaps.max(initial=0))


@pytest.fixture
def calls(monkeypatch):
    """The names of our functions that were called."""
    from posescope.compat import mmcv_ext

    called = set()

    def noting(name, function):
        def note(*args, **kwargs):
            called.add(name)
            return function(*args, **kwargs)

        return note

    for name in mmcv_ext.__all__:
        monkeypatch.setattr(mmcv_ext, name, noting(name, getattr(mmcv_ext, name)))
    return called


@pytest.mark.parametrize(('name', 'expected_calls'), DETECTORS.items(), ids=[name.split('/')[1] for name in DETECTORS])
def test_detector_trains_and_detects(name, expected_calls, calls):
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = build(name)
        picture = torch.randn(1, 3, HEIGHT, WIDTH)
        losses = model.train()(picture, [labelled_sample()], mode='loss')
        terms = (value if isinstance(value, list) else [value] for key, value in losses.items() if 'loss' in key)
        total = sum(term for group in terms for term in group)
        total.backward()
        assert torch.isfinite(total)
        assert total > 0
        gradients = {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
        assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
        in_backbone = [gradient for key, gradient in gradients.items() if key.startswith('backbone')]
        assert in_backbone
        assert all(gradient.abs().max() > 0 for gradient in in_backbone)

        with torch.no_grad():
            found = model.eval()(picture, [labelled_sample()], mode='predict')[0].pred_instances
    assert set(expected_calls) <= calls
    assert len(found) > 0
    boxes = found.bboxes.numpy()
    if not name.startswith('yolox'):  # which leaves boxes as they are
        assert (boxes >= -1e-3).all()
        assert (boxes <= [WIDTH + 1e-3, HEIGHT + 1e-3] * 2).all()
    if 'nms' in expected_calls:
        assert (np.diff(found.scores.numpy()) <= 0).all()
        threshold = 0.65 if name.startswith(('yolox', 'rtmdet')) else 0.5
        for label in found.labels.unique():
            assert largest_overlap(boxes[(found.labels == label).numpy()]) <= threshold + 1e-4


def test_soft_nms_and_roi_pool_can_be_chosen_in_a_config(calls):
    with DefaultScope.overwrite_default_scope('mmdet'):
        register_all_modules(init_default_scope=False)
        config = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py').model
        shrink(config)
        config.roi_head.bbox_roi_extractor.roi_layer = {'type': 'RoIPool', 'output_size': 7}
        config.test_cfg.rcnn.nms = {'type': 'soft_nms', 'iou_threshold': 0.5, 'min_score': 0.001}
        torch.manual_seed(0)
        model = MODELS.build(config).eval()
        with torch.no_grad():
            found = model(torch.randn(1, 3, HEIGHT, WIDTH), [labelled_sample()], mode='predict')[0].pred_instances
    assert {'softnms', 'roi_pool_forward'} <= calls
    assert 0 < len(found) <= 50
