import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from posescope.errors import InputError
from posescope.explain.units.body_cells import BodyCells
from posescope.explain.units.responses import Responses, measure_responses, responses_of_cells
from tests.explain.dependency.planted_people import people
from tests.explain.units.planted_channels import CHANNEL_OF, LEFT_WRIST, SILENT, planted


def cells_and_values() -> tuple[np.ndarray, BodyCells]:
    """Five channels of whole numbers, many of them equal, on 40 cells; the third joint does not count."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 5, (5, 40)).astype(np.float32)
    under = generator.random((3, 40)) < 0.2
    under[2] = False
    return values, BodyCells(np.arange(40), under)


def test_equal_scipys_and_numpys() -> None:
    values, cells = cells_and_values()
    contrast, auc, variance = responses_of_cells(values, cells)
    for channel, joint in np.ndindex(5, 2):
        inside, outside = values[channel, cells.under[joint]], values[channel, ~cells.under[joint]]
        wins = mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside))
        assert auc[channel, joint] == pytest.approx(wins, abs=1e-6)
        assert contrast[channel, joint] == pytest.approx(inside.mean() - outside.mean(), abs=1e-6)
    assert np.isnan(auc[:, 2]).all()
    assert np.isnan(contrast[:, 2]).all()
    np.testing.assert_allclose(variance, values.var(1), rtol=1e-6)


def test_auc_equals_scikit_learns() -> None:
    metrics = pytest.importorskip('sklearn.metrics')
    values, cells = cells_and_values()
    _, auc, _ = responses_of_cells(values, cells)
    expected = [[metrics.roc_auc_score(cells.under[joint], row) for joint in (0, 1)] for row in values]
    np.testing.assert_allclose(auc[:, :2], expected, atol=1e-6)


def test_a_joints_own_channel() -> None:
    found = measure_responses(planted(), people(4))
    assert found.auc.shape == (4, 35, 17)
    assert found.auc[:, CHANNEL_OF[LEFT_WRIST], LEFT_WRIST].min() > 0.98
    np.testing.assert_array_equal(found.auc[:, SILENT], 0.5)
    assert (found.variance[:, SILENT] == 0).all()


def test_masks_decide_what_is_elsewhere() -> None:
    someone = people(1)
    whole = np.ones((1, 128, 96), bool)
    found = measure_responses(planted(), someone, bodies=whole)
    # All of 32 × 24 cells but the few under the wrist are elsewhere, and a peak is nearly zero there.
    own = found.contrast[0, CHANNEL_OF[LEFT_WRIST], LEFT_WRIST]
    near = measure_responses(planted(), someone).contrast[0, CHANNEL_OF[LEFT_WRIST], LEFT_WRIST]
    assert own > near > 0
    with pytest.raises(InputError, match=r'bodies of 1 people has|have to be \(1, 128, 96\)'):
        measure_responses(planted(), someone, bodies=whole[:, :64])


def test_parts_joined_equal_the_whole() -> None:
    everyone = people(5)
    whole = measure_responses(planted(), everyone)
    parts = [measure_responses(planted(), everyone.take(rows)) for rows in ([0, 1, 2], [3, 4])]
    joined = Responses.join(parts)
    np.testing.assert_allclose(joined.auc, whole.auc, atol=1e-6)
    np.testing.assert_array_equal(joined.images, whole.images)
    with pytest.raises(InputError, match='no responses'):
        Responses.join([])
