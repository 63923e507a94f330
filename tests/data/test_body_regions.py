import numpy as np
import pytest

from posescope.data.body_regions import body_mask, disc_mask, limb_mask, scattered_discs, shifted_region

SHAPE = (60, 80, 3)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_disc_has_the_pixels_of_its_equation_and_about_its_area():
    mask = disc_mask(SHAPE, [[40.25, 30.5]], 12.0)
    rows, columns = np.nonzero(mask)
    assert np.hypot(columns - 40.25, rows - 30.5).max() <= 12
    assert mask.sum() == pytest.approx(np.pi * 12**2, rel=0.02)
    assert disc_mask(SHAPE, [[3, 4]], 2.0).sum() == 13  # lattice points within 2 of one of them
    assert not disc_mask(SHAPE, np.empty((0, 2)), 5).any()


def test_discs_that_overlap_count_once():
    apart, together = (disc_mask(SHAPE, [[20, 30], [x, 30]], 8).sum() for x in (60, 20))
    assert apart == 2 * together


def test_a_limb_is_a_capsule():
    mask = limb_mask(SHAPE, [[[15, 30], [65, 30]]], 5.0)
    assert mask.sum() == pytest.approx(10 * 50 + np.pi * 25, rel=0.1)
    assert mask[30, 15:66].all()
    assert not mask[37:].any()
    assert not limb_mask(SHAPE, np.empty((0, 2, 2)), 5).any()


def test_a_body_is_what_is_known_of_it():
    joints, links = np.array([[10.0, 30], [40, 30], [70, 30]]), [(0, 1), (1, 2)]
    whole = body_mask(SHAPE, joints, np.ones(3, bool), links, 4)
    assert whole[30, 10:71].all()
    part = body_mask(SHAPE, joints, np.array([True, True, False]), links, 4)
    assert not part[:, 46:].any()
    assert (whole & part == part).all()


@pytest.mark.parametrize('area', [0, 1, 7, 113, 500, 2000, 4800])
def test_scattered_discs_have_exactly_the_area_that_was_asked_for(area):
    body = np.zeros(SHAPE[:2], bool)
    body[10:50, 20:60] = True
    found = scattered_discs(area, body, 6.0, generator(area))
    assert found.sum() == area


def test_centres_of_scattered_discs_are_uniform_on_the_body():
    body = np.zeros(SHAPE[:2], bool)
    body[20:40, 20:60] = True
    one_pixel = [np.argwhere(scattered_discs(1, body, 3.0, generator(seed)))[0] for seed in range(2000)]
    found = np.array(one_pixel, float)
    assert body[found[:, 0].astype(int), found[:, 1].astype(int)].all()
    # Means of uniform numbers: standard errors are span / √(12 n).
    assert found.mean(0) == pytest.approx([29.5, 39.5], abs=4 * 40 / np.sqrt(12 * 2000))


@pytest.mark.parametrize('seed', range(5))
def test_another_region_of_the_body_has_as_many_pixels_and_none_of_the_first(seed):
    body = disc_mask(SHAPE, [[40, 30]], 25)
    region = disc_mask(SHAPE, [[30, 30]], 9)
    found = shifted_region(region, body, generator(seed))
    assert found.sum() == region.sum()
    assert not (found & region).any()
    assert (found & ~body).sum() == 0
    again, other = (shifted_region(region, body, generator(each)) for each in (seed, seed + 100))
    assert (found == again).all()
    assert (found != other).any()


def test_where_the_rest_of_the_body_is_too_small_pixels_beside_it_follow():
    body = disc_mask(SHAPE, [[40, 30]], 12)
    region = disc_mask(SHAPE, [[40, 30]], 11)
    found = shifted_region(region, body, generator())
    assert found.sum() == region.sum()
    assert not (found & region).any()
    assert found[body & ~region].all()
    everything = np.ones(SHAPE[:2], bool)
    assert shifted_region(everything, everything, generator()).all()
