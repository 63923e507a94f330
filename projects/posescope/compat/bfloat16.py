"""Where bfloat16 is emulated it is not used: twenty times slower than float32 on a processor that lacks it."""

import torch

from posescope.compat.newton_schulz import orthogonalise

__all__ = ['computes_in_bfloat16', 'orthogonalise_in_float32']


def computes_in_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16.

    Args:
        device: Its type: ``cpu``, ``cuda``, ….
    """
    if device != 'cpu':
        return True
    # PyTorch's own question, which it asks before it lowers a convolution to bfloat16.
    supported = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    return supported is not None and bool(supported())


def orthogonalise_in_float32() -> None:
    """Let timm's Muon orthogonalise in float32; it has no option for that, and takes bfloat16 on any device."""
    from timm.optim import muon

    muon.zeropower_via_newtonschulz = orthogonalise  # type: ignore[assignment]  # Muon does not say a dtype
