"""Deformable convolution, version 2, through mmcv.ops: against its definition, version 1 and finite differences."""

import pytest
import torch
from mmcv.ops import ModulatedDeformConv2dPack, deform_conv2d, modulated_deform_conv2d
from torch.nn.functional import conv2d

from tests.compat.test_deform_conv import GEOMETRIES, case, reference, reordered

BIAS = torch.linspace(-1, 1, 8, dtype=torch.float64)


@pytest.mark.parametrize('geometry', GEOMETRIES)
@pytest.mark.parametrize('bias', [None, BIAS])
def test_values_and_gradients(geometry, bias):
    features, weight, offset, mask = case(geometry, size=(4, 4))
    arguments = reordered(geometry)
    expected = reference(features, weight, offset, geometry, mask)
    if bias is not None:
        expected = expected + bias[:, None, None]
    torch.testing.assert_close(modulated_deform_conv2d(features, offset, mask, weight, bias, *arguments), expected)
    inputs = [tensor.clone().requires_grad_() for tensor in (features[:1], offset[:1], mask[:1], weight)]
    if bias is not None:
        inputs.append(bias.clone().requires_grad_())

    def convolve(features, offset, mask, weight, bias=None):
        return modulated_deform_conv2d(features, offset, mask, weight, bias, *arguments)

    assert torch.autograd.gradcheck(convolve, inputs, fast_mode=True)


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_masks_of_one_give_version_1_and_masks_of_zero_the_bias(geometry):
    features, weight, offset, mask = case(geometry)
    arguments = reordered(geometry)
    torch.testing.assert_close(
        modulated_deform_conv2d(features, offset, torch.ones_like(mask), weight, None, *arguments),
        deform_conv2d(features, offset, weight, *arguments),
    )
    silent = modulated_deform_conv2d(features, offset, torch.zeros_like(mask), weight, BIAS, *arguments)
    torch.testing.assert_close(silent, BIAS[:, None, None].expand_as(silent))


def test_strided_input_and_narrow_formats():
    features, weight, offset, mask = case((1, 1, 1, 1, 1))
    expected = modulated_deform_conv2d(features, offset, mask, weight, BIAS, 1, 1)
    strided = [t.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) for t in (features, offset, mask, weight)]
    torch.testing.assert_close(modulated_deform_conv2d(*strided, BIAS, 1, 1), expected)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float16, 5e-2), (torch.bfloat16, 3e-1)):
        narrow = [tensor.to(dtype).requires_grad_() for tensor in (features, offset, mask, weight, BIAS)]
        output = modulated_deform_conv2d(*narrow, 1, 1)
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), expected, rtol=tolerance, atol=tolerance)
        output.sum().backward()
        assert all(torch.isfinite(tensor.grad).all() for tensor in narrow)


def test_layer_that_predicts_offsets_and_masks_starts_as_half_a_convolution_and_trains():
    torch.manual_seed(0)
    layer = ModulatedDeformConv2dPack(4, 6, 3, stride=2, padding=1, deform_groups=2)
    features = torch.randn(2, 4, 9, 8)
    output = layer(features)
    # Its masks start at sigmoid(0).
    torch.testing.assert_close(output, conv2d(features, layer.weight / 2, layer.bias, stride=2, padding=1))
    output.square().sum().backward()
    assert layer.conv_offset.weight.grad.abs().max() > 0
    with torch.autocast('cpu', torch.bfloat16):
        mixed = layer(features)
    torch.testing.assert_close(mixed.float(), output, rtol=5e-2, atol=5e-2)
