"""CARAFE through mmcv.ops: against its definition, nearest-neighbour enlargement and finite differences."""

import numpy as np
import pytest
import torch
from mmcv.ops import CARAFEPack, carafe, carafe_naive
from torch.nn.functional import interpolate

from posescope.compat.mmcv_ext.carafe import carafe_naive_backward

# kernel_size, group_size, scale_factor
GEOMETRIES = [(3, 2, 2), (5, 1, 2), (1, 4, 3)]


def case(kernel, groups, scale):
    rng = np.random.default_rng(kernel)
    features = torch.from_numpy(rng.normal(size=(1, 4, 3, 2)))
    return features, torch.from_numpy(rng.uniform(size=(1, groups * kernel**2, 3 * scale, 2 * scale)))


def reference(features, masks, kernel, groups, scale):
    batch, channels, height, width = features.shape
    out = np.zeros((batch, channels, height * scale, width * scale))
    for n, c, y, x in np.ndindex(*out.shape):
        group = c // (channels // groups)
        for i, j in np.ndindex(kernel, kernel):
            row, column = y // scale + i - kernel // 2, x // scale + j - kernel // 2
            if 0 <= row < height and 0 <= column < width:
                out[n, c, y, x] += features[n, c, row, column] * masks[n, (group * kernel + i) * kernel + j, y, x]
    return torch.from_numpy(out)


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_values_and_gradients(geometry):
    features, masks = case(*geometry)
    expected = reference(features, masks, *geometry)
    torch.testing.assert_close(carafe(features, masks, *geometry), expected)
    torch.testing.assert_close(carafe_naive(features, masks, *geometry), expected)
    inputs = [features.requires_grad_(), masks.requires_grad_()]
    assert torch.autograd.gradcheck(lambda f, m: carafe(f, m, *geometry), inputs, fast_mode=True)


def test_gradients_of_the_naive_version():
    # mmcv.ops refuses to ask for them on a CPU.
    features, masks = case(3, 2, 2)
    inputs = [features.requires_grad_(), masks.requires_grad_()]
    output = carafe(*inputs, 3, 2, 2)
    grad = torch.randn_like(output)
    output.backward(grad)
    by_features, by_masks = torch.zeros_like(features), torch.zeros_like(masks)
    carafe_naive_backward(grad, features, masks, by_features, by_masks, 3, 2, 2)
    torch.testing.assert_close(by_features, features.grad)
    torch.testing.assert_close(by_masks, masks.grad)


def test_a_kernel_that_sees_its_centre_alone_enlarges_pixels():
    features, masks = case(3, 1, 2)
    masks.zero_()
    masks[:, 4] = 1
    torch.testing.assert_close(carafe(features, masks, 3, 1, 2), interpolate(features, scale_factor=2))


def test_layer_keeps_a_constant_away_from_the_border_and_trains():
    torch.manual_seed(0)
    layer = CARAFEPack(4, 2, up_kernel=3)
    features = torch.full((1, 4, 6, 6), 3.0, requires_grad=True)
    output = layer(features)
    # Its kernels are a softmax, so they sum to one.
    torch.testing.assert_close(output[..., 2:-2, 2:-2], torch.full((1, 4, 8, 8), 3.0))
    output.square().sum().backward()
    assert layer.content_encoder.weight.grad.abs().max() > 0
