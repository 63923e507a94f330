"""A network built by hand whose elbow copies the shoulder is read right."""

from collections.abc import Callable

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import summarise
from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.effects import Effects, measure_effects
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.dependency.planted_people import AREA, ELBOW, JOINTS, KNEE, SHOULDER, people, planted

OTHERS = [joint for joint in range(JOINTS) if joint not in (ELBOW, KNEE)]


@pytest.fixture(scope='module')
def effects() -> Effects:
    return measure_effects(planted(), people(4), fills=['mean_colour'], batch_size=32)


def test_elbow_copies_the_shoulder(effects: Effects) -> None:
    """Without the shoulder's square, the elbow goes to the corner; by nothing else does it move."""
    matrix = summarise(effects)
    assert matrix.value[ELBOW, SHOULDER] == pytest.approx(1, abs=1e-3)
    rest = np.delete(matrix.value[ELBOW], SHOULDER)
    np.testing.assert_allclose(rest[np.isfinite(rest)], 0, atol=1e-6)
    assert np.isfinite(rest).sum() == JOINTS - 2


def test_others_lean_on_nothing(effects: Effects) -> None:
    value = summarise(effects).value[OTHERS]
    assert np.isfinite(value).sum() > 0.85 * value.size
    np.testing.assert_allclose(value[np.isfinite(value)], 0, atol=1e-6)


def test_displacement_in_roots_of_the_area(effects: Effects) -> None:
    truth = people(4).truth
    way = np.linalg.norm(truth[:, SHOULDER], axis=-1) / np.sqrt(AREA)  # the elbow keeps its distance to the corner
    found = effects.hidden['displacement'][0, :, ELBOW, SHOULDER]
    np.testing.assert_allclose(found, way, atol=1e-3)


def test_control_takes_off_what_any_hole_does(effects: Effects) -> None:
    """The knee moves with the area that is hidden: by .0424 roots of the area for the 254 pixels of a disc."""
    matrix = summarise(effects, 'displacement')
    row = np.arange(JOINTS) != KNEE
    np.testing.assert_allclose(matrix.hidden[KNEE, row], np.pi * 9**2 / 100 / 60, rtol=0.03)
    np.testing.assert_allclose(matrix.value[KNEE, row], 0, atol=0.001)
    assert np.isnan(matrix.value[KNEE, KNEE])


def test_heatmaps_of_the_same_network() -> None:
    matrix = summarise(measure_effects(planted('heatmap'), people(3), fills=['mean_colour']))
    assert matrix.value[ELBOW, SHOULDER] > 0.9
    assert np.nanmax(np.abs(np.delete(matrix.value[ELBOW], SHOULDER))) < 0.02


def test_only_good_and_visible(effects: Effects) -> None:
    labelled = people(4)
    labelled.truth[0, 2, 0] -= 14  # the model is right about the square, but not by this label
    labelled.visible[1, 3] = False
    labelled.truth[2, 4] = np.nan
    labelled.visible[2, 4] = False
    found = measure_effects(planted(), labelled, fills=['mean_colour'])
    hidden = found.hidden['ks'][0]
    assert np.isnan(hidden[0, 2]).all()
    assert np.isfinite(hidden[0, ELBOW, 2])
    assert np.isnan(hidden[1, :, 3]).all()
    assert np.isfinite(hidden[1, 3, ELBOW])
    assert np.isnan(hidden[2, 4]).all()
    assert np.isnan(hidden[2, :, 4]).all()
    np.testing.assert_array_equal(hidden[3], effects.hidden['ks'][0, 3])


def test_a_joint_beside_the_picture_is_not_hidden(effects: Effects) -> None:
    """Two people, of whom only one reaches beyond the picture: its upper edge lies below the shoulders."""
    labelled = people(4)
    labelled.region[1, 1] = labelled.truth[1, SHOULDER, 1] + 1
    found = measure_effects(planted(), labelled, fills=['mean_colour'])
    above = labelled.truth[1, :, 1] < labelled.region[1, 1]
    assert above[SHOULDER]
    assert np.isnan(found.hidden['ks'][0, 1][:, above]).all()
    assert np.isfinite(found.hidden['ks'][0, 1][np.ix_(above, ~above)]).all(), 'it is still read'
    np.testing.assert_array_equal(found.hidden['ks'][0, 2], effects.hidden['ks'][0, 2])


def test_batches_do_not_matter(effects: Effects) -> None:
    small = measure_effects(planted(), people(4), fills=['mean_colour'], batch_size=7)
    parts = [measure_effects(planted(), people(4).take([p]), fills=['mean_colour']) for p in range(4)]
    for other in (small, Effects.join(parts)):
        for name in ('ks', 'displacement'):
            np.testing.assert_allclose(other.hidden[name], effects.hidden[name], atol=1e-6)
            np.testing.assert_allclose(other.control[name], effects.control[name], atol=1e-6)
        np.testing.assert_array_equal(other.images, effects.images)


def test_every_fill_is_kept() -> None:
    found = measure_effects(planted(), people(2), fills=['mean_colour', 'noise', 'blur'], hide=['left_shoulder'])
    assert found.fills == ('mean_colour', 'noise', 'blur')
    assert found.hidden['ks'].shape == (3, 2, JOINTS, JOINTS)
    np.testing.assert_allclose(found.hidden['ks'][:, :, ELBOW, SHOULDER], 1, atol=1e-3)
    assert np.isnan(np.delete(found.hidden['ks'], SHOULDER, axis=-1)).all()
    # Noise holds next to no zeros, so it does not move the knee.
    assert found.hidden['displacement'][1, :, KNEE, SHOULDER].max() < 0.001


def test_chosen_joints(effects: Effects) -> None:
    found = measure_effects(planted(), people(4), fills=['mean_colour'], read=['left_elbow'], hide=['LeftShoulder'])
    assert np.isfinite(found.hidden['ks']).sum() == 4
    np.testing.assert_allclose(
        found.hidden['ks'][..., ELBOW, SHOULDER], effects.hidden['ks'][..., ELBOW, SHOULDER], atol=1e-6
    )


def nobody_visible(some: LabelledPeople) -> None:
    some.visible[:] = False


def nobody_good(some: LabelledPeople) -> None:
    some.truth[:] += 40


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (nobody_visible, r'the person \(image 0\) does not have a visible joint'),
        (nobody_good, r'a joint that the model predicts well \(KS above 0.85\)'),
    ],
)
def test_a_person_with_nothing_to_go_by(spoil: Callable[[LabelledPeople], None], message: str) -> None:
    one = people(1)
    spoil(one)
    with pytest.raises(InputError, match=message):
        measure_effects(planted(), one)
    two = people(2)
    two.visible[0] = False
    found = measure_effects(planted(), two, fills=['mean_colour'], hide=['left_shoulder'], read=['left_elbow'])
    assert (len(found), found.left_out, found.images.tolist()) == (1, 1, [1])


def test_wrong_names() -> None:
    for options, message in (
        ({'hide': ['left_sholder']}, "'left_sholder' is none of the 17 joints .nearest: left_shoulder"),
        ({'read': ['elbow_left']}, "'elbow_left' is none of"),
        ({'fills': ['mean_color']}, "fill 'mean_color' does not exist .nearest: mean_colour"),
        ({'fills': ['blur', 'blur']}, 'one or more different ones'),
        ({'batch_size': 0}, 'at least one crop'),
    ):
        with pytest.raises(InputError, match=message):
            measure_effects(planted(), people(1), **options)
    with pytest.raises(InputError, match='nearest: displacement'):
        measure_effects(planted(), people(1), read=['nose'], hide=['left_hip']).difference('displacment')
    with pytest.raises(InputError, match='no effects'):
        Effects.join([])


def test_discs_of_another_size() -> None:
    """A disc over the elbow's square hides no square but its own, however the elbow is read."""
    found = measure_effects(
        planted(), people(2), settings=DiscSettings(radius=0.05), fills=['mean_colour'], read=['left_elbow']
    )
    assert summarise(found).value[ELBOW, SHOULDER] == pytest.approx(1, abs=1e-3)


def test_seen_places_are_the_labels() -> None:
    some = people(3)
    np.testing.assert_allclose(places_when_seen(planted(), some.inputs, 2), some.truth, atol=1e-3)
