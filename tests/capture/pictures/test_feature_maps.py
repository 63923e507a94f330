"""The channels that vary most are drawn, with shared colours, at their place."""

import numpy as np
import pytest

from posescope.capture.pictures import CellGrid, Place, draw_feature_maps, strongest_channels
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import TO_IMAGE, drawn_crop

GRID = CellGrid((16, 16), (7.5, 7.5))


@pytest.fixture(scope='module')
def features() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(6, 6, 4)) * np.array([1, 5, 0, 3, 9, 2])[:, None, None]
    values[2] = 50  # strong, but the same everywhere
    return values


def test_order(features: np.ndarray) -> None:
    assert strongest_channels(features, 4).tolist() == [4, 1, 3, 5]
    assert strongest_channels(features, 99).tolist() == [4, 1, 3, 5, 0, 2]
    broken = features.copy()
    broken[4, 0, 0] = np.nan
    assert strongest_channels(broken, 99).tolist() == [1, 3, 5, 0, 2, 4]
    assert strongest_channels(np.array([1.0, -3, 2, -3]).reshape(4, 1, 1), 4).tolist() == [1, 3, 2, 0]


def test_panels(features: np.ndarray) -> None:
    figure = draw_feature_maps(drawn_crop(), features, GRID, 'backbone.layer3', count=3, joint='right_wrist')
    person, *panels, bar = figure.axes
    assert [panel.get_title() for panel in panels] == ['channel 4', 'channel 1', 'channel 3']
    extent = Place(GRID, TO_IMAGE).extent(6, 4)
    reach = np.abs(features[[4, 1, 3]]).max()
    for panel, channel in zip(panels, (4, 1, 3), strict=True):
        picture = panel.images[-1]
        np.testing.assert_array_equal(picture.get_array(), features[channel])
        assert tuple(picture.get_extent()) == extent
        assert picture.get_clim() == (-reach, reach)
        np.testing.assert_array_equal(panel.lines[0].get_xydata(), [[40, 85]])
    assert person.get_title() == 'somebody'
    assert bar.get_ylabel() == 'activation'
    assert figure.get_suptitle() == (
        'backbone.layer3\n3 most varied of 6 channels, 6 × 4 cells (rows × columns)\nring: right wrist'
    )


def test_chosen_and_centred(features: np.ndarray) -> None:
    figure = draw_feature_maps(drawn_crop(), features, GRID, 'head', channels=[2, 0], centred=True)
    _, constant, other, bar = figure.axes
    np.testing.assert_array_equal(constant.images[-1].get_array(), np.zeros((6, 4)))
    np.testing.assert_allclose(other.images[-1].get_array(), features[0] - features[0].mean())
    assert bar.get_ylabel() == 'activation − channel’s mean'


def test_wrong(features: np.ndarray) -> None:
    with pytest.raises(InputError, match='channel 6 is not in the layer, which has channels 0 to 5'):
        draw_feature_maps(drawn_crop(), features, GRID, 'head', channels=[6])
    with pytest.raises(InputError, match='no channels to draw'):
        draw_feature_maps(drawn_crop(), features, GRID, 'head', count=0)
    with pytest.raises(InputError, match=r'not \(C, H, W\)'):
        draw_feature_maps(drawn_crop(), features[0], GRID, 'head')
    with pytest.raises(InputError, match='nearest: nose'):
        draw_feature_maps(drawn_crop(), features, GRID, 'head', joint='nos')
