import numpy as np

from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.effects import measure_effects
from posescope.explain.dependency.pairs import counted_pairs, usable_pairs
from tests.explain.dependency.planted_people import ELBOW, KNEE, SHOULDER, people, planted


def test_the_pairs_that_dependency_counts() -> None:
    some = people(3)
    some.visible[0, SHOULDER] = False
    some.truth[1, KNEE] += 40  # where it is not seen, so that it is not good
    some.truth[2, ELBOW] = np.nan
    settings = DiscSettings(radius=0.4)  # discs cover neighbours
    hidden = measure_effects(planted(), some, settings=settings, fills=['mean_colour']).hidden['ks'][0]
    found = counted_pairs(planted(), some, settings)
    apart = ~np.eye(17, dtype=bool)
    np.testing.assert_array_equal(found & apart, np.isfinite(hidden))
    assert 0 < (found & apart).sum() < 3 * 17 * 16
    itself = np.diagonal(found, axis1=1, axis2=2)
    expected = np.ones((3, 17), bool)
    expected[[0, 1, 2], [SHOULDER, KNEE, ELBOW]] = False
    np.testing.assert_array_equal(itself, expected)


def test_a_joint_that_is_not_labelled_is_covered_where_it_was_predicted() -> None:
    some = people(1)
    seen = some.truth.copy()
    seen[0, KNEE] = some.truth[0, ELBOW] + (3, 4)
    some.truth[0, KNEE] = np.nan
    assert usable_pairs(some, seen, np.array([4.9]))[0, KNEE, ELBOW]
    assert not usable_pairs(some, seen, np.array([5.1]))[0, KNEE, ELBOW]
