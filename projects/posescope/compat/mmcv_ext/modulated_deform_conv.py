"""Deformable convolution, version 2 (Zhu et al., CVPR 2019): every tap of the kernel is moved and weighted."""

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Fill ``output`` with the convolution.

    Args:
        input: (N, C, H, W) features.
        weight: (D, C / group, kernel_h, kernel_w).
        bias: (D,), or empty without bias.
        ones: Scratch space of the compiled version, not used.
        offset: (N, deformable_group · kernel_h · kernel_w · 2, H', W'), the move of each tap as y, x in feature pixels.
        mask: (N, deformable_group · kernel_h · kernel_w, H', W'), the weight of each tap.
        output: (N, D, H', W'), filled.
        columns: Scratch space of the compiled version, not used.
        kernel_h: Rows of the kernel.
        kernel_w: Columns of the kernel.
        stride_h: Step along y.
        stride_w: Step along x.
        pad_h: Zeros added above and below.
        pad_w: Zeros added left and right.
        dilation_h: Distance between rows of the kernel.
        dilation_w: Distance between columns of the kernel.
        group: Number of groups of channels that are convolved apart.
        deformable_group: Number of groups of channels that are moved apart.
        with_bias: Whether ``bias`` counts.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    features, weight, bias, offset, mask = widened(input, weight, bias, offset, mask)
    bias = bias if with_bias else weight.new_zeros(weight.shape[0])
    output.copy_(torch.ops.torchvision.deform_conv2d(features, weight, offset, mask, bias, *geometry, True))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Add to ``grad_input``, ``grad_weight`` and ``grad_bias``, and set ``grad_offset`` and ``grad_mask``.

    Each has the shape of its namesake in :func:`modulated_deform_conv_forward`, which explains the other arguments.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    grad, features, weight, offset, mask = widened(grad_output, input, weight, offset, mask)
    no_bias = weight.new_zeros(weight.shape[0])  # the gradients do not depend on its value
    by_input, by_weight, by_offset, by_mask, by_bias = torch.ops.torchvision._deform_conv2d_backward(
        grad, features, weight, offset, mask, no_bias, *geometry, True
    )
    grad_input += by_input
    grad_weight += by_weight
    grad_offset.copy_(by_offset)
    grad_mask.copy_(by_mask)
    if with_bias:
        grad_bias += by_bias
