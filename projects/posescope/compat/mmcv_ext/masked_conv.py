"""The two halves of a convolution computed at some places only, for guided anchoring (Wang et al., CVPR 2019)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_im2col_forward(
    features: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    data_col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill ``data_col`` with what the kernel sees at the chosen places, stride 1.

    Args:
        features: (1, C, H, W).
        mask_h_idx: (P,) int64, output row of each place.
        mask_w_idx: (P,) int64, output column of each place.
        data_col: (C · kernel_h · kernel_w, P), filled.
        kernel_h: Rows of the kernel.
        kernel_w: Columns of the kernel.
        pad_h: Zeros added above and below.
        pad_w: Zeros added left and right.
    """
    padded = F.pad(features[0].detach(), (pad_w, pad_w, pad_h, pad_h))
    device = features.device
    rows = mask_h_idx + torch.arange(kernel_h, device=device)[:, None, None]
    columns = mask_w_idx + torch.arange(kernel_w, device=device)[:, None]
    data_col.copy_(padded[:, rows, columns].flatten(0, 2))


def masked_col2im_forward(
    col: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, im: Tensor, height: int, width: int, channels: int
) -> None:
    """Write results back to their places in a map.

    Args:
        col: (channels, P) results.
        mask_h_idx: (P,) int64, row of each place.
        mask_w_idx: (P,) int64, column of each place.
        im: (1, channels, height, width); the chosen places are overwritten, the others stay.
        height: Rows of the map.
        width: Columns of the map.
        channels: Channels of the map.
    """
    im[0, :, mask_h_idx, mask_w_idx] = col.to(im)
