"""Reductions on their way into a store."""

from pathlib import Path

import numpy as np
import pytest
import torch

from posescope.capture.reductions import PCA, ReducedWriter, reduced_writer
from posescope.capture.store.reader import open_store
from posescope.capture.store.writer import StoreWriter
from posescope.errors import CaptureError, InputError
from tests.capture.store.drawn_samples import GRID, IDENTITY, batches, content, draw_maps, draw_sample

SAMPLES = [draw_sample(i) for i in range(30)]
MAPS = draw_maps(SAMPLES)
LAYERS = ('backbone[0]', 'backbone[0]@mirrored')


def write(folder: Path, reduction, count: int = 30, fail: bool = False, **options) -> None:
    options = {**dict(identity=IDENTITY, dtype='float32', shard_bytes=2000, expected=30), **options}
    with ReducedWriter(StoreWriter(folder, **options), reduction) as writer:
        for batch in batches(SAMPLES[:count]):
            maps = draw_maps(batch)
            tensors = {name: torch.tensor(maps[name].copy()) for name in LAYERS}
            writer.write(batch, tensors, dict.fromkeys(LAYERS, GRID))
            for tensor in tensors.values():
                tensor.zero_()  # as an operation that works in place
        if fail:
            raise ZeroDivisionError


def test_pooled(tmp_path) -> None:
    write(tmp_path, 'pooled')
    store = open_store(tmp_path)
    np.testing.assert_allclose(store['backbone[0]'][:], MAPS['head'], atol=1e-6)
    assert store.grid('backbone[0]') is None
    assert store.reduction('backbone[0]') == dict(type='Pooled')


@pytest.mark.parametrize('fit', [1, 10, 1000])
def test_pca_is_fitted_to_the_first_samples_of_each_layer(tmp_path, fit: int) -> None:
    write(tmp_path, dict(type='PCA', k=2, fit=fit))
    store = open_store(tmp_path)
    first = {1: 4, 10: 12, 1000: 30}[fit]  # whole batches of four
    for layer in LAYERS:
        maps = torch.tensor(MAPS[layer].copy())
        expected = PCA(2)
        expected.fit([maps[:first]])
        np.testing.assert_allclose(store[layer][:], expected.apply(maps), atol=1e-5)
        np.testing.assert_allclose(store.fitted(layer)['basis'], expected.state()['basis'], atol=1e-6)
        assert store.grid(layer) == dict(scale=[32, 32], offset=[0, 0])
        assert len(store.reduction(layer)['explained']) == 2


@pytest.mark.parametrize('count', [3, 9, 20])
def test_a_resumed_run_reduces_as_the_first_one(tmp_path, count: int) -> None:
    pca = dict(type='PCA', k=2, fit=8)
    write(tmp_path / 'whole', pca)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / 'a', pca, count, fail=True)
    write(tmp_path / 'a', pca)
    assert content(tmp_path / 'a') == content(tmp_path / 'whole')


@pytest.mark.parametrize('layer', LAYERS)
def test_joint_crops_are_where_the_reader_says(tmp_path, layer: str) -> None:
    """A map whose values are its own rows and columns: the features at a joint lead back to the joint."""
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing='ij')
    maps = torch.stack([rows, columns]).expand(30, 2, 9, 7)
    inside = [
        draw_sample(i, keypoints=draw_sample(i).input_center + np.array([[0, 0], [3, -8], [-9, 2]])) for i in range(30)
    ]
    with ReducedWriter(StoreWriter(tmp_path, IDENTITY, dtype='float32'), 'joint_crops') as writer:
        writer.write(inside, {layer: maps, 'rows': maps[:, :1]}, {layer: GRID, 'rows': GRID})
    store = open_store(tmp_path)
    assert store[layer].shape == (30, 3, 2, 1, 1)
    with pytest.raises(InputError, match='is no map of the input'):
        store.to_image(layer, [0, 0])
    with StoreWriter(tmp_path / 'maps', IDENTITY) as writer:
        writer.write(inside, {layer: maps}, {layer: GRID})
    found = np.stack([open_store(tmp_path / 'maps').to_image(layer, store[layer][i, ..., 0, 0], i) for i in range(30)])
    np.testing.assert_allclose(found[..., ::-1], store.samples.keypoints, atol=1e-3)


@pytest.mark.parametrize(
    ('lengths', 'fit', 'during'),
    [
        ((15, 14), 28, True),  # each rank will have fourteen
        ((15, 14), 29, False),  # one would fit at its fifteenth, the other never
        ((15, 15), 30, True),
        ((10, 10), 1000, False),
    ],
)
def test_ranks_fit_at_the_same_time(tmp_path, lengths: tuple[int, int], fit: int, during: bool) -> None:
    """Ranks that wait for each other in fitting do so all during the run, or all at its end."""
    found = []
    for rank, length in enumerate(lengths):
        phase, phases = ['run'], []

        def summed(tensor: torch.Tensor, phase: list[str] = phase, phases: list[str] = phases) -> torch.Tensor:
            phases.append(phase[0])
            return tensor * 2

        writer = ReducedWriter(
            StoreWriter(tmp_path, IDENTITY, rank, 2, expected=sum(lengths)), dict(type='PCA', k=2, fit=fit), summed
        )
        with writer:
            for sample in SAMPLES[rank * 15 : rank * 15 + length]:
                maps = draw_maps([sample])
                writer.write([sample], {name: torch.tensor(maps[name].copy()) for name in LAYERS})
            phase[0] = 'end'
        found.append(phases)
        for file in tmp_path.glob('*fitted*'):
            file.unlink()  # or the second rank, which here comes after the first, would take it
    assert set(found[0]) == set(found[1]) == {'run' if during else 'end'}
    assert len(found[0]) == len(found[1])


@pytest.mark.parametrize('world', [1, 2])
def test_few_samples_wait_where_they_are_large(tmp_path, monkeypatch: pytest.MonkeyPatch, world: int) -> None:
    each = sum(draw_maps(SAMPLES[:1])[name].nbytes for name in LAYERS)
    monkeypatch.setattr(reduced_writer, '_MOST_BYTES', 6 * each)
    seen = []
    sink = StoreWriter(tmp_path, IDENTITY, 0, world, expected=60)
    with ReducedWriter(sink, dict(type='PCA', k=2, fit=1000), lambda tensor: tensor * world) as writer:
        for sample in SAMPLES[:9]:
            maps = draw_maps([sample])
            writer.write([sample], {name: torch.tensor(maps[name].copy()) for name in LAYERS})
            seen.append(sink.has(sample))
    assert seen == [False] * 5 + [True] * 4


def test_refusals(tmp_path) -> None:
    maps = {'a': torch.zeros(1, 2, 3, 3)}
    with pytest.raises(InputError, match='nearest: pooled'):
        ReducedWriter(StoreWriter(tmp_path, IDENTITY), 'poled')
    for reduction, batches_of_one, message in [
        ('joint_crops', [(SAMPLES[0], maps, None)], 'layer a is no map of the input, so joints have no place on it'),
        (
            'joint_crops',
            [(draw_sample(0, keypoints=np.empty((0, 2))), maps, {'a': GRID})],
            'layer a: there are no keypoints',
        ),
        (
            'pooled',
            [(SAMPLES[0], maps, None), (SAMPLES[1], {**maps, 'b': maps['a']}, None)],
            'layer b was not in the first',
        ),
        (dict(type='PCA', k=9), [(SAMPLES[0], maps, None)], 'cannot find k=9 components'),
    ]:
        writer = ReducedWriter(StoreWriter(tmp_path, IDENTITY), reduction)
        with pytest.raises(CaptureError, match=message), writer:
            for sample, arrays, grids in batches_of_one:
                writer.write([sample], arrays, grids)
    StoreWriter(tmp_path, IDENTITY).close()  # no lock is left


def test_what_a_failed_run_fitted_is_no_other_runs(tmp_path) -> None:
    """The second layer has too few channels, so the first one's fit is not kept; nor is one that a kill left."""
    arrays = {'a': torch.randn(1, 5, 3, 3), 'b': torch.randn(1, 2, 3, 3)}
    with (
        pytest.raises(CaptureError, match='cannot find k=3'),
        ReducedWriter(StoreWriter(tmp_path, IDENTITY), dict(type='PCA', k=3)) as writer,
    ):
        writer.write(SAMPLES[:1], arrays)
    assert not list(tmp_path.glob('fitted-*'))
    killed = StoreWriter(tmp_path, IDENTITY)
    killed.save_fitted('a', {'basis': np.ones((3, 5)), 'mean': np.zeros(5)})
    killed.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with ReducedWriter(StoreWriter(tmp_path, {'config': 'other'}), dict(type='PCA', k=2)) as writer:
        writer.write(SAMPLES[:1], {'a': arrays['a']})
    assert open_store(tmp_path)['a'].shape == (1, 2, 3, 3)
