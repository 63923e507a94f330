import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.explain.depth import draw_similarity, measure_similarity
from posescope.explain.depth.cka import alignment, alignment_error, grams, unbiased_hsic
from posescope.explain.depth.layer_maps import LayerMaps
from tests.explain.depth.hand_built import NOSE, built
from tests.explain.small_models import crops, function


class Turning(nn.Module):
    """Cells, the same channels rotated and doubled, and a layer that forgets all but one of them."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.cells = nn.Conv2d(3, 3, 4, 4)
        self.turned = nn.Conv2d(3, 3, 1)
        self.partly = nn.Conv2d(3, 1, 1)
        rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
        with torch.no_grad():
            self.turned.weight.copy_(2 * rotation[:, :, None, None])

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return (self.partly(self.turned(self.cells(inputs))),)


LAYERS = ['backbone.cells', 'backbone.turned', 'backbone.partly']


@pytest.mark.parametrize('features', ['map', 'mean', 'joints'])
def test_rotated_channels_are_alike(features: str) -> None:
    torch.manual_seed(0)
    found = measure_similarity(built(Turning(), torch.ones(17, 1)), crops(16), LAYERS, features=features, batch_size=8)
    assert found.layers == tuple(LAYERS)
    value = found.value[NOSE] if features == 'joints' else found.value
    np.testing.assert_allclose(value[0, 1], 1, atol=1e-5)
    assert value[0, 2] < 0.95
    np.testing.assert_allclose(value, value.T)
    assert len(found.joints) == (17 if features == 'joints' else 0)


def test_under_joints_are_the_channels_of_the_nearest_cell() -> None:
    made, inputs = function('resnet'), crops(5)
    found = measure_similarity(made, inputs, ['backbone.layer1', 'backbone.layer2'], features='joints')
    reader = LayerMaps(made, inputs, ['backbone.layer1', 'backbone.layer2'])
    with torch.no_grad():
        places = made.decode(made(inputs)).places
    taken = []
    for stride, maps in zip((4, 8), reader.of(inputs).values(), strict=True):
        cells = (places[:, 3] / stride).round().long()
        height, width = maps.shape[2:]
        taken.append(torch.stack([
            one[:, min(int(y), height - 1), min(int(x), width - 1)] for one, (x, y) in zip(maps, cells, strict=True)
        ]))  # fmt: skip
    np.testing.assert_allclose(found.value[3], alignment(unbiased_hsic(grams(taken))[None].numpy()))


def test_batches_are_averaged_before_dividing_and_small_ones_left_out() -> None:
    made, inputs = function('resnet'), crops(11)
    found = measure_similarity(made, [inputs[:4], inputs[4:8], inputs[8:]])
    assert found.people == 8
    reader = LayerMaps(made, inputs)
    both = [unbiased_hsic(grams(list(reader.of(inputs[some]).values()))).numpy() for some in (slice(4), slice(4, 8))]
    np.testing.assert_allclose(found.value, alignment(np.stack(both)), rtol=1e-6)


def test_people_are_cut_into_batches_of_about_the_same_size() -> None:
    made, inputs = function('resnet'), crops(11)
    expected = measure_similarity(made, [inputs[:6], inputs[6:]], ['backbone.layer1', 'backbone.layer2'])
    found = measure_similarity(made, inputs, ['backbone.layer1', 'backbone.layer2'], batch_size=8)
    assert found.people == 11
    np.testing.assert_allclose(found.value, expected.value)
    # Two batches of at most four would hold three people or fewer.
    one = measure_similarity(made, inputs[:7], ['backbone.layer1', 'backbone.layer2'], batch_size=4)
    np.testing.assert_allclose(one.value, measure_similarity(made, [inputs[:7]], list(one.layers)).value)


def test_larger_batches_have_more_weight() -> None:
    made, inputs = function('resnet'), crops(13)
    layers = ['backbone.layer1', 'backbone.layer2']
    batches = [inputs[:4], inputs[4:8], inputs[8:]]
    reader = LayerMaps(made, inputs, layers)
    hsic = np.stack([unbiased_hsic(grams(list(reader.of(some).values()))).numpy() for some in batches])
    weights = np.array([4.0, 4.0, 10.0])  # n(n - 3)
    found = measure_similarity(made, batches, layers)
    np.testing.assert_allclose(found.value, alignment((hsic * weights[:, None, None]).sum(0)[None]), rtol=1e-6)
    np.testing.assert_allclose(found.error, alignment_error(hsic, weights), rtol=1e-6)


def test_the_untrained_network_stands_beside_it() -> None:
    made = function('simcc')
    found = measure_similarity(made, crops(8), untrained=made, batch_size=4)
    assert found.untrained is not None
    np.testing.assert_array_equal(found.untrained, found.value)
    content = json.loads(json.dumps(found.content(), allow_nan=False))
    assert content['value'][0][0] == 1
    assert content['error'][0][0] is None, 'two batches tell nothing of an error'
    figure = draw_similarity(found)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), found.value)
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), found.value)


def test_what_makes_no_sense_is_refused() -> None:
    made = function('resnet')
    with pytest.raises(InputError, match='4 or more people, and there are 3'):
        measure_similarity(made, crops(3))
    with pytest.raises(InputError, match='batch_size=3: debiased CKA takes 4 or more people in a batch'):
        measure_similarity(made, crops(9), batch_size=3)
    with pytest.raises(InputError, match="'maps' do not exist"):
        measure_similarity(made, crops(4), features='maps')
    found = measure_similarity(made, crops(4), ['backbone.layer1'], features='joints')
    with pytest.raises(InputError, match='name a joint'):
        draw_similarity(found)
    assert draw_similarity(found, 'left wrist').axes
