"""Patching of a network built by hand, in which the wrist's place is copied from elsewhere at a known layer."""

import json

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth import Patching, draw_patching, measure_patching
from tests.explain.depth.hand_built import ENDS, SOURCE, WRIST, copying, twins
from tests.explain.small_models import HEIGHT, WIDTH, crops, function

LAYERS = ['backbone.cells', 'backbone.keep', 'backbone.copy', 'backbone.last']


def patch(**options: object) -> Patching:
    return measure_patching(copying(), *twins(), LAYERS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('region', 'expected'), [('joint', [0, 0, 1, 1]), ('changed', [1, 1, 0, 0]), ('whole', [1, 1, 1, 1])]
)
def test_the_layer_that_copies_is_found(region: str, expected: list[int]) -> None:
    found = patch(region=region)
    assert found.layers == tuple(LAYERS)
    np.testing.assert_allclose(found.recovered[:, :, WRIST], np.repeat(np.array(expected)[:, None], 3, 1), atol=1e-6)
    apart = 4 * (ENDS[1][1] - ENDS[0][1])
    np.testing.assert_allclose(found.moved[:, WRIST], apart)
    others = np.delete(np.arange(17), WRIST)
    assert np.isnan(found.recovered[:, :, others]).all(), 'joints that stay have no way to go'
    assert found.pairs[WRIST] == 3
    assert not found.pairs[others].any()


def test_a_region_of_ones_own() -> None:
    region = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.bool)
    region[1:, 4 * SOURCE[0], 4 * SOURCE[1]] = True
    found = patch(region=region)
    assert found.region == 'given'
    np.testing.assert_allclose(found.recovered[:, :, WRIST].T, [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize('batch_size', [2, 5])
def test_batches_change_nothing(batch_size: int) -> None:
    made, clean, other = function('stacked_hourglass'), crops(3), crops(3, seed=1)
    layers = ['backbone.hourglasses.0', 'backbone.hourglasses.1']
    whole = measure_patching(made, clean, other, layers, least=20)
    some = measure_patching(made, clean, other, layers, least=20, batch_size=batch_size)
    np.testing.assert_allclose(some.recovered, whole.recovered, atol=1e-5)
    assert np.isfinite(whole.recovered[0]).sum() > batch_size


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'rle', 'vit', 'movenet'])
def test_where_nothing_passes_a_layer_by_its_whole_decides(name: str) -> None:
    made = function(name)
    layers = ['backbone'] if name == 'movenet' else 'stages'
    found = measure_patching(made, crops(), crops(seed=1), layers, region='whole', least=0.5)
    moved = found.moved >= 0.5
    assert moved.sum() >= 10
    np.testing.assert_allclose(found.recovered[:, moved], 1, atol=1e-3)
    assert np.isnan(found.recovered[:, ~moved]).all()


def test_one_of_two_paths_does_not_decide() -> None:
    layers = ['backbone.hourglasses.1', 'backbone.hourglasses.1.up1']
    found = measure_patching(function('stacked_hourglass'), crops(), crops(seed=1), layers, region='whole', least=20)
    assert found.layers == tuple(layers)
    known = found.moved >= 20
    np.testing.assert_allclose(found.recovered[0][known], 1, atol=1e-3)
    assert (np.abs(found.recovered[1][known] - 1) > 0.1).any()


def test_content_and_figure_show_the_means() -> None:
    found = patch(region='joint')
    content = json.loads(json.dumps(found.content(), allow_nan=False))
    assert [layer['recovered']['left_wrist']['value'] for layer in content['layers']] == pytest.approx([0, 0, 1, 1])
    assert content['layers'][0]['recovered']['nose']['value'] is None
    assert content['pairs']['left_wrist'] == 3
    figure = draw_patching(found)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown[WRIST], [0, 0, 1, 1], atol=1e-6)
    assert np.ma.getmaskarray(shown)[0].all()
    assert figure.axes[0].images[0].get_clim() == (0, 1)


def test_what_makes_no_sense_is_refused() -> None:
    made = copying()
    clean, other = twins()
    with pytest.raises(InputError, match='no joint of 3 pairs moves by 4 pixels'):
        measure_patching(made, clean, clean, LAYERS)
    with pytest.raises(InputError, match='same shape'):
        measure_patching(made, clean, other[:2], LAYERS)
    with pytest.raises(InputError, match="region 'joints' does not exist"):
        measure_patching(made, clean, other, LAYERS, region='joints')
    with pytest.raises(InputError, match='of bool'):
        measure_patching(made, clean, other, LAYERS, region=torch.ones(3, HEIGHT, WIDTH))
    with pytest.raises(InputError, match='nearest'):
        measure_patching(made, clean, other, ['backbone.cell'])
    with pytest.raises(InputError, match='no spatial axes'):
        measure_patching(function('regression'), crops(), crops(seed=1), ['neck'], least=1)
