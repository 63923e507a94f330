"""Ridge regression from sums, against scikit-learn on the rows."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth.normal_equations import NormalEquations
from posescope.explain.depth.ridge import fit_ridge, ridge_path

linear_model = pytest.importorskip('sklearn.linear_model')
pipeline = pytest.importorskip('sklearn.pipeline')
preprocessing = pytest.importorskip('sklearn.preprocessing')

PEOPLE, CELLS, CHANNELS, JOINTS, FOLDS = 30, 12, 6, 4, 3
LAMBDAS = (1e-4, 1e-2, 0.3, 10.0)


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features (with a mean far from zero, of unequal sizes, one constant), wanted values, labelled joints, folds."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(PEOPLE, CELLS, CHANNELS)) @ generator.normal(size=(CHANNELS, CHANNELS))
    values = (values * [1, 10, 0.1, 3, 1, 1] + [500, 0, -3, 0, 7, 0]).astype(np.float32)
    values[..., 4] = 0.1
    wanted = values[..., :JOINTS] * 0.01 + generator.normal(size=(PEOPLE, CELLS, JOINTS)) * 0.5
    known = np.ones((PEOPLE, JOINTS), bool)
    known[generator.integers(PEOPLE, size=12), 1] = False
    known[:25, 3] = False
    return values, wanted.astype(np.float32), known, np.arange(PEOPLE) % FOLDS


def equations() -> NormalEquations:
    values, wanted, known, folds = rows()
    made = NormalEquations(CHANNELS, JOINTS, FOLDS)
    for some in np.array_split(np.arange(PEOPLE), 4):
        tensors = (torch.from_numpy(part[some]) for part in (values, wanted, known))
        made.add(*tensors, folds[some].tolist())
    return made


def peer(values: np.ndarray, wanted: np.ndarray, penalty: float) -> object:
    flat = values.reshape(-1, CHANNELS).astype(np.float64)
    flat = flat + np.where(np.arange(CHANNELS) == 4, 0, 0)
    made = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.Ridge(alpha=penalty * len(flat), solver='cholesky')
    )
    return made.fit(flat, wanted.reshape(-1).astype(np.float64))


def test_weights_are_those_of_scikit_learn() -> None:
    values, wanted, known, _ = rows()
    made = equations()
    for joint in range(JOINTS):
        path = ridge_path(made.of([joint], range(FOLDS)), LAMBDAS)
        theirs = [peer(values[known[:, joint]], wanted[known[:, joint], :, joint], penalty) for penalty in LAMBDAS]
        shifted = torch.cat([torch.from_numpy(values).double() - made.shift, torch.ones(PEOPLE, CELLS, 1)], -1)
        for place, one in enumerate(theirs):
            found = (shifted @ path[place, :, 0]).numpy().ravel()
            expected = one.predict(values.reshape(-1, CHANNELS).astype(np.float64))
            np.testing.assert_allclose(found, expected, atol=1e-9)


def test_penalties_are_chosen_by_the_folds_that_were_held_out() -> None:
    values, wanted, known, folds = rows()
    found = fit_ridge(equations(), LAMBDAS)
    for joint in range(JOINTS):
        errors = []
        for penalty in LAMBDAS:
            squared = []
            for fold in range(FOLDS):
                inside, held = (known[:, joint] & mask for mask in (folds != fold, folds == fold))
                theirs = peer(values[inside], wanted[inside, :, joint], penalty)
                predicted = theirs.predict(values[held].reshape(-1, CHANNELS).astype(np.float64))
                squared.append((predicted - wanted[held, :, joint].ravel()) ** 2)
            errors.append(np.concatenate(squared).mean())
        np.testing.assert_allclose(found.errors[:, joint], errors, rtol=1e-8)
        assert found.lambdas[joint] == LAMBDAS[int(np.argmin(errors))]
        theirs = peer(values[known[:, joint]], wanted[known[:, joint], :, joint], found.lambdas[joint])
        ours = values.reshape(-1, CHANNELS) @ found.weight[:, joint].numpy() + float(found.bias[joint])
        np.testing.assert_allclose(ours, theirs.predict(values.reshape(-1, CHANNELS).astype(np.float64)), atol=1e-8)
    assert (found.weight[4] == 0).all()  # constant
    assert len(set(found.lambdas)) > 1, 'joints differ in what they need'


def test_a_joint_that_nobody_has_labelled_has_no_weights() -> None:
    made = NormalEquations(2, 2, 2)
    values = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(0))
    made.add(values, values, torch.tensor([[True, False]] * 4), [0, 1, 0, 1])
    found = fit_ridge(made)
    assert found.weight[:, 0].isfinite().all()
    assert found.weight[:, 1].isnan().all()
    assert np.isnan(found.lambdas[1])


def test_memory_is_bounded() -> None:
    matrix = 8 * 4**2
    values, everybody = torch.randn(2, 5, 3), torch.ones(2, 2, dtype=torch.bool)
    wanted = torch.randn(2, 5, 2)
    made = NormalEquations(3, 2, 2, most_bytes=2 * matrix)
    for _ in range(50):  # as many people as one likes
        made.add(values, wanted, everybody, [0, 1])
    with pytest.raises(InputError, match='3 channels take more than'):
        made.add(values, wanted, torch.tensor([[True, False], [True, True]]), [0, 1])


def test_joints_that_the_same_people_lack_share_a_matrix() -> None:
    """Forty joints of a face in the memory of one; they part when somebody has but some of them."""
    generator = torch.Generator().manual_seed(0)
    values, wanted = (torch.randn(6, 5, count, generator=generator) for count in (3, 43))
    face = torch.tensor([True, False, True, False, True, True])
    known = torch.ones(6, 43, dtype=torch.bool)
    known[:, 2:42] = face[:, None]
    known[5, 3:10] = False
    known[4, 42] = False
    matrix = 8 * 4**2
    made = NormalEquations(3, 43, 1, most_bytes=2 * matrix)
    made.add(values[:4], wanted[:4], known[:4], [0] * 4)
    assert made.groups() == [[0, 1, 42], list(range(2, 42))]
    with pytest.raises(InputError, match='take more than'):
        made.add(values[4:], wanted[4:], known[4:], [0, 0])
    made = NormalEquations(3, 43, 2, most_bytes=5 * matrix)
    for people in (slice(0, 3), slice(3, 6)):
        made.add(values[people], wanted[people], known[people], [[0, 0, 1], [0, 0, 0]][people.start // 3])
    assert made.groups() == [[0, 1], [2, *range(10, 42)], list(range(3, 10)), [42]]
    rows = torch.cat([values.double() - made.shift, torch.ones(6, 5, 1)], -1)
    for joint in range(43):
        there = rows[known[:, joint]].flatten(0, 1)
        torch.testing.assert_close(made.of([joint], [0, 1]).gram, there.T @ there)


def test_bad_settings_are_refused() -> None:
    made = NormalEquations(1, 1, 3)
    made.add(torch.randn(2, 3, 1), torch.randn(2, 3, 1), torch.ones(2, 1, dtype=torch.bool), [0, 0])
    with pytest.raises(InputError, match='at least two folds, not in 1'):
        fit_ridge(made)
    with pytest.raises(InputError, match='above 0'):
        fit_ridge(made, [0.0])
