"""Gaussian blur of crops."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['blurred']


def blurred(inputs: Tensor, sigma: float, taps: int = 31) -> Tensor:
    """Blur crops; at the border they are mirrored, so that no colour comes in that is not theirs.

    Args:
        inputs: (N, 3, H, W), at least ``taps // 2 + 1`` pixels wide and high.
        sigma: Standard deviation, pixels; 0 leaves them as they are.
        taps: Width of the kernel, pixels, odd.
    """
    if sigma <= 0:
        return inputs
    reach = taps // 2
    steps = torch.arange(-reach, reach + 1, device=inputs.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(inputs.dtype)
    channels = inputs.shape[1]
    padded = F.pad(inputs, (reach, reach, reach, reach), mode='reflect')
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
