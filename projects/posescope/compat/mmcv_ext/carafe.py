"""CARAFE (Wang et al., ICCV 2019): upsampling in which every output pixel brings its own kernel."""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

from posescope.compat.mmcv_ext.precision import widened


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> None:
    """Fill ``output`` with the upsampled features.

    Args:
        features: (N, C, H, W).
        masks: (N, group_size · kernel_size², H · scale_factor, W · scale_factor), a kernel for each output pixel, laid
            over the features around the pixel that it enlarges.
        output: (N, C, H · scale_factor, W · scale_factor), filled.
        kernel_size: Rows and columns of a kernel, odd.
        group_size: Number of groups of channels with a kernel of their own.
        scale_factor: Output pixels per feature pixel along each axis.
    """
    source, kernels = widened(features, masks)
    kernels = _split_kernels(kernels, kernel_size, group_size, scale_factor)
    padded = _split_channels(F.pad(source, [kernel_size // 2] * 4), group_size)
    height, width = features.shape[2:]
    total = kernels.new_zeros(*padded.shape[:3], height, scale_factor, width, scale_factor)
    for tap, (rows, columns) in enumerate(_windows(kernel_size, features.shape)):
        total += padded[..., rows, None, columns, None] * kernels[:, :, tap, None]
    output.copy_(total.reshape(output.shape))


def carafe_naive_backward(
    top_grad: Tensor,
    features: Tensor,
    masks: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Add to ``bottom_grad`` and ``mask_grad`` the gradients by features and masks.

    Each has the shape of its namesake in :func:`carafe_naive_forward`; ``top_grad`` is shaped as the output there.
    """
    grad, source, kernels = widened(top_grad, features, masks)
    height, width = features.shape[2:]
    grad = _split_channels(grad, group_size).unflatten(-1, (width, scale_factor)).unflatten(-3, (height, scale_factor))
    kernels = _split_kernels(kernels, kernel_size, group_size, scale_factor)
    reach = kernel_size // 2
    padded = _split_channels(F.pad(source, [reach] * 4), group_size)
    by_padded, by_kernels = padded.new_zeros(padded.shape), kernels.new_zeros(kernels.shape)
    for tap, (rows, columns) in enumerate(_windows(kernel_size, features.shape)):
        by_padded[..., rows, columns] += (grad * kernels[:, :, tap, None]).sum((-3, -1))
        by_kernels[:, :, tap] = (grad * padded[..., rows, None, columns, None]).sum(2)
    inner = by_padded[..., reach : reach + height, reach : reach + width]
    bottom_grad += inner.reshape(bottom_grad.shape)
    mask_grad += by_kernels.reshape(mask_grad.shape)


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output`` as :func:`carafe_naive_forward` does.

    The compiled version is faster for its copies with channels last, ``rfeatures``, ``routput`` and ``rmasks``. The
    first is all that mmcv hands to :func:`carafe_backward`, so it is filled with the features as they are; the others
    are not used.
    """
    rfeatures.copy_(features)
    carafe_naive_forward(features, masks, output, kernel_size, group_size, scale_factor)


def carafe_backward(
    top_grad: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rtop_grad: Tensor,
    rbottom_grad_hs: Tensor,
    rbottom_grad: Tensor,
    rmask_grad: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Add to ``bottom_grad`` and ``mask_grad`` as :func:`carafe_naive_backward` does; other buffers are not used."""
    carafe_naive_backward(top_grad, rfeatures, masks, bottom_grad, mask_grad, kernel_size, group_size, scale_factor)


def _split_channels(maps: Tensor, groups: int) -> Tensor:
    """Return (N, C, H, W) as (N, groups, C / groups, H, W)."""
    return maps.unflatten(1, (groups, maps.shape[1] // groups))


def _split_kernels(masks: Tensor, kernel_size: int, groups: int, scale: int) -> Tensor:
    """Return the masks as (N, groups, taps, H, scale, W, scale)."""
    split = masks.unflatten(1, (groups, kernel_size**2))
    return split.unflatten(-1, (masks.shape[-1] // scale, scale)).unflatten(-3, (masks.shape[-2] // scale, scale))


def _windows(kernel_size: int, shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield, for each tap of the kernel, which rows and columns of the padded map it sees."""
    height, width = shape[2:]
    for row in range(kernel_size):
        for column in range(kernel_size):
            yield slice(row, row + height), slice(column, column + width)
