from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
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
from posescope.capture.store.reader import open_store
from posescope.capture.store.tensor_file import TensorFile, write_tensors
from posescope.capture.store.writer import StoreWriter
from posescope.errors import CaptureError
from tests.capture.store.drawn_samples import GRID, IDENTITY, batches, channels_last, content, draw_maps, draw_sample

SAMPLES = [draw_sample(i) for i in range(47)]
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


def test_tensors_of_torch(tmp_path) -> None:
    maps = draw_maps(SAMPLES)
    write_turned(tmp_path / 'a', SAMPLES, [channels_last])
    with StoreWriter(tmp_path / 'b', IDENTITY, shard_bytes=10 * 970, expected=47) as writer:
        tensors = {
            name: torch.tensor(array.copy()).to(memory_format=torch.channels_last)
            if array.ndim == 4
            else torch.tensor(array)
            for name, array in maps.items()
        }
        writer.write(SAMPLES, tensors, {'backbone[0]': GRID, 'backbone[0]@mirrored': GRID})
    assert content(tmp_path / 'a') == content(tmp_path / 'b')


def write_turned(folder: Path, samples, lie: Sequence[Callable[[dict], dict]], **options) -> None:
    """Batches whose maps lie in memory as the functions say, one after the other and again from the first."""
    options = {**dict(identity=IDENTITY, shard_bytes=10 * 970, expected=len(samples)), **options}
    with StoreWriter(folder, **options) as writer:
        for number, batch in enumerate(batches(samples)):
            maps = lie[number % len(lie)](draw_maps(batch))
            writer.write(batch, maps, {'backbone[0]': GRID, 'backbone[0]@mirrored': GRID})


@pytest.mark.parametrize('lie', [[dict, channels_last], [channels_last, dict, dict]])
def test_the_first_batch_decides_the_order_of_axes(tmp_path, lie) -> None:
    write_turned(tmp_path / 'a', SAMPLES, lie[:1])
    write_turned(tmp_path / 'b', SAMPLES, lie)
    assert content(tmp_path / 'a') == content(tmp_path / 'b')
    names = TensorFile(tmp_path / 'b' / 'rank0-00000.safetensors').header
    assert ('map-channels-last/backbone[0]' in names) == (lie[0] is channels_last)


@pytest.mark.parametrize('first', [dict, channels_last])
def test_a_resumed_run_keeps_the_order_of_axes(tmp_path, first) -> None:
    write_turned(tmp_path / 'whole', SAMPLES, [first])
    with pytest.raises(ZeroDivisionError):
        write_turned(tmp_path / 'a', SAMPLES, [*[first] * 6, lambda maps: 1 / 0])
    write_turned(tmp_path / 'a', SAMPLES, [dict if first is channels_last else channels_last])
    assert content(tmp_path / 'a') == content(tmp_path / 'whole')


def test_a_store_of_the_format_before_goes_on_as_it_began(tmp_path) -> None:
    for name, count in (('whole', 47), ('a', 25), ('no shard', 5)):
        with (
            suppress(ZeroDivisionError),
            StoreWriter(tmp_path / name, IDENTITY, shard_bytes=9700, expected=47) as writer,
        ):
            for batch in batches(SAMPLES[:count]):
                writer.write(batch, draw_maps(batch), {'backbone[0]': GRID, 'backbone[0]@mirrored': GRID})
            if count < 47:
                raise ZeroDivisionError
        manifest = tmp_path / name / 'manifest.json'
        manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 1'))
    for name in ('a', 'no shard'):
        write_turned(tmp_path / name, SAMPLES, [channels_last])
        assert content(tmp_path / name) == content(tmp_path / 'whole')


def test_ranks_need_not_agree_on_the_order_of_axes(tmp_path) -> None:
    write_turned(tmp_path, SAMPLES[::2], [channels_last], rank=0, world=2, expected=47)
    write_turned(tmp_path, SAMPLES[1::2], [dict], rank=1, world=2, expected=47)
    store = open_store(tmp_path)
    for name, expected in draw_maps(SAMPLES).items():
        np.testing.assert_array_equal(store[name][:], expected.astype(np.float16))
        np.testing.assert_array_equal(store[name][[3, 4, 40]], expected[[3, 4, 40]].astype(np.float16))


def test_duplicates_in_turned_maps(tmp_path) -> None:
    write_turned(tmp_path / 'a', SAMPLES, [channels_last])
    write_turned(tmp_path / 'b', [*SAMPLES[:5], *SAMPLES[:2], *SAMPLES[5:], SAMPLES[0]], [channels_last], expected=47)
    assert content(tmp_path / 'a') == content(tmp_path / 'b')


def test_turned_batches_of_another_shape_are_refused(tmp_path) -> None:
    for change in (lambda maps: maps[:, :4], lambda maps: maps[:, 0]):
        with (
            pytest.raises(CaptureError, match='but \\[5, 8, 6\\] in the first batch'),
            StoreWriter(tmp_path, IDENTITY) as writer,
        ):
            maps = channels_last(draw_maps(SAMPLES[:4]))
            writer.write(SAMPLES[:4], maps)
            writer.write(SAMPLES[4:8], {**maps, 'backbone[0]': change(maps['backbone[0]'])})
