"""Muon's orthogonalisation with fewer multiplications than timm's: iterate on the small square, not on the matrix."""

from torch import Tensor

__all__ = ['orthogonalise']


def orthogonalise(
    matrix: Tensor,
    steps: int,
    coefficients: list[tuple[float, float, float]],
    eps: float = 1e-7,
    safety_factor: float = 1.0,
    scale_eps: bool = False,
) -> Tensor:
    """Do what timm's ``zeropower_via_newtonschulz`` does, in float32.

    Each step of Newton and Schulz multiplies X from the left by p(A) = a + b A + c A², A = X Xᵀ. All these factors are
    polynomials of the first A, so they commute: A becomes p(A) A p(A), and X needs to be multiplied only once, by the
    product of the factors. For kernels of 3 × 3 that is half of the multiplications.

    Args:
        matrix: (m, n) or (batch, m, n).
        steps: How many.
        coefficients: (a, b, c) of each step; the last ones again if there are more steps.
        eps: Least norm to divide by.
        safety_factor: Of the norm.
        scale_eps: Whether eps is added to the norm instead, times the root of n / m (arXiv 2512.05620).
    """
    x = matrix.float()
    damping = eps * (x.size(-1) / x.size(-2)) ** 0.5
    transposed = x.size(-2) > x.size(-1)
    if transposed:
        x = x.mT
    norm = x.norm(2, dim=(-2, -1), keepdim=True) * safety_factor
    x = x / (norm + damping if scale_eps else norm.clamp(min=eps))
    square = x @ x.mT
    product: Tensor | None = None
    for step in range(steps):
        a, b, c = coefficients[min(step, len(coefficients) - 1)]
        factor = b * square + c * (square @ square)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else factor @ product
        if step + 1 < steps:
            square = factor @ square @ factor
    result = x if product is None else product @ x
    return result.mT if transposed else result
