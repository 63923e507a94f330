import numpy as np
import pytest

from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attention_trial.key_plan import PlanSettings, plan_keys, pointed_keys
from posescope.explain.attention_trial.rows import LayerRows


def rows(weights: np.ndarray, own: int) -> LayerRows:
    """One person and joint on a map of 6 × 8 cells; distances are those from cell (2, 3)."""
    down, across = np.mgrid[:6, :8]
    distance = np.hypot(down - 2, across - 3).astype(np.float32)
    return LayerRows(
        Grid(),
        (6, 8),
        0,
        48,
        48,
        np.array([[own]]),
        weights.reshape(1, 1, 6, 8).astype(np.float32),
        np.array([[own]]),
        distance[None, None],
    )


def test_fewest_keys_with_the_share() -> None:
    row = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
    free = np.ones(5, bool)
    assert pointed_keys(row, free, 0.4).tolist() == [1]
    assert pointed_keys(row, free, 0.5).tolist() == [1, 3]
    free[1] = False  # 0.6 is left, of which half is 0.3
    assert pointed_keys(row, free, 0.5).tolist() == [3]
    assert pointed_keys(np.zeros(5), free, 0.5).tolist() == []


def test_sets_of_a_plan() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(48, 0.2))
    own = int(weights.argmax())
    plan = plan_keys(rows(weights, own), PlanSettings(controls=7, groups=5))
    pointed, controls, groups = np.split(plan.variants[:, 0, 0], [1, 8])
    assert plan.ready.all()
    assert not plan.variants[..., own].any()
    rest = 1 - weights[own]
    assert weights[pointed[0]].sum() >= 0.5 * rest
    assert weights[pointed[0]].sum() - weights[pointed[0]].min() < 0.5 * rest
    assert (controls.sum(1) == pointed.sum()).all()
    assert not (controls & pointed).any()
    np.testing.assert_array_equal(groups.sum(0), np.arange(48) != own)
    assert np.ptp(groups.sum(1)) <= 1
    assert weights[groups[0]].min() >= weights[groups[1]].max()
    np.testing.assert_allclose(plan.group_mass[:, 0, 0], [weights[group].sum() for group in groups], rtol=1e-5)
    assert plan.mass[0, 0] == pytest.approx(weights[pointed[0]].sum(), rel=1e-5)


def test_controls_are_as_far_away() -> None:
    """All weight is on three keys next to the joint: so are the controls."""
    weights = np.zeros(48)
    weights[[2 * 8 + 2, 2 * 8 + 4, 1 * 8 + 3]] = 1 / 3
    some = rows(weights, 19)
    plan = plan_keys(some, PlanSettings(share=0.9, controls=20, groups=0))
    distance = some.distance.ravel()
    assert max(distance[drawn].max() for drawn in plan.variants[1:, 0, 0]) < 2.5
    assert distance.max() > 4.9


def test_own_patch_can_be_masked_too() -> None:
    weights = np.full(48, 0.01)
    weights[19] = 0.53
    plan = plan_keys(rows(weights, 19), PlanSettings(keep_self=False, groups=0))
    assert np.flatnonzero(plan.variants[0, 0, 0]).tolist() == [19]


def test_even_attention_has_no_control() -> None:
    plan = plan_keys(rows(np.full(48, 1 / 48), 0), PlanSettings(share=0.6))
    assert not plan.ready.any()


@pytest.mark.parametrize(
    ('options', 'what'),
    [
        ({'share': 0.0}, 'share=0'),
        ({'share': 1.0}, 'share=1'),
        ({'controls': 0}, 'controls=0'),
        ({'groups': 2}, 'groups=2'),
    ],
)
def test_wrong_settings_are_refused(options: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        PlanSettings(**options)
