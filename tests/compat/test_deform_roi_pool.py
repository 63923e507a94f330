"""Deformable RoI pooling through mmcv.ops, against RoIAlign of moved boxes and finite differences."""

import numpy as np
import pytest
import torch
from mmcv.ops import DeformRoIPoolPack, ModulatedDeformRoIPoolPack, deform_roi_pool, roi_align

BOXES = torch.tensor(
    [[0, 1, 2, 9, 11], [1, 0.3, 0.7, 12.2, 9.9], [1, -3, -4, 2, 3.3], [0, 2, 2, 2, 2]], dtype=torch.float64
)
RNG = np.random.default_rng(0)
FEATURES = torch.from_numpy(RNG.normal(size=(2, 3, 8, 7)))
OFFSETS = torch.from_numpy(RNG.normal(size=(4, 2, 3, 2)))
SIZE, SCALE, GAMMA = (3, 2), 0.6, 0.1


@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('offset', [None, torch.zeros(4, 2, 3, 2, dtype=torch.float64)])
def test_without_moves_it_is_roi_align(ratio, offset):
    pooled = deform_roi_pool(FEATURES, BOXES, offset, SIZE, SCALE, ratio, GAMMA)
    torch.testing.assert_close(pooled, roi_align(FEATURES, BOXES, SIZE, SCALE, ratio, 'avg', True))


@pytest.mark.parametrize('ratio', [0, 2])
def test_each_bin_is_that_of_a_moved_box(ratio):
    pooled = deform_roi_pool(FEATURES, BOXES, OFFSETS, SIZE, SCALE, ratio, GAMMA)
    for k, box in enumerate(BOXES):
        for i in range(SIZE[0]):
            for j in range(SIZE[1]):
                move = GAMMA * (box[3:] - box[1:3]) * OFFSETS[k, :, i, j]  # x, y in picture pixels
                moved = torch.cat([box[:1], box[1:3] + move, box[3:] + move])
                expected = roi_align(FEATURES, moved[None], SIZE, SCALE, ratio, 'avg', True)[0, :, i, j]
                torch.testing.assert_close(pooled[k, :, i, j], expected)


@pytest.mark.parametrize('ratio', [0, 2])
def test_gradients(ratio):
    features, offsets = FEATURES.clone().requires_grad_(), OFFSETS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f, o: deform_roi_pool(f, BOXES, o, SIZE, SCALE, ratio, GAMMA), (features, offsets)
    )
    assert torch.autograd.gradcheck(lambda f: deform_roi_pool(f, BOXES, None, SIZE, SCALE, ratio, GAMMA), features)


def test_portions_do_not_change_the_result(monkeypatch):
    expected = deform_roi_pool(FEATURES, BOXES, OFFSETS, SIZE, SCALE, 0, GAMMA)
    monkeypatch.setattr('posescope.compat.mmcv_ext.deform_roi_pool.VALUES_AT_ONCE', 1)
    torch.testing.assert_close(deform_roi_pool(FEATURES, BOXES, OFFSETS, SIZE, SCALE, 0, GAMMA), expected)


@pytest.mark.parametrize('layer', [DeformRoIPoolPack, ModulatedDeformRoIPoolPack])
def test_layers_that_predict_their_offsets(layer):
    torch.manual_seed(0)
    features = FEATURES.float().requires_grad_()
    pool = layer(SIZE, 3, deform_fc_channels=8, spatial_scale=SCALE)
    pooled = pool(features, BOXES.float())
    # The layers start with offsets of 0, and the modulated one with masks of sigmoid(0).
    expected = roi_align(FEATURES.float(), BOXES.float(), SIZE, SCALE, 0, 'avg', True)
    torch.testing.assert_close(pooled, expected * (0.5 if layer is ModulatedDeformRoIPoolPack else 1))
    pooled.square().sum().backward()
    assert pool.offset_fc[-1].bias.grad.abs().max() > 0


def test_no_boxes():
    features, offsets = FEATURES.clone().requires_grad_(), OFFSETS[:0].clone().requires_grad_()
    pooled = deform_roi_pool(features, BOXES[:0], offsets, SIZE, SCALE, 0, GAMMA)
    assert pooled.shape == (0, 3, *SIZE)
    pooled.sum().backward()
    assert features.grad.abs().max() == 0
