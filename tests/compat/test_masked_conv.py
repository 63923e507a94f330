"""Masked convolution through mmcv.ops, against ordinary convolution."""

import pytest
import torch
from mmcv.ops import MaskedConv2d, masked_conv2d
from torch.nn.functional import conv2d


@pytest.mark.parametrize('kernel', [(3, 3), (1, 1), (5, 3)])
def test_it_is_convolution_where_the_mask_is_and_zero_elsewhere(kernel):
    torch.manual_seed(0)
    padding = (kernel[0] // 2, kernel[1] // 2)
    features, weight, bias = torch.randn(1, 4, 7, 6), torch.randn(5, 4, *kernel), torch.randn(5)
    mask = torch.rand(1, 7, 6) - 0.5
    expected = conv2d(features, weight, bias, padding=padding) * (mask > 0)
    output = masked_conv2d(features, mask, weight, bias, padding)
    torch.testing.assert_close(output, expected)
    assert 0 < (mask > 0).sum() < mask.numel()


def test_an_empty_mask_gives_zero_and_no_mask_gives_the_convolution():
    torch.manual_seed(0)
    layer = MaskedConv2d(4, 5, 3, padding=1)
    features = torch.randn(1, 4, 7, 6)
    with torch.no_grad():
        assert layer(features, torch.zeros(1, 7, 6)).abs().max() == 0
        torch.testing.assert_close(layer(features), conv2d(features, layer.weight, layer.bias, padding=1))
