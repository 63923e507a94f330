"""Deformable convolution, version 1, through mmcv.ops: against its definition, convolution, finite differences."""

import numpy as np
import pytest
import torch
from mmcv.ops import DeformConv2d, DeformConv2dPack, deform_conv2d
from torch.nn.functional import conv2d

from tests.compat.bilinear_reference import zero_padded_sample

# groups, deform_groups, stride, padding, dilation
GEOMETRIES = [(1, 1, 1, 1, 1), (2, 2, 2, 0, 1), (1, 4, 1, 2, 2), (4, 1, (2, 1), (0, 1), (1, 2))]


def case(geometry, kernel=(3, 2), batch=2, channels=4, size=(7, 6), seed=0):
    groups, deform_groups, stride, padding, dilation = geometry
    rng = np.random.default_rng(seed)
    features = torch.from_numpy(rng.normal(size=(batch, channels, *size)))
    weight = torch.from_numpy(rng.normal(size=(8, channels // groups, *kernel)))
    shape = conv2d(features, weight, None, stride, padding, dilation, groups).shape[2:]
    taps = deform_groups * kernel[0] * kernel[1]
    offset = torch.from_numpy(rng.normal(size=(batch, 2 * taps, *shape))) * 1.5
    mask = torch.from_numpy(rng.uniform(size=(batch, taps, *shape)))
    return features, weight, offset, mask


def reference(features, weight, offset, geometry, mask=None):
    groups, deform_groups, *rest = geometry
    (sy, sx), (py, px), (dy, dx) = (pair if isinstance(pair, tuple) else (pair, pair) for pair in rest)
    batch, channels = features.shape[:2]
    outputs, _, kh, kw = weight.shape
    out = np.zeros((batch, outputs, *offset.shape[2:]))
    for n, o, y, x in np.ndindex(*out.shape):
        first = o // (outputs // groups) * (channels // groups)
        for c, i, j in np.ndindex(*weight.shape[1:]):
            tap = ((first + c) // (channels // deform_groups)) * kh * kw + i * kw + j
            value = zero_padded_sample(
                features[n, first + c].numpy(),
                y * sy - py + i * dy + offset[n, 2 * tap, y, x].item(),
                x * sx - px + j * dx + offset[n, 2 * tap + 1, y, x].item(),
            )
            out[n, o, y, x] += weight[o, c, i, j].item() * value * (1 if mask is None else mask[n, tap, y, x].item())
    return torch.from_numpy(out)


def reordered(geometry):
    groups, deform_groups, stride, padding, dilation = geometry
    return stride, padding, dilation, groups, deform_groups


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_values_and_gradients(geometry):
    features, weight, offset, _ = case(geometry, size=(4, 4))
    arguments = reordered(geometry)
    torch.testing.assert_close(
        deform_conv2d(features, offset, weight, *arguments), reference(features, weight, offset, geometry)
    )
    inputs = [tensor.requires_grad_() for tensor in (features[:1], offset[:1], weight)]
    assert torch.autograd.gradcheck(lambda *tensors: deform_conv2d(*tensors, *arguments), inputs, fast_mode=True)


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_without_moves_it_is_convolution(geometry):
    features, weight, offset, _ = case(geometry)
    groups, _, stride, padding, dilation = geometry
    torch.testing.assert_close(
        deform_conv2d(features, torch.zeros_like(offset), weight, *reordered(geometry)),
        conv2d(features, weight, None, stride, padding, dilation, groups),
    )


def test_moves_by_whole_pixels_shift_the_picture():
    features, weight, offset, _ = case((1, 1, 1, 1, 1))
    offset[:, 0::2], offset[:, 1::2] = 2, -1  # y, x
    shifted = torch.zeros_like(features)
    shifted[..., :-2, 1:] = features[..., 2:, :-1]
    moved, plain = deform_conv2d(features, offset, weight, 1, 1), conv2d(shifted, weight, padding=1)
    # Away from the border, where the one sees pixels that the other has shifted out.
    torch.testing.assert_close(moved[..., 1:-3, 2:-1], plain[..., 1:-3, 2:-1])


def test_gradients_of_one_input_alone():
    features, weight, offset, _ = case((1, 1, 1, 1, 1))
    expected = [tensor.clone().requires_grad_() for tensor in (features, offset, weight)]
    deform_conv2d(*expected, 1, 1).square().sum().backward()
    for chosen in range(3):
        inputs = [tensor.detach().clone().requires_grad_(i == chosen) for i, tensor in enumerate(expected)]
        deform_conv2d(*inputs, 1, 1).square().sum().backward()
        torch.testing.assert_close(inputs[chosen].grad, expected[chosen].grad)


def test_step_does_not_change_the_result():
    features, weight, offset, _ = case((1, 1, 1, 1, 1), batch=4)
    expected = deform_conv2d(features, offset, weight, 1, 1)
    for step in (1, 2, 4):
        assert torch.equal(deform_conv2d(features, offset, weight, 1, 1, 1, 1, 1, False, step), expected)


def test_strided_input_and_narrow_formats():
    features, weight, offset, _ = case((1, 1, 1, 1, 1))
    expected = deform_conv2d(features, offset, weight, 1, 1)
    strided = [t.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) for t in (features, offset, weight)]
    torch.testing.assert_close(deform_conv2d(*strided, 1, 1), expected)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float16, 5e-2), (torch.bfloat16, 3e-1)):
        narrow = [tensor.detach().to(dtype).requires_grad_() for tensor in (features, offset, weight)]
        output = deform_conv2d(*narrow, 1, 1)
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), expected, rtol=tolerance, atol=tolerance)
        output.sum().backward()
        assert all(torch.isfinite(tensor.grad).all() for tensor in narrow)


def test_layer_on_a_picture_smaller_than_its_kernel():
    torch.manual_seed(0)
    layer = DeformConv2d(2, 3, 3, padding=1)
    features = torch.randn(1, 2, 2, 2)
    output = layer(features, torch.zeros(1, 18, 2, 2))
    torch.testing.assert_close(output, conv2d(features, layer.weight, padding=1))


def test_layer_that_predicts_its_offsets_starts_as_a_convolution_and_trains():
    torch.manual_seed(0)
    layer = DeformConv2dPack(4, 6, 3, stride=2, padding=1, deform_groups=2)
    features = torch.randn(2, 4, 9, 8)
    output = layer(features)
    torch.testing.assert_close(output, conv2d(features, layer.weight, stride=2, padding=1))
    output.square().sum().backward()
    assert layer.conv_offset.weight.grad.abs().max() > 0
    with torch.autocast('cpu', torch.bfloat16):
        mixed = layer(features)
    torch.testing.assert_close(mixed.float(), output, rtol=5e-2, atol=5e-2)
