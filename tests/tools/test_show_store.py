"""tools/show_store.py on stores of drawn samples."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posescope.capture.pictures import Place
from posescope.capture.store.reader import open_store
from tests.capture.pictures.drawn_crop import STYLE
from tests.capture.store.drawn_samples import draw_sample, write_store
from tools.show_store import find, main

SKELETON = {
    'joints': list(STYLE.joints),
    'links': STYLE.links.tolist(),
    'joint_colours': STYLE.joint_colours.tolist(),
    'link_colours': STYLE.link_colours.tolist(),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((400, 400, 3), np.uint8)).save(tmp_path / '3.png')
    samples = [draw_sample(image, 7, image_path=str(tmp_path / '3.png')) for image in range(3, 9)]
    write_store(tmp_path / 'features', samples, details={'kind': 'features', 'skeleton': SKELETON})
    return tmp_path / 'features'


def test_layers_and_people_are_listed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(store)]) == 0
    shown = capsys.readouterr().out
    assert '5 × 8 × 6 │ float16 │ 32 × 32' in shown
    assert '6 rows, complete' in shown


def test_a_person_is_drawn(store: Path, tmp_path: Path) -> None:
    assert main([str(store), '--person', '3,7', '--joint', 'left_wrist', '--out', str(tmp_path / 'maps')]) == 0
    assert {path.name for path in (tmp_path / 'maps').iterdir()} == {'layers.png', 'backbone[0].png'}
    with Image.open(tmp_path / 'maps' / 'layers.png') as picture:
        assert min(picture.size) > 200


def test_a_strip_of_stores_has_a_panel_each(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tools.show_store as tool

    drawn = []
    monkeypatch.setattr(tool, 'draw_stack_strip', lambda *args, **options: drawn.append((args, options)) or _Figure())
    options = ['--person', '3', '--strip', 'backbone[0]', '--joint', 'right_wrist', '--out', str(tmp_path / 'maps')]
    assert main([str(store), str(store), *options]) == 0
    (crops, maps, _, names, title), chosen = drawn[0]
    assert [values.shape for values in maps] == [(8, 6), (8, 6)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert names == ['features', 'features']
    assert len(crops) == 2
    assert (title, chosen['joint']) == ('backbone[0], channel 2', 'right_wrist')


def test_every_store_s_map_lies_where_its_own_crop_was(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tools.show_store as tool

    samples = [draw_sample(3, 7, input_center=np.array([90.0, 60.0]), input_scale=np.array([60.0, 80.0]))]
    write_store(tmp_path / 'later/features', samples, details={'kind': 'features', 'skeleton': SKELETON})
    drawn = []
    monkeypatch.setattr(tool, 'draw_stack_strip', lambda *args, **options: drawn.append(args) or _Figure())
    layers = ['backbone[0]', 'backbone[0]@mirrored']
    strips = [option for layer in layers for option in ('--strip', layer)]
    assert (
        main([str(store), str(tmp_path / 'later/features'), '--person', '3', *strips, '--out', str(tmp_path / 'maps')])
        == 0
    )
    crops, maps, grids, names, _ = drawn[0]
    folders = ('features', 'later/features')
    assert names == [f'{folder} {layer}' for folder in folders for layer in layers]
    people = [open_store(tmp_path / folder).person(3) for folder in folders for _ in layers]
    for crop, values, grid, person, layer in zip(crops, maps, grids, people, layers * 2, strict=True):
        row, column = np.unravel_index(values.argmax(), values.shape)
        expected = person.to_image(layer, np.array([row, column]))[::-1]
        np.testing.assert_allclose(Place(grid, crop.to_image).to_pixels((row, column)), expected, atol=1e-3)


def test_stores_of_other_joints_make_no_strip(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {**SKELETON, 'joints': ['nose', 'tail', 'paw']}
    write_store(tmp_path / 'animals', [draw_sample(3, 7)], details={'kind': 'features', 'skeleton': other})
    assert main([str(store), str(tmp_path / 'animals'), '--person', '3', '--strip', 'backbone[0]']) == 2
    assert 'animals has other joints than' in capsys.readouterr().err


class _Figure:
    def savefig(self, path: Path, **options: object) -> None:
        path.write_bytes(b'')


def test_a_lost_photograph_is_said_and_maps_are_drawn_without(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / '3.png').unlink()
    assert main([str(store), '--person', '3', '--out', str(tmp_path / 'maps')]) == 0
    assert '3.png is not there, so maps are drawn without it' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (['--person', '33'], '33'),
        (['--person', '3', '--joint', 'left_rist'], 'left_wrist'),
        (['--person', '3', '--strip', 'backbone[1]'], r'backbone\[0\]'),
        (['--person', '3', '--strip', 'head'], 'no map of channel'),
        (['--person', '3', '--strip', 'backbone[0]', '--channel', '9'], 'channel 9'),
    ],
)
def test_bad_input_ends_in_one_line(
    options: list[str], complaint: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(store), *options, '--out', str(tmp_path / 'maps')]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert re.search(complaint, error)
    assert not (tmp_path / 'maps').exists()


def test_a_folder_that_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert 'manifest.json' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('typed', 'image'),
    [('000139,7', '000139'), ('000139', '000139'), ('²,7', '²'), ('a,b', 'a,b'), ('12,7', 12), ('+12', 12)],
)
def test_people_are_found_by_their_ids_as_they_stand_in_the_store(typed: str, image: int | str, tmp_path: Path) -> None:
    samples = [draw_sample(image_id, 7) for image_id in (12, 139, '000139', '²', 'a,b')]
    write_store(tmp_path, samples)
    assert find(open_store(tmp_path), typed).sample.image_id == image


@pytest.mark.parametrize('typed', ['²', '12,²', '--1'])
def test_ids_that_look_like_numbers_and_are_none(
    typed: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(store), f'--person={typed}', '--out', str(tmp_path / 'maps')]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
