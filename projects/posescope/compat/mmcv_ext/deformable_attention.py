"""Multi-scale deformable attention (Zhu et al., ICLR 2021): each query reads a few chosen places of several maps.

``mmcv.ops`` computes this in plain PyTorch for CPU tensors and calls the compiled functions for GPU tensors. Here they
fall back on that same code.
"""

import torch
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Return what each query reads.

    Args:
        value: (N, S, heads, channels), all maps flattened one behind the other.
        value_spatial_shapes: (levels, 2) int64, height and width of each map.
        value_level_start_index: (levels,) where each map starts among the S; implied by the shapes.
        sampling_locations: (N, Q, heads, levels, points, 2), x and y as fractions of a map.
        attention_weights: (N, Q, heads, levels, points).
        im2col_step: Pictures that the compiled version takes at once, which changes no result.

    Returns:
        (N, Q, heads · channels), in the format of ``value``.
    """
    inputs = widened(value, sampling_locations, attention_weights)
    return _attend(value_spatial_shapes, *inputs).to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Add to ``grad_value`` and set ``grad_sampling_loc`` and ``grad_attn_weight``.

    Each has the shape of its namesake in :func:`ms_deform_attn_forward`; ``grad_output`` is (N, Q, heads · channels).
    """
    grad, *inputs = widened(grad_output, value, sampling_locations, attention_weights)
    with torch.enable_grad():
        inputs = [tensor.requires_grad_() for tensor in inputs]
        output = _attend(value_spatial_shapes, *inputs)
    by_value, by_location, by_weight = torch.autograd.grad(output, inputs, grad)
    grad_value += by_value
    grad_sampling_loc.copy_(by_location)
    grad_attn_weight.copy_(by_weight)


def _attend(shapes: Tensor, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    # Not at the top: mmcv.ops imports this package while it is imported itself.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    return multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
