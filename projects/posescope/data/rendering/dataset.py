"""Render a split of a data set on several cores; what was stopped goes on where it was."""

import importlib.util
import io
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from posescope.atomic import atomic_write
from posescope.data.body_parts import write_part_map
from posescope.data.rendering.annotations import assemble, describe_image, describe_people
from posescope.data.rendering.parallel import each
from posescope.data.rendering.render_folder import PICTURES_PER_SEED, RenderFolder, RenderSettings, encode
from posescope.errors import NO_ROOM, InputError

if TYPE_CHECKING:
    from posescope.data.rendering.scene import RenderedScene

    Renderer = Callable[[int, int], RenderedScene]

JPEG: dict[str, Any] = {'format': 'JPEG', 'quality': 50, 'subsampling': '4:2:0', 'optimize': True}
_EXTRA = ('anny', 'roma', 'trimesh', 'warp')


def scene_renderer() -> 'Renderer':
    """Load the body model.

    Returns:
        What renders the picture of a seed and an index.

    Raises:
        InputError: A package of the extra ``render`` is missing.
    """
    require_extra()
    from posescope.data.rendering.body import BodyModel
    from posescope.data.rendering.scene import plan_scene, render_scene

    body_model = BodyModel()
    return lambda seed, index: render_scene(plan_scene(seed, index), body_model)


def require_extra() -> None:
    """Raise :class:`InputError` unless the packages that rendering needs are installed."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f'rendering needs {missing[0]}: pip install "posescope[render]"')


def render_dataset(
    out: Path,
    settings: RenderSettings,
    processes: int,
    renderer: Callable[[], 'Renderer'] = scene_renderer,
    check: Callable[[dict[str, Any]], object] | None = None,
) -> dict[str, Any]:
    """Render a split, or what is missing of it.

    The pictures depend on the settings alone. Every finished picture stays whatever happens, and the same call goes on
    from there. The annotations appear once everything is done.

    Args:
        out: Root of the data set.
        settings: What to render.
        processes: How many work side by side, each with one thread.
        renderer: Called once in each process; travels by pickle.
        check: Takes the annotations before they are written, and raises if they are not as they should be.

    Returns:
        The annotations.

    Raises:
        InputError: ``out`` cannot take this render, or the disk is full.
    """
    if processes < 1:
        raise InputError(f'--processes {processes}: at least one process has to work')
    folder = RenderFolder(out, settings)
    finished = folder.read_finished()
    if finished is not None:
        folder.tidy()
        return finished
    if renderer is scene_renderer:
        require_extra()
    with folder.rendering():
        try:
            _render_missing(folder, processes, renderer)
            content = assemble(settings, folder.read_records())
            if check is not None:
                check(content)
            folder.finish(content)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            kept = settings.num - len(folder.missing())
            raise InputError(
                f'{NO_ROOM[error.errno]} in {out}; {kept} of {settings.num} pictures are kept, '
                'the same command goes on when there is room'
            ) from None
    return content


def _render_missing(folder: RenderFolder, processes: int, renderer: Callable[[], 'Renderer']) -> None:
    missing = folder.missing()
    if not missing:
        return
    tasks = [image_id % PICTURES_PER_SEED for image_id in missing]
    with closing(each(tasks, _Prepare(folder, renderer), processes)) as done:
        _show_progress(done, folder.settings, folder.settings.num - len(missing))


@dataclass(frozen=True)
class _Prepare:
    """Makes, within a worker, what renders and stores one picture."""

    folder: RenderFolder
    renderer: Callable[[], 'Renderer']

    def __call__(self) -> Callable[[int], None]:
        render = self.renderer()
        return lambda index: _store(self.folder, index, render(self.folder.settings.seed, index))


def _store(folder: RenderFolder, index: int, scene: 'RenderedScene') -> None:
    """Write the files of a picture, the record last: where it is, everything is."""
    image_id = folder.settings.image_id(index)
    atomic_write(folder.image(image_id), encode_jpeg(scene.image))
    write_part_map(folder.part_map(image_id), scene.part_map)
    record = {
        'image': describe_image(scene, image_id, folder.settings.seed),
        'annotations': describe_people(scene, image_id),
    }
    atomic_write(folder.record(image_id), encode(record))


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode a picture, (H, W, 3) uint8 RGB, as the data set stores it."""
    # Into memory first: Pillow hides the number of an error that a file system gives.
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, **JPEG)
    return buffer.getvalue()


class _Rate(ProgressColumn):
    """Pictures a second."""

    def render(self, task: Task) -> Text:
        return Text(f'{task.speed:.1f}/s' if task.speed else '')


def _show_progress(done: Iterable[int], settings: RenderSettings, already: int) -> None:
    """Advance a bar on stderr with every picture that is done."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(settings.split, total=settings.num, completed=already)
        for _ in done:
            progress.advance(bar)
