"""Against NumPy's singular value decomposition."""

import numpy as np
import pytest
import torch

from posescope.capture.reductions import PCA
from posescope.errors import CaptureError


def drawn(count: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(count, 5, 4, 8, generator=generator) @ torch.randn(8, 8, generator=generator)
    return (mixed + torch.arange(8)).movedim(-1, 1)


def by_svd(maps: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = maps.movedim(1, -1).reshape(-1, maps.shape[1]).double().numpy()
    _, singular, right = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    signs = np.sign(np.take_along_axis(right, np.abs(right).argmax(1)[:, None], 1))
    return rows.mean(0), right * signs, singular**2 / (singular**2).sum()


@pytest.mark.parametrize('k', [1, 3, 8])
def test_components_are_right_singular_vectors(k: int) -> None:
    maps, reduction = drawn(), PCA(k)
    reduction.fit([maps[:5], maps[5:]])
    mean, basis, explained = by_svd(maps)
    state = reduction.state()
    np.testing.assert_allclose(state['mean'], mean, rtol=1e-6)
    np.testing.assert_allclose(state['basis'], basis[:k], atol=1e-6)
    np.testing.assert_allclose(reduction.describe()['explained'], explained[:k], rtol=1e-5)
    expected = np.einsum('nchw,kc->nkhw', maps.double().numpy() - mean[:, None, None], basis[:k])
    np.testing.assert_allclose(reduction.apply(maps), expected, atol=1e-4)


def test_tokens_and_vectors() -> None:
    maps, reduction = drawn(), PCA(3)
    tokens = maps.flatten(2).transpose(1, 2)
    reduction.fit([tokens])
    np.testing.assert_allclose(reduction.state()['basis'], by_svd(maps)[1][:3], atol=1e-6)
    np.testing.assert_allclose(
        reduction.apply(tokens).transpose(1, 2).reshape(12, 3, 5, 4), reduction.apply(maps), atol=1e-5
    )
    np.testing.assert_allclose(reduction.apply(maps[:, :, 2, 1]), reduction.apply(maps)[:, :, 2, 1], atol=1e-5)
    assert reduction.expand(reduction.apply(tokens)).shape == tokens.shape


def test_all_components_lead_back() -> None:
    maps, reduction = drawn(), PCA(8)
    reduction.fit([maps])
    np.testing.assert_allclose(reduction.expand(reduction.apply(maps)), maps, atol=1e-4)


def test_what_is_lost_is_the_variance_of_the_others() -> None:
    maps, reduction = drawn(), PCA(2)
    reduction.fit([maps])
    lost = (reduction.expand(reduction.apply(maps)) - maps).square().mean((0, 2, 3)).sum()
    total = maps.double().var((0, 2, 3), correction=0).sum()
    assert float(lost / total) == pytest.approx(1 - by_svd(maps)[2][:2].sum(), rel=1e-4)


def test_ranks_find_the_same_together() -> None:
    """Each knows half of the samples; the sums are exchanged in the order in which both ask for them."""
    maps, alone = drawn(), PCA(3)
    alone.fit([maps])
    asked: list[torch.Tensor] = []
    PCA(3).fit([maps[1::2]], lambda tensor: asked.append(tensor) or tensor)
    others = iter(asked)
    together = PCA(3)
    together.fit([maps[::2]], lambda tensor: tensor + next(others))
    for name, array in alone.state().items():
        np.testing.assert_allclose(together.state()[name], array, atol=1e-7)


def test_refusals_and_restoring() -> None:
    maps, reduction, other = drawn(), PCA(3), PCA(3)
    with pytest.raises(CaptureError, match='cannot find k=9 components of 8 channels'):
        PCA(9).fit([maps])
    with pytest.raises(CaptureError, match='PCA must be fitted'):
        reduction.apply(maps)
    reduction.fit([maps])
    other.restore(reduction.state())
    np.testing.assert_array_equal(other.apply(maps), reduction.apply(maps))
    with pytest.raises(CaptureError, match='fitted to 8 channels, not to 4'):
        other.apply(maps[:, :4])


def test_a_layer_that_never_varies() -> None:
    reduction = PCA(2)
    reduction.fit([torch.ones(3, 4, 2, 2)])
    assert reduction.apply(torch.ones(3, 4, 2, 2)).abs().max() == 0
    assert reduction.describe()['explained'] == [0, 0]
