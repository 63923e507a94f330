"""Orders of models, against every pairing counted one by one."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import rankdata

from posescope.errors import InputError
from posescope.study.rank_agreement import rank_agreement

REFERENCE = {'a': 74.6, 'b': 73.9, 'c': 72.6, 'd': 72.6, 'e': 71.8, 'f': 70.6}
"""One tie, as published numbers have."""


def results(*means: float, spread: float = 0.0) -> dict[str, list[float]]:
    return {name: [mean - spread, mean, mean + spread] for name, mean in zip('abcdef', means, strict=True)}


def test_the_same_order_and_its_reverse() -> None:
    same = rank_agreement(results(6, 5, 4, 3, 2, 1), {**REFERENCE, 'c': 72.7})
    assert same.names == ('a', 'b', 'c', 'd', 'e', 'f')
    assert same.rho == pytest.approx(1)
    assert same.without == pytest.approx((1, 1))
    assert same.p == pytest.approx(2 / 720)
    assert rank_agreement(results(1, 2, 3, 4, 5, 6), {**REFERENCE, 'c': 72.7}).rho == pytest.approx(-1)


def test_p_counts_pairings() -> None:
    means = 0.3, 0.5, 0.2, 0.1, 0.4, 0.15
    found = rank_agreement(results(*means), REFERENCE)
    ranks, others = rankdata(means), rankdata(list(REFERENCE.values()))
    rhos = [np.corrcoef(paired, others)[0, 1] for paired in permutations(ranks)]
    assert found.rho == pytest.approx(rhos[0])
    assert found.p == pytest.approx(np.mean(np.abs(rhos) >= abs(rhos[0]) - 1e-9))
    left = [np.corrcoef(rankdata(np.delete(means, i)), rankdata(np.delete(others, i)))[0, 1] for i in range(6)]
    assert found.without == pytest.approx((min(left), max(left)))


def test_seeds_that_change_the_order_widen_what_one_training_would_say() -> None:
    means = 0.6, 0.5, 0.4, 0.3, 0.2, 0.1
    sure, unsure = (rank_agreement(results(*means, spread=spread), REFERENCE) for spread in (0.01, 0.3))
    assert sure.rho == unsure.rho
    assert sure.once == (sure.rho, sure.rho)
    assert unsure.once is not None
    assert unsure.once[0] < 0.3 < unsure.once[1]


def test_models_of_one_side_only_do_not_count() -> None:
    more = {**results(1, 2, 3, 4, 5, 6), 'own': [9.0]}
    assert rank_agreement(more, {**REFERENCE, 'theirs': 1.0}) == rank_agreement(results(1, 2, 3, 4, 5, 6), REFERENCE)
    with pytest.raises(InputError, match='3 models are in both lists'):
        rank_agreement(more, {'a': 1, 'b': 2, 'c': 3, 'x': 4})


def test_no_order_has_no_correlation() -> None:
    found = rank_agreement(results(1, 1, 1, 1, 1, 1), REFERENCE)
    assert (found.rho, found.p, found.once) == (None, None, None)
