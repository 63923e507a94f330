import dataclasses
import json
import pickle
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from mmpose.structures.bbox import get_warp_matrix
from safetensors import safe_open

import posescope
from posescope.capture.store import layer_array
from posescope.capture.store.reader import UnknownNameError, open_store
from posescope.capture.store.writer import StoreWriter
from posescope.errors import InputError
from tests.capture.store.drawn_samples import (
    GRID,
    IDENTITY,
    batches,
    channels_last,
    draw_maps,
    draw_sample,
    write_store,
)

SAMPLES = [draw_sample(i) for i in np.random.default_rng(0).permutation(47).tolist()]
SORTED = sorted(SAMPLES, key=lambda sample: sample.image_id)


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp('store')
    write_store(folder, SAMPLES, details={'model': 'a'})
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return posescope.open_store(folder)


@pytest.fixture(scope='module')
def turned(tmp_path_factory: pytest.TempPathFactory):
    """The same maps, from a model that lies channels-last in memory."""
    folder = tmp_path_factory.mktemp('turned')
    with StoreWriter(folder, IDENTITY, shard_bytes=10 * 970, expected=47) as writer:
        for batch in batches(SAMPLES):
            grids = dict.fromkeys(('backbone[0]', 'backbone[0]@mirrored'), GRID)
            writer.write(batch, channels_last(draw_maps(batch)), grids)
    return open_store(folder)


def test_a_complete_store(store) -> None:
    assert (store.complete, store.missing, store.expected, len(store.samples)) == (True, 0, 47, 47)
    assert store.layers == tuple(store) == ('backbone[0]', 'backbone[0]@mirrored', 'head')
    assert store.identity == IDENTITY
    assert store.details == {'model': 'a'}
    assert store['backbone[0]'].shape == (47, 5, 8, 6)
    assert store['backbone[0]'].dtype == np.float16
    for name, expected in draw_maps(SORTED).items():
        np.testing.assert_array_equal(np.asarray(store[name]), expected.astype(np.float16))


def test_samples_come_back_as_they_went(store) -> None:
    for found, expected in zip(store.samples, SORTED, strict=True):
        for name in expected.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert store.samples.image_ids.tolist() == list(range(47))
    assert store.samples.image_ids.dtype == np.int64
    assert store.samples.keypoints.shape == (47, 3, 2)


@pytest.mark.parametrize(
    'index',
    [
        3, -1, np.int64(7), slice(None), slice(5, 40, 7), slice(30, 2, -3), ..., [4, 4, 46, 0], np.arange(47) % 3 == 0,
        np.array([], int), np.array([[1, 2], [33, 2]]), (slice(2, 30), 1), (5, slice(None), 2),
        ([1, 46], slice(None), 3, 1), (np.array([[1, 2], [33, 2]]), 4), (..., 0), (..., 1, 2),
        (...,), (), (..., None, 3),
    ],
)  # fmt: skip
def test_indexing_is_numpys(store, turned, index) -> None:
    expected = draw_maps(SORTED)['backbone[0]'].astype(np.float16)
    for each in (store, turned):
        np.testing.assert_array_equal(each['backbone[0]'][index], expected[index])


def test_maps_that_lie_channels_last(store, turned) -> None:
    """Nothing but the bytes in the shards is different."""
    assert turned.layers == store.layers
    for name, expected in draw_maps(SORTED).items():
        assert (turned[name].shape, turned[name].dtype) == (store[name].shape, store[name].dtype)
        np.testing.assert_array_equal(np.asarray(turned[name]), expected.astype(np.float16))
        np.testing.assert_array_equal(turned.person(12, 7)[name], store.person(12, 7)[name])
    np.testing.assert_array_equal(turned.to_image('backbone[0]', [1, 2]), store.to_image('backbone[0]', [1, 2]))
    row = turned['backbone[0]'][3]
    assert row.shape == (5, 8, 6)
    assert not row.flags.owndata
    with safe_open(turned.folder / 'rank0-00000.safetensors', 'np') as file:
        found = file.get_tensor('map-channels-last/backbone[0]')
        assert 'map/head' in file.keys()  # noqa: SIM118  it is no mapping
    np.testing.assert_array_equal(found, np.moveaxis(draw_maps(SAMPLES[:10])['backbone[0]'], 1, -1).astype(np.float16))


def test_a_store_of_the_format_before(tmp_path, store) -> None:
    write_store(tmp_path, SAMPLES)
    manifest = json.loads((tmp_path / 'manifest.json').read_bytes())
    assert manifest['format'] == 2
    (tmp_path / 'manifest.json').write_text(json.dumps({**manifest, 'format': 1}))
    old = open_store(tmp_path)
    for name in store.layers:
        np.testing.assert_array_equal(old[name][:], store[name][:])


def test_rows_are_views_of_the_file(store) -> None:
    row = store['head'][3]
    assert not row.flags.owndata
    assert not row.flags.writeable
    assert len(list(store['head'])) == 47
    with pytest.raises(IndexError):
        store['head'][47]


def test_a_person(store) -> None:
    person = store.person(12, 7)
    assert person.sample.key == store.person(np.int64(12)).sample.key == (12, 7)
    assert set(person) == set(store.layers)
    np.testing.assert_array_equal(person['head'], draw_maps([draw_sample(12)])['head'][0].astype(np.float16))
    assert person.get('neck') is None


def test_positions_return_to_the_image(store) -> None:
    """Stride 32: cell (y, x) looks at input pixel (32 y, 32 x); MMPose's matrix leads from there."""
    cells = np.array([[[0, 0], [7, 5]], [[3.5, 1.25], [2, 2]]])
    for key in (5, 30):
        sample = draw_sample(key)
        warp = get_warp_matrix(sample.input_center, sample.input_scale, 0, (192, 256), inv=True)
        for layer, column in (('backbone[0]', 32 * cells[..., 1]), ('backbone[0]@mirrored', 191 - 32 * cells[..., 1])):
            expected = np.stack([column, 32 * cells[..., 0], np.ones((2, 2))], -1) @ warp.T
            found = store.to_image(layer, cells, key)
            np.testing.assert_allclose(found[..., ::-1], expected, atol=1e-3)
            np.testing.assert_array_equal(store.person(key).to_image(layer, cells), found)
            np.testing.assert_array_equal(store.to_image(layer, cells)[key], found)
    assert store.to_image('backbone[0]', [1, 2]).shape == (47, 2)
    assert store.to_image('backbone[0]', [1, 2], 5).shape == (2,)
    assert store.grid('backbone[0]') == dict(scale=[32, 32], offset=[0, 0])


def test_what_cannot_be_mapped_is_refused(store) -> None:
    with pytest.raises(InputError, match=r'layer head .* is no map of the input; layers that are: backbone\[0\], '):
        store.to_image('head', [1, 2])
    with pytest.raises(InputError, match=r'row and column; got \(3,\)'):
        store.to_image('backbone[0]', [1, 2, 3])


def test_unknown_names(store) -> None:
    for act in (lambda: store['backbone'], lambda: store.grid('backbone'), lambda: store.person(3)['backbone']):
        with pytest.raises(UnknownNameError, match=r"^.* holds no layer 'backbone'; nearest: backbone\[0\]"):
            act()
    with pytest.raises(UnknownNameError, match=r'holds no image 470; nearest: 4\d?, '):
        store.person(470)
    with pytest.raises(UnknownNameError, match=r"holds no image '12'; nearest: 12, .* \(ids there are of type int\)"):
        store.person('12')
    with pytest.raises(UnknownNameError, match=r'image 12 of .* has no annotation 8; choose ann_id from: 7'):
        store.person(12, 8)
    assert 'backbone' not in store


def test_several_people_string_ids_and_whole_images(tmp_path) -> None:
    samples = [draw_sample(*key) for key in [('b', 'y'), ('b', 'x'), (9, 1), ('a', None), (9, None), (9, 0), (10, 3)]]
    write_store(tmp_path, samples)
    store = open_store(tmp_path)
    assert store.samples.keys == [(9, None), (9, 0), (9, 1), (10, 3), ('a', None), ('b', 'x'), ('b', 'y')]
    assert store.samples.ann_ids.tolist() == [None, 0, 1, 3, None, 'x', 'y']
    assert store.person(9).sample.ann_id is None
    assert store.person(9, 0).sample.ann_id == 0
    assert store.person('a').sample.key == ('a', None)
    with pytest.raises(UnknownNameError, match=r"image 'b' of .* has several rows; choose ann_id from: 'x', 'y'"):
        store.person('b')
    np.testing.assert_array_equal(
        store.person('b', 'x')['head'], draw_maps([draw_sample('b', 'x')])['head'][0].astype('f2')
    )


def test_without_prediction(tmp_path) -> None:
    write_store(tmp_path, [draw_sample(1, keypoints=np.full((3, 2), np.nan)), draw_sample(2)])
    assert np.isnan(open_store(tmp_path).samples.keypoints[0]).all()


def test_two_ranks_are_one(tmp_path, store) -> None:
    """Ranks whose sampler gave both the same sample to be of equal length."""
    padded = [*SAMPLES, SAMPLES[0]]
    for rank in (1, 0):
        write_store(tmp_path, padded[rank::2], rank=rank, world=2, expected=47, details={'model': 'a'})
    both = open_store(tmp_path)
    assert (both.complete, both.missing, both.samples.keys) == (True, 0, store.samples.keys)
    for name in store.layers:
        np.testing.assert_array_equal(both[name][:], store[name][:])
        np.testing.assert_array_equal(both.to_image('backbone[0]', [1, 2]), store.to_image('backbone[0]', [1, 2]))
    for one, other in zip(both.samples, store.samples, strict=True):
        assert pickle.dumps(one) == pickle.dumps(other)


def test_one_rank_is_not_complete(tmp_path) -> None:
    write_store(tmp_path, SAMPLES[1::2], rank=1, world=2, expected=47)
    with pytest.warns(UserWarning, match='24 of 47 samples are missing; run the same command again'):
        assert not open_store(tmp_path).complete


def test_a_run_that_goes_on(tmp_path) -> None:
    """A reader sees the shards that are there, and is not disturbed by what comes."""
    with StoreWriter(tmp_path, IDENTITY, shard_bytes=10 * 970, queue_bytes=1) as writer:
        for batch in batches(SAMPLES[:24]):
            writer.write(batch, draw_maps(batch))
        while len(list(tmp_path.glob('rank0-*.safetensors'))) < 2:
            pass
        with pytest.warns(UserWarning, match='not complete: a process that writes to it has not ended'):
            store = open_store(tmp_path)
        writer.write(SAMPLES[24:], draw_maps(SAMPLES[24:]))
    assert len(store.samples) == 20
    assert store.missing is None
    expected = sorted(SAMPLES[:20], key=lambda sample: sample.image_id)
    np.testing.assert_array_equal(store['head'][:], draw_maps(expected)['head'].astype(np.float16))
    assert open_store(tmp_path).complete


def test_shards_after_the_mark_mean_that_the_run_goes_on(tmp_path) -> None:
    write_store(tmp_path, SAMPLES[:20], expected=None)
    assert open_store(tmp_path).complete
    with StoreWriter(tmp_path, IDENTITY, shard_bytes=10 * 970) as writer:
        writer.write(SAMPLES[20:30], draw_maps(SAMPLES[20:30]))
        while len(list(tmp_path.glob('rank0-*.safetensors'))) < 3:
            pass
        with pytest.warns(UserWarning, match='has not ended'):
            open_store(tmp_path)


def test_more_shards_than_files_may_be_open(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(layer_array, '_MOST_OPEN', 8)
    samples = [draw_sample(i) for i in range(60)]
    write_store(tmp_path, samples, shard_bytes=970)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path('/proc/self/fd').iterdir()}
    free = [number for number in range(1000) if number not in used]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[20], hard))
    try:
        store = open_store(tmp_path)
        np.testing.assert_array_equal(store['head'][:], draw_maps(samples)['head'].astype(np.float16))
        monkeypatch.setattr(layer_array, '_MOST_OPEN', None)
        with pytest.raises(InputError, match='cannot be read: Too many open files'):
            open_store(tmp_path)['head'][:]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_goes_to_the_workers_of_a_data_loader(store) -> None:
    layer = store['backbone[0]']
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))[5], layer[5])


def test_shards_are_ordinary_safetensors(store) -> None:
    with safe_open(store.folder / 'rank0-00000.safetensors', 'np') as file:
        assert 'map/head' in file.keys()  # noqa: SIM118  it is no mapping
        np.testing.assert_array_equal(file.get_tensor('map/head'), draw_maps(SAMPLES[:10])['head'].astype(np.float16))


def spoil(folder: Path, name: str) -> None:
    path = folder / 'manifest.json'
    content = json.loads(path.read_bytes())
    if name == 'no manifest':
        path.unlink()
    elif name == 'cut manifest':
        path.write_bytes(path.read_bytes()[:-20])
    elif name == 'list':
        path.write_text('[]')
    elif name == 'newer':
        path.write_text(json.dumps({**content, 'format': 3}))
    elif name == 'field':
        path.write_text(json.dumps({key: value for key, value in content.items() if key != 'layers'}))
    elif name == 'layer':
        path.write_text(json.dumps({**content, 'layers': {'head': {}}}))
    elif name == 'folder':
        path.unlink()
        path.mkdir()
    elif name == 'shard':
        shard = folder / 'rank0-00001.safetensors'
        shard.write_bytes(shard.read_bytes()[:-10])
    elif name == 'mark':
        (folder / 'rank0.json').write_text('{')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('no manifest', 'holds no manifest.json: it is no capture store, or its run ended before the first batch'),
        ('cut manifest', 'manifest.json is broken: not a manifest'),
        ('list', 'manifest.json is broken: not a manifest'),
        ('newer', 'manifest.json: format 3 is not known; this version of posescope reads formats 1 to 2'),
        ('field', 'manifest.json is broken: .*layers'),
        ('layer', 'manifest.json is broken: .*layer head lacks'),
        ('folder', 'manifest.json cannot be read: Is a directory'),
        ('shard', r'rank0-00001.safetensors is broken: it has \d+ bytes instead of \d+'),
        ('mark', 'rank0.json is broken; delete it and run the same command again'),
    ],
)
def test_broken_stores_are_named_in_one_line(tmp_path, name: str, message: str) -> None:
    write_store(tmp_path, SAMPLES)
    spoil(tmp_path, name)
    with pytest.raises(InputError, match=message) as caught:
        open_store(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_no_folder(tmp_path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='nowhere is not there; give the folder of a capture store'):
        open_store(tmp_path / 'nowhere')
    with pytest.raises(InputError, match='file is no folder'):
        open_store(tmp_path / 'file')


def test_a_shard_without_the_layer(tmp_path, store) -> None:
    """As of another version, put there by hand."""
    write_store(tmp_path, SAMPLES)
    manifest = json.loads((tmp_path / 'manifest.json').read_bytes())
    manifest['layers']['neck'] = manifest['layers']['head']
    (tmp_path / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r'rank0-00000\.safetensors is broken: it holds no layer neck'):
        open_store(tmp_path)['neck'][SAMPLES[0].image_id]


def test_without_mmpose_and_its_kin(store) -> None:
    code = (
        'import sys, warnings\n'
        'class Missing:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        '        if name.split(".")[0] in ("mmpose", "mmdet", "mmpretrain", "mmcv"):\n'
        '            raise ModuleNotFoundError(name)\n'
        'sys.meta_path.insert(0, Missing())\n'
        'import importlib.util as u\n'
        'find = u.find_spec\n'
        'u.find_spec = lambda name, package=None: None if name == "mmpose" else find(name, package)\n'
        'warnings.simplefilter("ignore")\n'
        'import posescope\n'
        'assert "mmpose" not in sys.modules\n'
        'store = posescope.open_store(sys.argv[1])\n'
        'print(store.person(12)["head"].tolist())\n'
    )
    found = subprocess.run([sys.executable, '-c', code, store.folder], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == store.person(12)['head'].tolist()


def test_equal_ids_on_two_ranks_are_named(tmp_path: Path) -> None:
    """No rank could know while it wrote its own."""
    for rank in range(2):
        with StoreWriter(tmp_path, IDENTITY, rank, 2, expected=2) as writer:
            sample = dataclasses.replace(SAMPLES[0], image_path=f'set{rank}/a.jpg')
            writer.write([sample], draw_maps([sample]))
    with pytest.raises(InputError, match=r'is in set0/a.jpg and in set1/a.jpg: data sets that share ids'):
        open_store(tmp_path)
