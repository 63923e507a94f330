"""How many matrices sums over people take."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth.normal_equations import NormalEquations, count_matrices

PEOPLE, JOINTS, CHANNELS, FOLDS = 12, 7, 3, 3
MATRIX = 8 * (CHANNELS + 1) ** 2


@pytest.mark.parametrize('seed', range(4))
def test_they_are_counted_before_anybody_is_seen(seed: int) -> None:
    """Some joints are in everybody, some go together, and some come and go by themselves."""
    generator = np.random.default_rng(seed)
    known = np.ones((PEOPLE, JOINTS), bool)
    known[:, 2:4] = generator.random((PEOPLE, 1)) < 0.6
    known[:, 4:6] = generator.random((PEOPLE, 2)) < 0.7
    folds = [person % FOLDS for person in range(PEOPLE)]
    values, wanted = torch.randn(PEOPLE, 5, CHANNELS), torch.randn(PEOPLE, 5, JOINTS)
    count = count_matrices([[known[p] for p in range(PEOPLE) if folds[p] == fold] for fold in range(FOLDS)])
    assert FOLDS < count <= FOLDS * 4

    def add(most_bytes: int) -> None:
        NormalEquations(CHANNELS, JOINTS, FOLDS, most_bytes).add(values, wanted, torch.from_numpy(known), folds)

    add(count * MATRIX)
    with pytest.raises(InputError, match='take more than'):
        add(count * MATRIX - 1)
