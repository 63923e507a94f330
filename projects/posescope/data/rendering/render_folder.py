"""Where a rendered data set lies, what of it is finished, and what in its folder is not ours."""

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.data.body_parts import part_map_path
from posescope.errors import InputError
from posescope.version import __version__

PICTURES_PER_SEED = 100_000
MAX_SEED = 9_999
"""Greatest seed whose picture ids have nine digits; those of seed 0 follow it, with ten."""
_OUR_FILES = {'README.md', 'large_test.sha256'}
_OUR_FOLDERS = {'annotations', 'parts', '.render'}


@dataclass(frozen=True)
class RenderSettings:
    """What decides every pixel of a split.

    Attributes:
        split: Name of the split.
        seed: 0 to :data:`MAX_SEED`.
        num: Number of pictures.
        version: The release that renders; another may draw other pictures.
    """

    split: str
    seed: int
    num: int
    version: str = __version__

    def __post_init__(self) -> None:
        if not 1 <= self.num <= PICTURES_PER_SEED:
            raise InputError(f'--num {self.num}: the number of pictures has to be from 1 to {PICTURES_PER_SEED}')
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f'--seed {self.seed}: a seed has to be from 0 to {MAX_SEED}')
        if not re.fullmatch(r'[A-Za-z0-9][\w-]*', self.split) or self.split in _OUR_FOLDERS:
            raise InputError(
                f'--split {self.split!r}: the name of a split consists of letters, digits, "-" and "_", '
                'and is not "annotations" or "parts"'
            )

    def __str__(self) -> str:
        return f'--num {self.num} --seed {self.seed} --split {self.split} of posescope {self.version}'

    def image_id(self, index: int) -> int:
        """Number the picture ``index`` so that pictures of no two seeds share an id, and none has 0.

        pycocotools takes whatever is matched to an annotation of id 0 as matched to none. So seed 0 has the block of
        ids after that of :data:`MAX_SEED`; any other seed has that of its number.
        """
        return (self.seed or MAX_SEED + 1) * PICTURES_PER_SEED + index


class RenderFolder:
    """The files of one split of a rendered data set.

    Pictures lie in ``OUT/<split>``, part maps in ``OUT/parts/<split>``. While the split is rendered, the labels of each
    finished picture lie in ``OUT/.render/<split>``; in the end they become ``OUT/annotations/<split>.json``.

    Args:
        out: Root of the data set; need not exist.
        settings: What is to be rendered.
    """

    def __init__(self, out: Path, settings: RenderSettings) -> None:
        self.out = out
        self.settings = settings
        self.annotations = out / 'annotations' / f'{settings.split}.json'
        self._records = out / '.render' / settings.split

    @cached_property
    def ids(self) -> list[int]:
        """The picture ids of the whole split."""
        return [self.settings.image_id(index) for index in range(self.settings.num)]

    def image(self, image_id: int) -> Path:
        """The path of a picture."""
        return self.out / self.settings.split / f'{image_id:09d}.jpg'

    def part_map(self, image_id: int) -> Path:
        """The path of a picture's part map."""
        return part_map_path(self.image(image_id))

    def record(self, image_id: int) -> Path:
        """The path of a finished picture's labels while others are still rendered."""
        return self._records / f'{image_id:09d}.json'

    def read_finished(self) -> dict[str, Any] | None:
        """Read the annotations if the whole split is there.

        Returns:
            The decoded file; None if the split is not finished.

        Raises:
            InputError: ``out`` is no folder, holds something else, or another render than this one; a finished split
                lacks files.
        """
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f'{self.out} is a file; give a folder to render into')
        finished, begun = _finished_splits(self.out), _begun_splits(self.out)
        self._refuse_foreign(set(finished), set(begun))
        self._refuse_same_seed({name: _settings_of(name, content) for name, content in finished.items()} | begun)
        if begun.get(self.settings.split, self.settings) != self.settings:
            raise InputError(
                f'{self.out} holds a half-finished render with {begun[self.settings.split]}; go on with these, '
                f'or choose another folder or another --split than with {self.settings}'
            )
        content = finished.get(self.settings.split)
        if content is not None:
            self._refuse_other_render(content)
        return content

    @contextmanager
    def rendering(self) -> Iterator[None]:
        """Make the folders and keep a second process from rendering the same split.

        Raises:
            InputError: Another process is at it.
        """
        self._records.mkdir(parents=True, exist_ok=True)
        with (self._records / 'lock').open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f'another process is rendering --split {self.settings.split} of {self.out}') from None
            settings = self._records / 'settings.json'
            if not settings.exists():
                atomic_write(settings, encode(asdict(self.settings)))
            # After the settings, by which the next process knows these folders as ours.
            for folder in (self.annotations.parent, self.image(0).parent, self.part_map(0).parent):
                folder.mkdir(parents=True, exist_ok=True)
            yield

    def missing(self) -> list[int]:
        """List the pictures that are still to be rendered."""
        return [i for i in self.ids if not (self.record(i).is_file() and self._is_whole(i))]

    def read_records(self) -> list[dict[str, Any]]:
        """Read the labels of all pictures, in their order."""
        return [json.loads(self.record(image_id).read_bytes()) for image_id in self.ids]

    def finish(self, content: dict[str, Any]) -> None:
        """Write the annotations and remove what only helped to go on.

        Args:
            content: The whole annotation file.
        """
        atomic_write(self.annotations, encode(content))
        self.tidy()

    def tidy(self) -> None:
        """Remove records and what a killed process left unfinished."""
        shutil.rmtree(self._records, ignore_errors=True)
        if self._records.parent.is_dir() and not any(self._records.parent.iterdir()):
            self._records.parent.rmdir()
        for folder in (self.image(0).parent, self.part_map(0).parent, self.annotations.parent):
            for unfinished in folder.glob('.*.part'):
                unfinished.unlink(missing_ok=True)

    def _is_whole(self, image_id: int) -> bool:
        return self.image(image_id).is_file() and self.part_map(image_id).is_file()

    def _refuse_foreign(self, finished: set[str], begun: set[str]) -> None:
        """Raise unless everything in ``out`` belongs to rendered data sets."""
        if not self.out.is_dir():
            return
        ours = _OUR_FILES | _OUR_FOLDERS | finished | begun
        foreign = sorted(path for path in self.out.iterdir() if path.name not in ours)
        foreign += sorted(
            path
            for path in self.out.glob('annotations/*')
            if path.stem not in finished and not path.name.endswith('.part')
        )
        if foreign:
            raise InputError(
                f'{self.out} holds something else than rendered people, {foreign[0].relative_to(self.out)}; '
                'give a new or an empty folder'
            )

    def _refuse_same_seed(self, there: dict[str, RenderSettings]) -> None:
        """Raise if another split in ``out`` has the same pictures."""
        for name, settings in there.items():
            if settings.seed == self.settings.seed and name != self.settings.split:
                raise InputError(
                    f'--seed {settings.seed} is that of split {name} in {self.out}, so the pictures would be the same'
                )

    def _refuse_other_render(self, content: dict[str, Any]) -> None:
        """Raise unless a finished split is this one and whole."""
        there = _settings_of(self.settings.split, content)
        if there != self.settings:
            raise InputError(
                f'{self.out} holds a finished render with {there}; '
                f'choose another folder or another --split for {self.settings}'
            )
        missing = [image_id for image_id in self.ids if not self._is_whole(image_id)]
        if missing:
            raise InputError(
                f'{self.annotations} is finished, but {len(missing)} of {self.settings.num} pictures or part maps are '
                f'missing, first {self.image(missing[0])}; remove the folder and render again'
            )


def encode(content: Any) -> bytes:
    """Encode as JSON without spaces."""
    return json.dumps(content, separators=(',', ':')).encode()


def _finished_splits(out: Path) -> dict[str, dict[str, Any]]:
    """Read the annotation files that this renderer wrote, by the name of their split."""
    found = {}
    for path in sorted(out.glob('annotations/*.json')):
        content = read_json(path, 'annotation file')
        info = content.get('info') if isinstance(content, dict) else None
        if isinstance(info, dict) and info.get('rendered') is True and {'seed', 'num', 'version'} <= info.keys():
            found[path.stem] = content
    return found


def _begun_splits(out: Path) -> dict[str, RenderSettings]:
    """Read what half-finished renders were begun with, by the name of their split."""
    paths = out.glob('.render/*/settings.json')
    return {path.parent.name: RenderSettings(**read_json(path, 'settings of a render')) for path in paths}


def _settings_of(split: str, content: dict[str, Any]) -> RenderSettings:
    """Tell what a finished split was rendered with."""
    info = content['info']
    return RenderSettings(split, info['seed'], info['num'], info['version'])
