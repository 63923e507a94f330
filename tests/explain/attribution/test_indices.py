import numpy as np
import pytest
import torch
from scipy import ndimage

from posescope.errors import InputError
from posescope.explain.attribution.indices import compare_indices, gini, indices_of, joint_heatmaps, shares_of

SIZE = 40, 30


def places() -> torch.Tensor:
    return torch.tensor([[[5.0, 8.0], [20.0, 30.0], [torch.nan, torch.nan]]])


def masks() -> torch.Tensor:
    mask = torch.zeros(1, *SIZE, dtype=torch.bool)
    mask[:, 10:20, 5:12] = True
    return mask


def test_a_uniform_map_is_100_and_1() -> None:
    found = indices_of(torch.full((1, 3, *SIZE), -0.7), places(), masks())
    torch.testing.assert_close(found.di, torch.full((1, 3), 100.0, dtype=torch.float64))
    ones = torch.ones(1, 2, dtype=torch.float64)
    torch.testing.assert_close(found.fi[:, :2], ones)
    torch.testing.assert_close(found.li[:, :2], ones)
    torch.testing.assert_close(found.ri[:, :, :2], torch.ones(1, 3, 2, dtype=torch.float64))
    assert found.ri[:, :, 2].isnan().all()
    assert found.li[:, 2].isnan().all()


def test_indices_are_sums_over_pixels() -> None:
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(1, 2, *SIZE))
    found = indices_of(torch.from_numpy(maps), places(), masks(), joints=[1, 0], sigma=3.0)
    wide = ndimage.binary_dilation(masks()[0].numpy(), np.ones((5, 5)))
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for number, joint in enumerate((1, 0)):
        share = abs(maps[0, number]) / abs(maps[0, number]).sum()
        assert float(found.fi[0, number]) == pytest.approx((share * wide).sum() * share.size / wide.sum())
        around = [np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18) for x, y in places()[0, :2].tolist()]
        expected = [(share * h).sum() * share.size / h.sum() for h in around]
        assert found.ri[0, number, :2].tolist() == pytest.approx(expected)
        assert float(found.li[0, number]) == pytest.approx(expected[joint])
        values = share.ravel()
        apart = abs(values[:, None] - values).sum() / (2 * values.size**2 * values.mean())
        assert float(found.di[0, number]) == pytest.approx(100 * (1 - apart))


def test_one_pixel_has_all() -> None:
    maps = torch.zeros(1, 1, *SIZE)
    maps[0, 0, 12, 7] = 3
    found = indices_of(maps, places()[:, :1], masks())
    assert float(found.di) == pytest.approx(100 / 1200)
    assert float(found.fi) == pytest.approx(1200 / (14 * 11))


def test_positive_parts_alone() -> None:
    maps = torch.tensor([[[[3.0, -1.0], [0.0, 1.0]]]])
    assert shares_of(maps, positive=True).flatten().tolist() == [0.75, 0, 0, 0.25]
    assert shares_of(maps).flatten().tolist() == [0.6, 0.2, 0, 0.2]


def test_an_empty_map_has_no_indices() -> None:
    found = indices_of(torch.zeros(1, 1, *SIZE), places()[:, :1], masks())
    assert found.di.isnan().all()
    assert found.ri.isnan().all()


def test_the_gini_coefficient_of_known_distributions() -> None:
    ramp = torch.arange(1, 101, dtype=torch.float64) / 5050
    assert float(gini(ramp)) == pytest.approx(99 / 300)  # (M - 1) / (3 M) for shares in proportion to 1 … M
    assert float(gini(torch.tensor([0.0, 0.0, 0.0, 1.0]))) == pytest.approx(0.75)


def test_what_stands_beside_the_indices() -> None:
    found = compare_indices(places(), (64, 48), None)
    assert set(found) == {'centred_gaussian', 'random'}
    # Shares drawn evenly from 0 to 1 have a Gini coefficient of 1/3 and lie anywhere alike.
    assert found['random'].di.numpy() == pytest.approx(200 / 3, abs=1)
    assert found['random'].li[:, :2].numpy() == pytest.approx(1, abs=0.3)
    centred = found['centred_gaussian']
    middle = indices_of(torch.rand(1, 1, 64, 48), torch.tensor([[[23.5, 31.5]]]))
    assert (centred.li[:, 0] < 1).all()  # a corner
    assert middle.li.isfinite().all()
    assert (centred.di == centred.di[0, 0]).all()
    assert centred.fi.isnan().all()


def test_heatmaps_peak_at_their_places() -> None:
    found = joint_heatmaps(places(), SIZE, 2.0)
    assert float(found[0, 0, 8, 5]) == 1
    assert float(found[0, 0, 8, 7]) == pytest.approx(np.exp(-0.5))
    assert float(found[0, 0, 10, 7]) == pytest.approx(np.exp(-1))


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match='do not belong together'):
        indices_of(torch.ones(1, 2, *SIZE), places())
