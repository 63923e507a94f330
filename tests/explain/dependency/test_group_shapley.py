"""Read from the network whose elbow copies the shoulder."""

from typing import Any

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.dependency.group_shapley import GroupShapley, crops_a_person, measure_group_shapley
from posescope.explain.dependency.hiding import places_when_hidden
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.dependency.planted_people import AREA, ELBOW, KNEE, SHOULDER, people, planted

NAMES = skeleton_of_file('coco').joints
FACE, TRUNK, LEGS = NAMES[:5], NAMES[5:11], NAMES[11:]
GROUPS = [FACE, TRUNK, LEGS]


@pytest.fixture(scope='module')
def shapley() -> GroupShapley:
    return measure_group_shapley(planted(), people(2), GROUPS, fills=['mean_colour'], batch_size=32)


def test_the_shoulder_makes_the_elbow(shapley: GroupShapley) -> None:
    """Its coalitions are worth 1 with the shoulder and 0 without."""
    row = shapley.within[:, ELBOW]
    np.testing.assert_allclose(row[:, SHOULDER], 1, atol=1e-3)
    mates = [joint for joint in range(5, 11) if joint not in (SHOULDER, ELBOW)]
    np.testing.assert_allclose(row[:, mates], 0, atol=1e-6)
    assert np.isnan(row[:, [ELBOW, 0, 4, 11, 16]]).all()
    np.testing.assert_allclose(shapley.across[:, ELBOW, [0, 2]], 0, atol=1e-6)
    assert np.isnan(shapley.across[:, ELBOW, 1]).all()


def test_joints_beside_the_picture_do_not_play() -> None:
    some = people(1)
    some.region[0, 1] = some.truth[0, SHOULDER, 1] + 1
    found = measure_group_shapley(planted(), some, GROUPS, fills=['mean_colour'], batch_size=32)
    assert np.isnan(found.within[0, ELBOW, SHOULDER])
    assert np.isnan(found.across[0, ELBOW, 0]), 'all joints of the face lie above the picture'
    assert np.isfinite(found.across[0, ELBOW, 2])


def test_shoulder_in_another_group() -> None:
    others = [NAMES[SHOULDER]], [name for name in NAMES if name != NAMES[SHOULDER]]
    found = measure_group_shapley(planted(), people(1), others, fills=['mean_colour'], permutations=2, batch_size=32)
    assert found.across[0, ELBOW, 0] == pytest.approx(1, abs=1e-3)
    assert found.across[0, SHOULDER, 1] == pytest.approx(0, abs=1e-6)
    assert np.isnan(found.within[0, SHOULDER]).all()


def test_efficiency_of_displacement() -> None:
    """The knee moves with the hidden area; all players together are worth what hiding all of them does."""
    some = people(1)
    found = measure_group_shapley(
        planted(), some, GROUPS, quantity='displacement', fills=['mean_colour'], batch_size=32
    )
    mates = [joint for joint in range(11, 17) if joint != KNEE]
    for players, values in ((mates, found.within[0, KNEE]), (range(11), found.across[0, KNEE])):
        centres = some.truth[:, list(players)]
        hidden = places_when_hidden(
            planted(), some, 0 * some.inputs, np.zeros(1, np.int64), centres, np.array([9.0]), 1
        )
        moved = hidden[0, KNEE] - some.truth[0, KNEE]
        assert np.nansum(values) == pytest.approx(np.hypot(*moved) / np.sqrt(AREA), abs=1e-5)
    np.testing.assert_allclose(found.within[0, KNEE, mates], 253 / 100 / 60, atol=1e-3)  # discs do not overlap


def test_sampled_where_players_are_many() -> None:
    """Sixteen mates; sampled values of an additive game are exact, and the groups' sum is kept."""
    found = measure_group_shapley(
        planted(),
        people(1),
        [NAMES],
        quantity='displacement',
        fills=['mean_colour'],
        permutations=2,
        batch_size=32,
    )
    mates = np.arange(17) != KNEE
    np.testing.assert_allclose(found.within[0, KNEE, mates], 253 / 100 / 60, atol=2e-3)
    assert np.isnan(found.across).all()


def test_intervals(shapley: GroupShapley) -> None:
    cells = shapley.intervals('within')
    assert cells[ELBOW][SHOULDER].value == pytest.approx(1, abs=1e-3)
    assert '2 images' in cells[ELBOW][SHOULDER].reason
    assert cells[ELBOW][0].value is None
    assert shapley.intervals('across')[ELBOW][0].value == pytest.approx(0, abs=1e-6)


def test_not_visible_does_not_play() -> None:
    some = people(1)
    some.visible[0, :5] = False
    some.visible[0, SHOULDER] = False
    found = measure_group_shapley(planted(), some, GROUPS, fills=['mean_colour'], batch_size=32)
    assert np.isnan(found.within[0, ELBOW, SHOULDER])
    assert np.isnan(found.across[0, ELBOW, 0])
    assert np.isfinite(found.across[0, ELBOW, 2])


def test_crops_are_counted_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's joints cover each other, so that all play."""
    seen = []

    def count(function: Any, some: LabelledPeople, surface: Any, person: np.ndarray, *others: Any) -> np.ndarray:
        seen.append(len(person))
        return np.zeros((len(person), 17, 2))

    monkeypatch.setattr('posescope.explain.dependency.group_shapley.places_when_hidden', count)
    for groups, orders in ((GROUPS, 64), ([NAMES], 4)):
        measure_group_shapley(planted(), people(1), groups, fills=['mean_colour'], permutations=orders)
        assert seen.pop() == crops_a_person(groups, NAMES, orders)


def test_joined(shapley: GroupShapley) -> None:
    halves = [GroupShapley(**{**vars(shapley), **_rows(shapley, part)}) for part in (slice(0, 1), slice(1, 2))]
    joined = GroupShapley.join(halves)
    for name in ('images', 'within', 'across'):
        np.testing.assert_array_equal(getattr(joined, name), getattr(shapley, name))
    content = joined.content()
    assert content['groups'] == [list(group) for group in GROUPS]
    assert content['within']['value'][ELBOW][SHOULDER] == pytest.approx(1, abs=1e-3)
    assert content['within']['value'][ELBOW][0] is None
    assert np.shape(content['across']['reason']) == (17, 3)
    with pytest.raises(InputError, match='different joints, groups or quantities'):
        GroupShapley.join([shapley, GroupShapley(**{**vars(shapley), 'quantity': 'displacement'})])
    with pytest.raises(InputError, match='no Shapley values'):
        GroupShapley.join([])


def _rows(shapley: GroupShapley, part: slice) -> dict[str, np.ndarray]:
    return {name: getattr(shapley, name)[part] for name in ('images', 'within', 'across')}


def test_refusals() -> None:
    with pytest.raises(InputError, match='left_knee: in two groups'):
        measure_group_shapley(planted(), people(1), [NAMES, ['left_knee']])
    with pytest.raises(InputError, match="'left_nee' is none"):
        measure_group_shapley(planted(), people(1), [['left_nee']])
    with pytest.raises(InputError, match='nearest: ks'):
        measure_group_shapley(planted(), people(1), GROUPS, quantity='kss')
