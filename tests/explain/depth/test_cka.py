"""Debiased CKA against the U-statistic written out, and where its answer is known."""

from itertools import permutations

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth.cka import alignment, alignment_error, batch_weights, grams, unbiased_hsic


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_hsic_is_the_mean_over_all_quadruples_of_people() -> None:
    """Song et al. 2012, equation 4: the U-statistic whose fast form is computed."""
    kernels = grams([normal(6, 5), normal(6, 3, seed=1)])
    first, second = kernels.numpy()
    terms = [first[i, j] * (second[i, j] + second[q, r] - 2 * second[i, q]) for i, j, q, r in permutations(range(6), 4)]
    assert float(unbiased_hsic(kernels)[0, 1]) == pytest.approx(np.mean(terms))


def test_rotated_scaled_and_moved_layers_are_alike() -> None:
    features = normal(12, 7)
    rotation, _ = torch.linalg.qr(normal(7, 7, seed=1))
    other = 100 * features @ rotation + 5
    value = alignment(unbiased_hsic(grams([features, other]))[None].numpy())
    np.testing.assert_allclose(value, 1)


def test_independent_layers_are_not_alike_even_with_more_features_than_people() -> None:
    batches = [grams([normal(24, 500, seed=2 * n), normal(24, 400, seed=2 * n + 1)]) for n in range(60)]
    hsic = np.stack([unbiased_hsic(kernels).numpy() for kernels in batches])
    value, error = alignment(hsic)[0, 1], alignment_error(hsic)[0, 1]
    assert abs(value) < 3 * error
    assert error < 0.02
    centre = np.eye(24) - 1 / 24
    first, second = (centre @ kernel @ centre for kernel in batches[0].numpy())
    biased = (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())
    assert biased > 0.9


def test_alignment_of_known_correlation() -> None:
    """One feature each, correlated by r: linear CKA of the population is r²."""
    first, noise = normal(20_000, 1), normal(20_000, 1, seed=1)
    other = 0.6 * first + 0.8 * noise
    hsic = np.stack([
        unbiased_hsic(grams([first[start : start + 50], other[start : start + 50]])).numpy()
        for start in range(0, 20_000, 50)
    ])  # fmt: skip
    value, error = alignment(hsic)[0, 1], alignment_error(hsic)[0, 1]
    assert value == pytest.approx(0.36, abs=4 * error)
    assert error < 0.015


def test_weights_of_unequal_batches() -> None:
    """With own HSIC of 1, alignment is the weighted mean of the batches, whose delete-m jackknife has a closed form."""
    assert batch_weights([8, 8, 8]) is None
    weights = batch_weights([8, 8, 5, 12])
    assert weights.tolist() == [40, 40, 10, 108]
    across = np.array([0.3, 0.5, -0.4, 0.2])
    hsic = np.ones((4, 2, 2))
    hsic[:, 0, 1] = hsic[:, 1, 0] = across
    mean = (weights * across).sum() / weights.sum()
    assert alignment(hsic, weights)[0, 1] == pytest.approx(mean)
    error = np.sqrt(((across - mean) ** 2 / (weights.sum() / weights - 1)).mean())
    assert alignment_error(hsic, weights)[0, 1] == pytest.approx(error)
    np.testing.assert_allclose(alignment_error(hsic, np.full(4, 7.0)), alignment_error(hsic))


def test_a_small_batch_does_not_make_the_estimate_noisy() -> None:
    """Of independent layers, two batches of 32 and one of 4: less than half the spread that equal weights leave."""
    weights = batch_weights([32, 32, 4])
    found = []
    for draw in range(300):
        both = [grams([normal(count, 6, seed=9 * draw + at), normal(count, 6, seed=9 * draw + at + 3)])
                for at, count in enumerate((32, 32, 4))]  # fmt: skip
        hsic = np.stack([unbiased_hsic(kernels).numpy() for kernels in both])
        found.append([alignment(hsic)[0, 1], alignment(hsic, weights)[0, 1]])
    equal, weighed = np.nanstd(found, axis=0)
    assert weighed < 0.5 * equal


def test_a_layer_without_differences_between_people_has_no_answer() -> None:
    hsic = unbiased_hsic(grams([normal(8, 3), torch.ones(8, 3)]))[None].numpy()
    value = alignment(hsic)
    assert value[0, 0] == pytest.approx(1)
    assert np.isnan(value[1]).all()
    assert np.isnan(alignment_error(hsic)).all(), 'one batch has no error'


def test_three_people_are_refused() -> None:
    with pytest.raises(InputError, match='3 people is not defined: it takes 4'):
        unbiased_hsic(grams([normal(3, 2)]))
