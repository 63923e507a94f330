import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.matches_file import load_matches, save_matches
from posescope.evaluation.matching import Matches
from tests.evaluation.drawn_detections import draw, matched
from tests.evaluation.simulated_matches import simulate

META = {'config': 'td-hm_res50.py', 'seed': 3}


@pytest.fixture(scope='module')
def matches() -> Matches:
    content, (results, _) = draw(0)
    return matched(content, results)


@pytest.fixture
def saved(matches: Matches, tmp_path: Path) -> Path:
    path = tmp_path / 'matches.npz'
    save_matches(path, matches, AveragePrecision(matches).statistics(), META)
    return path


def assert_same(one: Matches, other: Matches) -> None:
    for field in dataclasses.fields(Matches):
        expected, found = (np.asarray(getattr(each, field.name)) for each in (one, other))
        np.testing.assert_array_equal(found, expected, err_msg=field.name)
        assert found.dtype == expected.dtype, field.name


def test_nothing_is_lost(matches: Matches, saved: Path) -> None:
    found = load_matches(saved)
    assert_same(matches, found.matches)
    assert found.statistics == AveragePrecision(matches).statistics() == AveragePrecision(found.matches).statistics()
    assert found.meta == META
    assert [path.name for path in saved.parent.iterdir()] == ['matches.npz']


def test_names_of_images_and_nobody(matches: Matches, tmp_path: Path) -> None:
    named = dataclasses.replace(matches, image_ids=np.array([f'bild {i:02}é' for i in range(len(matches.image_ids))]))
    (empty,) = simulate(np.random.default_rng(0), 0)
    for kind in (named, empty):
        save_matches(tmp_path / 'matches.npz', kind, {'AP': -1})
        found = load_matches(tmp_path / 'matches.npz')
        assert_same(kind, found.matches)
        assert (found.statistics, found.meta) == ({'AP': -1.0}, {})


def test_one_size_is_small(tmp_path: Path) -> None:
    """A hundred thousand detections, ten thresholds."""
    (matches,) = simulate(np.random.default_rng(0), 5000, thresholds=np.linspace(0.5, 0.95, 10), spurious=18)
    assert len(matches.scores) > 90_000
    save_matches(tmp_path / 'matches.npz', matches, {})
    assert (tmp_path / 'matches.npz').stat().st_size < 3e6


def test_same_content_same_bytes(matches: Matches, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    save_matches(saved, matches, AveragePrecision(matches).statistics(), META)
    assert saved.read_bytes() == before


@pytest.mark.parametrize('kind', ['missing', 'folder'])
def test_cannot_be_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path if kind == 'folder' else tmp_path / 'matches.npz'
    with pytest.raises(InputError, match='directory') as raised:
        load_matches(path)
    assert str(raised.value).startswith(f'{path}: ')


def spoiled(path: Path, **changes: np.ndarray | None) -> bytes:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files} | changes
    out = io.BytesIO()
    np.savez_compressed(out, **{name: value for name, value in arrays.items() if value is not None})
    return out.getvalue()


FOREIGN = {
    'empty': lambda path: b'',
    'text': lambda path: b'{"AP": 0.5}',
    'cut off': lambda path: path.read_bytes()[:-100],
    'damaged': lambda path: path.read_bytes()[:300] + b'\xff\x00\xff' + path.read_bytes()[303:],
    'no array': lambda path: spoiled(path, scores=None),
    'no header': lambda path: spoiled(path, header=None),
    'other header': lambda path: spoiled(path, header=np.frombuffer(b'{"format": "x", "version": 1}', np.uint8)),
    'header is a list': lambda path: spoiled(path, header=np.frombuffer(b'[]', np.uint8)),
    'header of numbers': lambda path: spoiled(path, header=np.arange(3.0)),
    'pickle': lambda path: spoiled(path, scores=np.array([{}], object)),
    'shape': lambda path: spoiled(path, image=np.zeros(3, np.int64)),
    'type': lambda path: spoiled(path, image=np.zeros(len(np.load(path)['image']))),
    'unknown image': lambda path: spoiled(path, image=np.load(path)['image'] + 1000),
    'unknown person': lambda path: spoiled(path, person=np.load(path)['person'] + 1000),
}


@pytest.mark.parametrize('kind', FOREIGN)
def test_something_else(kind: str, saved: Path, tmp_path: Path) -> None:
    path = tmp_path / 'other.npz'
    path.write_bytes(FOREIGN[kind](saved))
    with pytest.raises(InputError) as raised:
        load_matches(path)
    assert str(raised.value) == f'{path}: damaged, or not a file of matches (matches.npz)'


def test_single_array(tmp_path: Path) -> None:
    path = tmp_path / 'array.npy'
    np.save(path, np.zeros(3))
    with pytest.raises(InputError, match='not a file of matches'):
        load_matches(path)


def test_newer_version(saved: Path, tmp_path: Path) -> None:
    with np.load(saved) as stored:
        header = stored['header'].tobytes().replace(b'"version": 1', b'"version": 7')
    path = tmp_path / 'newer.npz'
    path.write_bytes(spoiled(saved, header=np.frombuffer(header, np.uint8)))
    with pytest.raises(InputError, match=r'newer posescope \(format 7, known are up to 1\)'):
        load_matches(path)


def test_a_failure_leaves_the_old_file(matches: Matches, saved: Path) -> None:
    before = saved.read_bytes()
    for meta, error in (({'x': object()}, TypeError), ({'x': float('nan')}, ValueError)):
        with pytest.raises(error):
            save_matches(saved, matches, {}, meta)
    assert saved.read_bytes() == before
    assert zipfile.is_zipfile(saved)
