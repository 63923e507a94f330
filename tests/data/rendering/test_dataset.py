"""The same bytes however often and on however many processes a render was stopped and gone on with."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from posescope.data.body_parts import part_map_path, read_part_map
from posescope.data.rendering import dataset
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.digests import pixel_digest
from posescope.data.rendering.render_folder import MAX_SEED, PICTURES_PER_SEED, RenderFolder, RenderSettings
from posescope.errors import InputError
from tests.conftest import ROOT
from tests.data.rendering.flat_scenes import FlatScene, flat_renderer, flat_scene, slow_renderer

SETTINGS = RenderSettings('people', 5, 12)


def files(out: Path) -> dict[str, bytes]:
    """All files of a folder by their relative path."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an undisturbed render."""
    out = tmp_path_factory.mktemp('whole') / 'new' / 'folder'
    render_dataset(out, SETTINGS, 1, flat_renderer)
    return files(out)


def test_layout_and_pixels(whole: dict[str, bytes]) -> None:
    stems = [f'{500000 + index:09d}' for index in range(12)]
    assert set(whole) == {
        'annotations/people.json',
        *(f'people/{stem}.jpg' for stem in stems),
        *(f'parts/people/{stem}.png' for stem in stems),
    }
    images = json.loads(whole['annotations/people.json'])['images']
    assert [image['file_name'] for image in images] == [f'{stem}.jpg' for stem in stems]
    for index, (stem, image) in enumerate(zip(stems, images, strict=True)):
        scene = flat_scene(5, index)
        part_map = np.array(Image.open(io.BytesIO(whole[f'parts/people/{stem}.png'])))
        np.testing.assert_array_equal(part_map, scene.part_map)
        assert image['rendered']['sha256'] == pixel_digest(scene.image, part_map)
        assert Image.open(io.BytesIO(whole[f'people/{stem}.jpg'])).size == (image['width'], image['height'])


def test_ids_of_no_two_seeds_meet_and_none_is_0() -> None:
    first = {seed: RenderSettings('people', seed, 1).image_id(0) for seed in range(MAX_SEED + 1)}
    blocks = sorted(first.values())
    assert blocks[0] == PICTURES_PER_SEED
    assert min(np.diff(blocks)) == PICTURES_PER_SEED
    # Data that are there already, and hashes of them, keep their ids: only those of seed 0 are others.
    assert {seed: place for seed, place in first.items() if place != seed * 100_000} == {0: 1_000_000_000}


@pytest.mark.parametrize('split', ['dev', 'test'])
def test_embedded_pictures_have_these_ids(split: str) -> None:
    content = json.loads((ROOT / f'data/rendered_people/annotations/{split}.json').read_bytes())
    settings = RenderSettings(split, content['info']['seed'], content['info']['num'])
    assert [image['id'] for image in content['images']] == [settings.image_id(index) for index in range(settings.num)]


def test_seed_0_is_rendered_in_order(tmp_path: Path) -> None:
    settings = RenderSettings('people', 0, 3)
    content = render_dataset(tmp_path, settings, 1, flat_renderer)
    assert [image['id'] for image in content['images']] == [1_000_000_000, 1_000_000_001, 1_000_000_002]
    for index, image in enumerate(content['images']):
        path = tmp_path / 'people' / image['file_name']
        np.testing.assert_array_equal(read_part_map(part_map_path(path)), flat_scene(0, index).part_map)
        assert image['rendered']['sha256'] == pixel_digest(flat_scene(0, index).image, flat_scene(0, index).part_map)
    assert render_dataset(tmp_path, settings, 1, flat_renderer) == content


def test_pictures_survive_jpeg(tmp_path: Path) -> None:
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[:60, :80], 128), axis=-1).astype(np.uint8)
    decoded = np.array(Image.open(io.BytesIO(dataset.encode_jpeg(smooth))))
    # Channels in their order, off by the quantisation only.
    assert np.abs(decoded.astype(int) - smooth).max() <= 8


@pytest.mark.long
def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path, whole: dict[str, bytes]) -> None:
    render_dataset(tmp_path, SETTINGS, 2, flat_renderer)
    assert files(tmp_path) == whole


class Stopping:
    """A renderer that fails after a number of pictures."""

    def __init__(self, after: int, error: BaseException) -> None:
        self.left, self.error = after, error

    def __call__(self) -> Callable[[int, int], FlatScene]:
        def render(seed: int, index: int) -> FlatScene:
            self.left -= 1
            if self.left < 0:
                raise self.error
            return flat_scene(seed, index)

        return render


def test_an_interrupted_render_goes_on(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for count in (0, 4, 3):
        with pytest.raises(KeyboardInterrupt):
            render_dataset(tmp_path, SETTINGS, 1, Stopping(count, KeyboardInterrupt()))
        assert not (tmp_path / 'annotations/people.json').exists()
    folder = RenderFolder(tmp_path, SETTINGS)
    assert folder.missing() == folder.ids[7:]
    # What a power cut or a user may do to finished files: their pictures are rendered again.
    folder.image(folder.ids[2]).unlink()
    folder.part_map(folder.ids[3]).unlink()
    (tmp_path / 'people/.000500009.jpg.99.part').write_bytes(b'half')
    last = Stopping(7, AssertionError('rendered too much'))
    render_dataset(tmp_path, SETTINGS, 1, last)
    assert last.left == 0
    assert files(tmp_path) == whole


@pytest.mark.crash
def test_an_error_in_a_process_arrives(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'^no such thing$'):
        render_dataset(tmp_path, SETTINGS, 2, Stopping(2, InputError('no such thing')))


@pytest.mark.crash
def test_a_killed_process_is_named(tmp_path: Path, whole: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match=r'killed a process.*fewer --processes'):
        render_dataset(tmp_path, SETTINGS, 2, dying_renderer)
    render_dataset(tmp_path, SETTINGS, 1, flat_renderer)
    assert files(tmp_path) == whole


def dying_renderer() -> Callable[[int, int], FlatScene]:
    os.kill(os.getpid(), signal.SIGKILL)
    return flat_scene


def test_a_finished_render_is_not_rendered_again(tmp_path: Path) -> None:
    first = render_dataset(tmp_path, SETTINGS, 1, flat_renderer)
    before = files(tmp_path)
    again = render_dataset(tmp_path, SETTINGS, 1, Stopping(0, AssertionError('rendered again')))
    assert again == first
    assert files(tmp_path) == before


def test_a_failed_check_keeps_the_pictures_but_writes_no_annotations(tmp_path: Path) -> None:
    def refuse(coco: dict) -> None:
        assert len(coco['images']) == 12
        raise InputError('not as stated')

    with pytest.raises(InputError, match='not as stated'):
        render_dataset(tmp_path, SETTINGS, 1, flat_renderer, check=refuse)
    assert not (tmp_path / 'annotations/people.json').exists()
    assert RenderFolder(tmp_path, SETTINGS).missing() == []


def test_splits_share_a_folder(tmp_path: Path) -> None:
    other = RenderSettings('dev', 6, 2)
    render_dataset(tmp_path, RenderSettings('train', 5, 2), 1, flat_renderer)
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path, RenderSettings('extra', 7, 2), 1, Stopping(1, KeyboardInterrupt()))
    (tmp_path / 'README.md').write_text('ours')
    render_dataset(tmp_path, other, 1, flat_renderer)
    assert sorted(path.name for path in tmp_path.glob('annotations/*')) == ['dev.json', 'train.json']
    image = RenderFolder(tmp_path, other).image(600001)
    np.testing.assert_array_equal(read_part_map(part_map_path(image)), flat_scene(6, 1).part_map)
    assert sorted(path.name for path in (tmp_path / '.render').iterdir()) == ['extra']


def test_a_full_disk_says_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = dataset._store

    def full(folder: RenderFolder, index: int, scene: FlatScene) -> None:
        if index == 3:
            raise OSError(errno.ENOSPC, 'No space left on device')
        store(folder, index, scene)

    monkeypatch.setattr(dataset, '_store', full)
    with pytest.raises(InputError, match=r'no space left on the disk in .*; 3 of 12 pictures are kept'):
        render_dataset(tmp_path, SETTINGS, 1, flat_renderer)


def test_two_renders_of_one_split_do_not_mix(tmp_path: Path) -> None:
    with (
        RenderFolder(tmp_path, SETTINGS).rendering(),
        pytest.raises(InputError, match='another process is rendering --split people'),
    ):
        render_dataset(tmp_path, SETTINGS, 1, flat_renderer)


def test_threads_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {'torch': 5, 'cv2': 6}
    seen = []
    fake = {
        'torch': SimpleNamespace(
            get_num_threads=lambda: counts['torch'], set_num_threads=lambda number: counts.update(torch=number)
        ),
        'cv2': SimpleNamespace(
            getNumThreads=lambda: counts['cv2'], setNumThreads=lambda number: counts.update(cv2=number)
        ),
    }
    for name, module in fake.items():
        monkeypatch.setattr(f'posescope.data.rendering.parallel.{name}', module)

    def renderer() -> Callable[[int, int], FlatScene]:
        seen.append(dict(counts))
        return flat_scene

    render_dataset(tmp_path, SETTINGS, 1, renderer)
    assert seen == [{'torch': 1, 'cv2': 1}]
    assert counts == {'torch': 5, 'cv2': 6}


SLOW = """
import sys
from pathlib import Path
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.render_folder import RenderSettings
from tests.data.rendering.flat_scenes import slow_renderer
if __name__ == '__main__':
    render_dataset(Path(sys.argv[1]), RenderSettings('people', 5, 12), 2, slow_renderer)
"""


@pytest.mark.crash
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_renders_go_on(tmp_path: Path, whole: dict[str, bytes], how: signal.Signals) -> None:
    script, out = tmp_path / 'slow.py', tmp_path / 'out'
    script.write_text(SLOW)
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen([sys.executable, script, out], env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(out.glob('.render/people/0*.json'))) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)  # the children have to notice by themselves
    process.wait(timeout=60)
    while group_is_alive(process.pid):
        assert time.monotonic() < deadline, 'children outlived their parent'
        time.sleep(0.05)
    assert 3 <= len(list(out.glob('.render/people/0*.json'))) < 12
    render_dataset(out, SETTINGS, 2, slow_renderer)
    assert files(out) == whole


def group_is_alive(group: int) -> bool:
    """Whether a process of a group runs; zombies that nobody waits for do not count."""
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != 'Z':
            return True
    return False
