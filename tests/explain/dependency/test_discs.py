"""Discs and their controls lie where the definition says."""

import tracemalloc

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.dependency import discs
from posescope.explain.dependency.discs import DiscPlan, DiscSettings, plan_discs
from posescope.explain.dependency.people import LabelledPeople

EXACT = DiscSettings(tolerance=0.0, clearance=1.0)


def crowd(truth: np.ndarray, area: float = 4000.0, size: int = 200) -> LabelledPeople:
    count = len(truth)
    return LabelledPeople(
        torch.zeros(count, 3, size, size),
        truth,
        np.isfinite(truth).all(-1),
        np.full(count, area),
        np.arange(count),
        np.tile([0.0, 0.0, size - 1, size - 1], (count, 1)),
    )


def random_people(seed: int = 0, count: int = 5, joints: int = 9) -> LabelledPeople:
    return crowd(np.random.default_rng(seed).uniform(40, 160, (count, joints, 2)))


def plan(people: LabelledPeople, settings: DiscSettings) -> DiscPlan:
    all_of_them = np.isfinite(people.truth).all(-1)
    return plan_discs(people, people.truth, all_of_them, all_of_them, settings)


@pytest.mark.parametrize('settings', [EXACT, DiscSettings(), DiscSettings(tolerance=0.5, clearance=1.5)])
def test_definition(settings: DiscSettings) -> None:
    people = random_people()
    found = plan(people, settings)
    radii = settings.radii(people)
    np.testing.assert_allclose(radii, 0.15 * np.sqrt(4000))
    np.testing.assert_array_equal(found.radius, radii[found.person])
    joints = people.truth.shape[1]
    seen = 0
    for p, i, j in np.ndindex(len(people), joints, joints):
        places = people.truth[p]
        np.testing.assert_array_equal(found.centre[found.hidden[p, j]], places[j])
        apart = np.hypot(*(places[i] - places[j]))
        assert found.covered[p, i, j] == (apart <= radii[p])
        disc = found.control[p, i, j]
        if found.covered[p, i, j]:
            assert disc == -1
        if disc >= 0:
            seen += 1
            assert found.person[disc] == p
            centre = found.centre[disc]
            assert abs(np.hypot(*(centre - places[i])) - apart) <= settings.tolerance * radii[p] + 1e-5
            assert np.hypot(*(centre - places).T).min() > settings.clearance * radii[p]
            assert (centre - radii[p] >= 0).all()
            assert (centre + radii[p] <= 199).all()
    assert seen > 0.9 * (~found.covered).sum()


def test_sharing_saves_discs_and_loses_no_pair() -> None:
    own, shared = plan(random_people(), DiscSettings(tolerance=0.0)), plan(random_people(), DiscSettings())
    assert len(shared) < 0.6 * len(own)
    assert ((own.control < 0) | (shared.control >= 0)).all()


def test_a_person_does_not_depend_on_who_else_is_there() -> None:
    people = random_people()
    together, alone = plan(people, DiscSettings()), plan(people.take([3]), DiscSettings())
    first = np.flatnonzero(together.person == 3)[0]
    np.testing.assert_array_equal(together.centre[together.person == 3], alone.centre)
    known = alone.control[0] >= 0
    np.testing.assert_array_equal(together.control[3][known] - first, alone.control[0][known])


def test_no_place_for_a_control() -> None:
    """Discs with a radius of 16 pixels, 60 pixels away, leave the picture whichever way they are turned."""
    found = plan(crowd(np.array([[[40.0, 10], [40, 70]]]), area=(16 / 0.15) ** 2, size=80), EXACT)
    assert not found.covered[0, 0, 1]
    assert (found.control == -1).all()
    assert len(found) == 2


def test_unlabelled_joints_are_neither_hidden_nor_read() -> None:
    found = plan(crowd(np.array([[[60.0, 60], [np.nan, np.nan], [120, 120]]])), EXACT)
    assert found.hidden[0].tolist() == [0, -1, 1]
    np.testing.assert_array_equal(found.control[0] >= 0, [[False, False, True], [False] * 3, [True, False, False]])


def test_a_joint_beside_the_picture_is_read_and_not_hidden() -> None:
    people = crowd(np.array([[[60.0, 60], [250, 60], [120, 120]]]))
    found = plan(people, EXACT)
    assert found.hidden[0].tolist() == [0, -1, 1]
    assert (found.control[0, :, 1] == -1).all()
    assert found.control[0, 1, 0] >= 0 or found.control[0, 1, 2] >= 0
    assert not found.covered[0, :, 1].any()


def test_memory_of_many_joints() -> None:
    """A table of candidates (32 000) and pairs (1560) in float64 alone would take 400 MB."""
    people = crowd(np.random.default_rng(0).uniform(20, 380, (1, 40, 2)), area=1000, size=400)
    tracemalloc.start()
    try:
        found = plan(people, DiscSettings())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150e6
    assert (found.control >= 0).sum() > 1300


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    people = random_people(count=2)
    whole = plan(people, DiscSettings())
    monkeypatch.setattr(discs, '_AT_ONCE', 1)
    for name in ('centre', 'control', 'hidden', 'person'):
        np.testing.assert_array_equal(getattr(plan(people, DiscSettings()), name), getattr(whole, name))


def test_of_many_pairs_fewer_candidates_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    people = random_people(count=1)  # 72 pairs
    tried: list[int] = []
    served = discs._served

    def noted(distance: np.ndarray, *others: object) -> np.ndarray:
        tried.append(distance.shape[1])
        return served(distance, *others)

    monkeypatch.setattr(discs, '_served', noted)
    monkeypatch.setattr(discs, '_MOST_CANDIDATES', 72 * 5)
    few = plan(people, DiscSettings())
    assert max(tried) <= 72 * 5
    monkeypatch.setattr(discs, '_MOST_CANDIDATES', 1)
    plan(people, DiscSettings())
    assert tried[-1] <= 72
    assert (few.control >= 0).sum() > 0.8 * (~few.covered).sum(), 'nearly every pair still has a control'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'radius': 0}, 'radius=0 has to be above 0'),
        ({'tolerance': 2}, 'tolerance=2 has to be from 0 to 1'),
        ({'clearance': 0.5}, 'nearer, discs hide joints'),
        ({'angles': 1}, 'angles=1'),
    ],
)
def test_settings(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DiscSettings(**options)
