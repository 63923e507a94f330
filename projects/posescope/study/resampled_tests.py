"""Tests of a study on the same resamples of their images: each is resampled once, whatever it is compared with."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posescope.atomic import replacing
from posescope.data.annotations import read_json
from posescope.errors import InputError
from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.bootstrap import Progress, Resamples, resample
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.matching import Matches
from posescope.evaluation.same_people import MEASURE, check_same, check_same_measure, people_digest
from posescope.study.plan import Split
from posescope.study.tested_data import digest_of_file
from posescope.version import __version__

__all__ = ['ResampledTests', 'scenes']


@dataclass(frozen=True)
class _Test:
    """One model, resampled, a digest of the people whom it was tested on, and by which measure, as JSON."""

    found: Resamples
    people: str
    measure: str


class ResampledTests:
    """Resamples the images of a study's tests, and keeps what came out.

    All are drawn with the same seed, so those of one split share their resampled images, and any of them put together
    are what resampling them together gives, to the bit. One takes 80 kB for 1000 resamples, however many people
    were tested on; matches are read when they are resampled, and not kept.

    Args:
        resamples: How many.
        folder: Of files that keep them for the next time, made if it is missing; None: in memory alone.
        show: Gives for a test's name what shows how far its resampling is.
    """

    def __init__(
        self, resamples: int, folder: Path | None = None, show: Callable[[str], Progress | None] = lambda name: None
    ) -> None:
        self._resamples, self._folder, self._show = resamples, folder, show
        self._tests: dict[str, _Test] = {}

    def together(self, files: Mapping[str, Path], split: Split) -> Resamples:
        """Give tests on the same resamples.

        Args:
            files: What to call a test -> its ``matches.npz``.
            split: That they were tested on.

        Returns:
            All of them, in this order.

        Raises:
            InputError: They were not tested on the same people by the same measure, a file is damaged, or an image has
                no scene.
        """
        tests = [self._test(name, path, split) for name, path in files.items()]
        if len({test.people for test in tests}) > 1:
            check_same([load_matches(path).matches for path in files.values()], list(files))
        check_same_measure([json.loads(test.measure) for test in tests], list(files))
        return Resamples.joined([test.found for test in tests])

    def _test(self, name: str, path: Path, split: Split) -> _Test:
        of_scenes = split.units and digest_of_file(Path(split.units))
        key = __version__, self._resamples, digest_of_file(path), of_scenes
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
        if digest not in self._tests:
            kept = None if self._folder is None else self._folder / f'{digest}.npz'
            test = None if kept is None else _read(kept, self._resamples)
            if test is None:
                file = load_matches(path)
                matches, measure = file.matches, {key: file.meta[key] for key in MEASURE if key in file.meta}
                drawn = resample([matches], self._resamples, 0, scenes(split, matches), self._show(name))
                test = _Test(drawn, people_digest(matches), json.dumps(measure))
                if kept is not None:
                    _write(kept, test)
            self._tests[digest] = test
        return self._tests[digest]


def _write(path: Path, test: _Test) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open('wb') as file:
        np.savez(file, people=np.array(test.people), measure=np.array(test.measure), **vars(test.found))


def _read(path: Path, resamples: int) -> _Test | None:
    """Read a file; one that is damaged is as good as none."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = Resamples(stored['values'], stored['drawn'], stored['units'])
            people, measure = str(stored['people']), str(stored['measure'])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return _Test(found, people, measure) if found.drawn.shape == (resamples, 1, len(STATISTICS)) else None


def scenes(split: Split, matches: Matches) -> Any:
    """Which scene each image shows, (I,); None where every image is by itself.

    Raises:
        InputError: The split's file is no JSON object or lacks an image.
    """
    if split.units is None:
        return None
    content = read_json(Path(split.units), 'file of units')
    ids = [str(identity) for identity in matches.image_ids.tolist()]
    lost = [identity for identity in ids if not isinstance(content, dict) or identity not in content]
    if lost:
        raise InputError(f'{split.units} says no scene of image {lost[0]} ({len(lost)} of {len(ids)} images)')
    return np.array([str(content[identity]) for identity in ids])
