"""Where bfloat16 is emulated it is not used: two to twenty times slower than float32 on a processor that lacks it."""

from pathlib import Path

import torch

from posescope.compat.newton_schulz import orthogonalise

__all__ = ['computes_in_bfloat16', 'orthogonalise_in_float32']

_INSTRUCTIONS = {'avx512_bf16', 'amx_bf16', 'bf16'}
"""Those that multiply: of x86, and of Arm."""


def computes_in_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16; that a library emulates them does not count.

    Args:
        device: Its type: ``cpu``, ``cuda``, ….
    """
    if device != 'cpu':
        return True
    # PyTorch's own question, which it asks before it lowers a convolution to bfloat16. It says yes to AVX-512 without
    # these instructions, too, where oneDNN emulates them at half the speed of float32.
    supported = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    return supported is not None and bool(supported()) and bool(_instructions() & _INSTRUCTIONS)


def _instructions() -> set[str]:
    """Names of the processor's extensions; where PyTorch is too old to tell, Linux does, with the same names."""
    capabilities = getattr(torch.cpu, 'get_capabilities', None)
    if capabilities is not None:
        return {name for name, has in capabilities().items() if has is True}
    flags = Path('/proc/cpuinfo')
    return set(flags.read_text().split()) if flags.is_file() else set()


def orthogonalise_in_float32() -> None:
    """Let timm's Muon orthogonalise in float32; it has no option for that, and takes bfloat16 on any device."""
    from timm.optim import muon

    muon.zeropower_via_newtonschulz = orthogonalise  # type: ignore[assignment]  # Muon does not say a dtype
