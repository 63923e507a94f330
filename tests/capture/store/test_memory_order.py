from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from posescope.capture.store.memory_order import (
    CHANNELS_LAST,
    PLAIN,
    as_stored,
    find_layer,
    order_of,
    orders_in,
    shape_of,
)
from posescope.capture.store.tensor_file import TensorFile, write_tensors

MAPS = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
TURNED = torch.tensor(MAPS).to(memory_format=torch.channels_last)


@pytest.mark.parametrize('kind', [torch.tensor, np.array], ids=['torch', 'numpy'])
def test_orders(kind: Callable[..., Any]) -> None:
    def last(*shape: int) -> Any:
        """Maps of a shape (N, H, W, C), seen as (N, C, H, W)."""
        values = kind(np.zeros(shape))
        return values.permute(0, 3, 1, 2) if kind is torch.tensor else values.transpose(0, 3, 1, 2)

    assert order_of(last(2, 4, 5, 3)) == CHANNELS_LAST
    assert order_of(last(1, 4, 5, 3)) == CHANNELS_LAST
    assert order_of(last(2, 1, 5, 3)) == CHANNELS_LAST
    assert order_of(last(2, 4, 5, 1)) == PLAIN  # there is no difference
    assert order_of(last(2, 1, 1, 3)) == PLAIN
    assert order_of(last(0, 4, 5, 3)) == PLAIN
    assert order_of(last(2, 4, 5, 3)[:, :, ::2]) == PLAIN  # it lies in neither
    for shape in ((2, 3, 4, 5), (2, 3, 4), (2,), (2, 3, 4, 5, 6)):
        assert order_of(kind(np.zeros(shape))) == PLAIN
    assert order_of([1, 2]) == PLAIN


def test_as_stored() -> None:
    for maps in (MAPS, torch.tensor(MAPS), TURNED):
        assert as_stored(maps, PLAIN) is maps
        rows = as_stored(maps, CHANNELS_LAST)
        np.testing.assert_array_equal(rows, np.moveaxis(MAPS, 1, 3))
        assert shape_of(np.asarray(rows), CHANNELS_LAST) == [3, 4, 5]
        assert shape_of(np.asarray(maps), PLAIN) == [3, 4, 5]
    assert as_stored(TURNED, CHANNELS_LAST).is_contiguous()
    vectors = np.zeros((2, 3))
    assert as_stored(vectors, CHANNELS_LAST) is vectors
    assert shape_of(vectors, CHANNELS_LAST) == [3]


def test_found_in_a_shard(tmp_path) -> None:
    turned = np.ascontiguousarray(np.moveaxis(MAPS, 1, 3))
    write_tensors(
        tmp_path / 'a', {PLAIN + 'a': [MAPS], CHANNELS_LAST + 'b': [turned], 'sample/text': [np.zeros(3, np.uint8)]}
    )
    file = TensorFile(tmp_path / 'a')
    assert orders_in(file) == {'a': PLAIN, 'b': CHANNELS_LAST}
    for layer in 'ab':
        np.testing.assert_array_equal(find_layer(file, layer), MAPS)
    with pytest.raises(KeyError):
        find_layer(file, 'c')
