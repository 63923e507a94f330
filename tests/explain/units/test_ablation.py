import json
from functools import cache

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.units.ablation import MeanAblation, ablated_places, mean_ablation
from tests.explain.dependency.planted_people import JOINTS, people
from tests.explain.small_models import crops, function
from tests.explain.units.planted_channels import CHANNEL_OF, IDLE, LEFT_WRIST, planted

OTHERS = [joint for joint in range(JOINTS) if joint != LEFT_WRIST]


@cache
def without_wrist() -> MeanAblation:
    return mean_ablation(planted(), people(52), None, [CHANNEL_OF[LEFT_WRIST]], controls=5, permutations=999)


def test_the_wrists_channel_moves_the_wrist_alone() -> None:
    found = without_wrist()
    moved = found.displacement
    assert moved.value[LEFT_WRIST] > 0.3
    assert moved.low[LEFT_WRIST] > 0.3
    assert moved.p_holm[LEFT_WRIST] < 0.05
    np.testing.assert_allclose(moved.effect[OTHERS], 0, atol=1e-6)
    assert (moved.value[OTHERS] < 1e-6).all()
    assert moved.dominance[LEFT_WRIST] == 1
    assert found.ks.value[LEFT_WRIST] > 0.5
    assert found.p_controls[LEFT_WRIST] == pytest.approx(1 / 6)


def test_matched_controls_do_not_move_it() -> None:
    found = without_wrist()
    assert found.control_channels.shape == (5, 1)
    assert CHANNEL_OF[LEFT_WRIST] not in found.control_channels
    assert found.displacement.control[LEFT_WRIST] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found.control_energy, found.energy, rtol=0.25)


def test_channels_that_nothing_reads_move_nothing() -> None:
    found = mean_ablation(planted(), people(6), 'backbone', [*IDLE[:3]], controls=2, permutations=19)
    np.testing.assert_allclose(found.displacement.effect, 0, atol=1e-6)
    assert found.p_controls.min() > 0.3
    content = found.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content['channels'] == list(IDLE[:3])


@pytest.mark.parametrize(('name', 'layer'), [('resnet', 'backbone.layer3'), ('vit', 'backbone.layers.0')])
def test_equals_replacement_by_hand(name: str, layer: str) -> None:
    made, inputs = function(name), crops(3)
    means = np.random.default_rng(0).normal(size=(3, 32)).astype(np.float32)

    def put(module: torch.nn.Module, args: object, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        for person in range(3):
            for channel in (2, 5):
                if output.ndim == 4:
                    changed[person, channel] = float(means[person, channel])
                else:
                    changed[person, :, channel] = float(means[person, channel])
        return changed

    handle = made.model.get_submodule(layer).register_forward_hook(put)
    with torch.no_grad():
        expected = made.decode(made(inputs)).places
    handle.remove()
    spatial = find_spatial_layer(made, inputs, layer)
    found = ablated_places(made, inputs, spatial, [2, 5], means, batch_size=2)
    # On random maps UDP's refinement makes a tenth of a pixel of rounding.
    np.testing.assert_allclose(found, expected, atol=0.5 if name == 'vit' else 1e-3)
    with torch.no_grad():
        plain = made.decode(made(inputs)).places
    assert (np.abs(found - plain.cpu().numpy()) > 3).any()


def test_means_of_others_that_are_given() -> None:
    """A single image needs them; a channel that others always have at zero stays silent."""
    everyone = people(4, per_image=4)
    with pytest.raises(InputError, match='give others'):
        mean_ablation(planted(), everyone, None, [3])
    empty = torch.full_like(everyone.inputs, -1.0)
    found = mean_ablation(planted(), everyone, None, [3], controls=1, others=empty, permutations=9)
    assert found.displacement.effect[LEFT_WRIST] > 0.3


@pytest.mark.parametrize(
    ('channels', 'options', 'what'),
    [
        ([*range(20)], {}, '20 of 35 channels .* name at most 17'),
        ([40], {}, 'channels 0 to 34'),
        ([3], {'controls': 0}, 'controls=0'),
        ([3], {'good': 1.0}, 'none of 3 people'),
    ],
)
def test_what_cannot_be_measured_is_refused(channels: list[int], options: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        mean_ablation(planted(), people(3), None, channels, **options)
