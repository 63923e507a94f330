"""Deformable convolution (Dai et al., ICCV 2017), version 1: every tap of the kernel is moved, none is weighted."""

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Fill ``output`` with the convolution.

    Args:
        input: (N, C, H, W) features.
        weight: (D, C / group, kH, kW).
        offset: (N, deformable_group · kH · kW · 2, H', W'), the move of each tap as y, x in feature pixels.
        output: (N, D, H', W'), filled.
        columns: Scratch space of the compiled version, not used.
        ones: Likewise.
        kW: Columns of the kernel.
        kH: Rows of the kernel.
        dW: Step along x.
        dH: Step along y.
        padW: Zeros added left and right.
        padH: Zeros added above and below.
        dilationW: Distance between columns of the kernel.
        dilationH: Distance between rows of the kernel.
        group: Number of groups of channels that are convolved apart.
        deformable_group: Number of groups of channels that are moved apart.
        im2col_step: Pictures that the compiled version takes at once, which changes no result.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    features, weight, offset = widened(input, weight, offset)
    mask, bias = _unused(features, weight)
    output.copy_(torch.ops.torchvision.deform_conv2d(features, weight, offset, mask, bias, *geometry, False))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Add the gradient by the features to ``gradInput`` and set ``gradOffset`` to that by the offsets.

    The arguments are those of :func:`deform_conv_forward`; ``gradOutput`` is (N, D, H', W').
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    grad, features, weight, offset = widened(gradOutput, input, weight, offset)
    mask, bias = _unused(features, weight)
    by_input, _, by_offset, _, _ = torch.ops.torchvision._deform_conv2d_backward(
        grad, features, weight, offset, mask, bias, *geometry, False
    )
    gradInput += by_input
    gradOffset.copy_(by_offset)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Add ``scale`` times the gradient by the kernel to ``gradWeight``, (D, C / group, kH, kW).

    The other arguments are those of :func:`deform_conv_forward`. torchvision's backward operator computes this too, but
    only together with the gradients of :func:`deform_conv_backward_input`, which cost most and are known already.
    """
    grad, features, offset = widened(gradOutput, input, offset)
    seen = _seen_by_taps(features, offset, (kH, kW), (dH, dW, padH, padW, dilationH, dilationW), deformable_group)
    batch, outputs = grad.shape[:2]
    grad = grad.reshape(batch, group, outputs // group, -1)
    seen = seen.reshape(batch, group, seen.shape[1] // group, -1)
    gradWeight += scale * torch.einsum('ngdp,ngtp->gdt', grad, seen).reshape(gradWeight.shape)


def _seen_by_taps(
    features: Tensor, offset: Tensor, kernel: tuple[int, int], steps: tuple[int, ...], deformable_group: int
) -> Tensor:
    """Return the feature value under each tap of the kernel, (N, C · taps, H', W').

    This is the deformable convolution of each channel by itself with kernels that have a single 1.

    Args:
        features: (N, C, H, W).
        offset: (N, deformable_group · taps · 2, H', W').
        kernel: Rows and columns of the kernel.
        steps: Stride, padding and dilation, each along y and x.
        deformable_group: Number of groups of channels that are moved apart.
    """
    channels, taps = features.shape[1], kernel[0] * kernel[1]
    picks = torch.eye(taps, dtype=features.dtype, device=features.device)
    picks = picks.view(taps, 1, *kernel).repeat(channels, 1, 1, 1)
    mask, bias = _unused(features, picks)
    return torch.ops.torchvision.deform_conv2d(
        features, picks, offset, mask, bias, *steps, channels, deformable_group, False
    )


def _unused(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mask and bias that torchvision's operator wants to see although version 1 has neither."""
    return features.new_zeros(features.shape[0], 1), weight.new_zeros(weight.shape[0])
