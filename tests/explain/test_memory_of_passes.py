"""Whatever looks at many crops goes on with smaller batches where memory ends, to the same result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.dependency.hiding import places_when_hidden, places_when_seen
from posescope.explain.depth.layer_maps import LayerMaps
from posescope.explain.depth.layer_similarity import measure_similarity
from posescope.explain.depth.patching import measure_patching
from posescope.explain.depth.receptive_field import measure_receptive_fields
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.ablation import ablated_places
from posescope.explain.units.channel_maps import channel_moments
from tests.explain.dependency.planted_people import people
from tests.explain.small_models import crops, function

LAYER = 'backbone.layer2'


@contextmanager
def scarce(made: PoseFunction, most: int) -> Iterator[list[int]]:
    """Let memory end in the middle of the network, for batches above a size; lists the batches that got through."""
    through: list[int] = []

    def fill(module: Any, inputs: Any, output: torch.Tensor) -> None:
        if len(output) > most:
            torch.empty(1 << 60)
        through.append(len(output))

    handle = made.model.get_submodule('backbone.layer3').register_forward_hook(fill)
    try:
        yield through
    finally:
        handle.remove()


def hidden_places(made: PoseFunction) -> np.ndarray:
    some = people(1)
    some.inputs.copy_(crops(1))
    discs = np.linspace(20.0, 100.0, 7)[:, None, None].repeat(2, 2)
    return places_when_hidden(
        made, some, torch.zeros_like(some.inputs), np.zeros(7, np.int64), discs, np.full(7, 9.0), 7
    )


def ablated(made: PoseFunction) -> np.ndarray:
    layer = find_spatial_layer(made, crops(1), LAYER)
    return ablated_places(made, crops(7), layer, [0, 3], channel_moments(made, crops(7), layer, 7).mean, 7)


def layer_maps(made: PoseFunction) -> np.ndarray:
    return LayerMaps(made, crops(7), [LAYER]).of(crops(7))[LAYER].numpy()


READERS: dict[str, Callable[[PoseFunction], np.ndarray]] = {
    'seen': lambda made: places_when_seen(made, crops(7), 7),
    'hidden': hidden_places,
    'ablated': ablated,
    'patched': lambda made: measure_patching(made, crops(7), crops(7).flip(0), [LAYER], batch_size=7).recovered,
    'maps': layer_maps,
    'similarity': lambda made: measure_similarity(made, crops(7), features='joints', batch_size=7).value,
    'fields': lambda made: measure_receptive_fields(made, crops(7), batch_size=7).maps,
}


@pytest.mark.filterwarnings('ignore:.*memory is full')
@pytest.mark.parametrize('name', READERS)
def test_smaller_batches_give_the_same(name: str) -> None:
    made = function('resnet')
    expected = READERS[name](made)
    with scarce(made, most=2) as through:
        found = READERS[name](made)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert max(through) <= 2
    assert np.isfinite(expected).any()


def test_rows_are_all_read_once_and_later_batches_stay_small() -> None:
    sizes = []

    def run(rows: slice) -> list[int]:
        sizes.append(rows.stop - rows.start)
        if sizes[-1] > 3:
            raise MemoryError
        return list(range(rows.start, rows.stop))

    with pytest.warns(UserWarning, match='it: memory is full; going on with batches of 2'):
        found = list(in_batches(run, 9, 5, 'it'))
    assert [row for _, rows in found for row in rows] == list(range(9))
    assert [list(range(9))[rows] for rows, _ in found] == [rows for _, rows in found]
    assert sizes == [5, 2, 2, 2, 2, 1], 'one attempt too large'
    assert list(in_batches(run, 0, 5, 'it')) == []
    with pytest.raises(InputError, match='batch_size=0: at least one crop'):
        list(in_batches(run, 3, 0, 'it'))
