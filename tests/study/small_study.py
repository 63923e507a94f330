"""Studies of fake programs: configs of two lines, results in milliseconds."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from posescope.evaluation.matches_file import save_matches
from posescope.study import Commands, Study, plan_of
from posescope.study.engines import LocalEngine
from tests.evaluation.simulated_matches import simulate

_PROGRAM = (sys.executable, '-S', '-E', str(Path(__file__).with_name('fake_programs.py')))
COMMANDS = Commands(*((*_PROGRAM, name) for name in ('train', 'test', 'calibrate', 'measure', 'study')))


QUICK = {'resamples': 100, 'calibrate': False, 'cost': False}
"""What most tests leave out."""


class SmallStudy:
    """Writes configs and data into a folder, and makes studies of them.

    Args:
        folder: Takes everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.matches = folder / 'matches'
        self.matches.mkdir(parents=True, exist_ok=True)
        for split in ('dev', 'test'):
            (folder / split).mkdir(exist_ok=True)
            content = {'images': [{'id': 1}], 'annotations': [{'id': 1}], 'split': split}
            (folder / f'{split}.json').write_text(json.dumps(content))

    def config(self, name: str, skill: float, epochs: int = 2, more: str = '', **model: Any) -> str:
        """Write a config and return its path."""
        path = self.folder / f'{name}.py'
        content = {'skill': skill, 'matches': str(self.matches), **model}
        pipeline = "[dict(type='TopdownAffine', input_size=(96, 128))]"
        path.write_text(
            f'model = {content!r}\ntrain_cfg = dict(max_epochs={epochs})\n'
            f'test_dataloader = dict(dataset=dict(pipeline={pipeline}, ann_file="x.json"))\n{more}\n'
        )
        return str(path)

    def save_matches(self, skills: dict[float, int], images: int = 80) -> None:
        """Write matches of simulated models: skill -> number of seeds."""
        many = [(skill, seed) for skill, seeds in skills.items() for seed in range(seeds)]
        runs = np.random.default_rng(1)
        spread = [skill + 0.05 * runs.standard_normal() for skill, _ in many]
        found = simulate(np.random.default_rng(0), images, spread, runs=runs)
        for (skill, seed), matches in zip(many, found, strict=True):
            save_matches(self.matches / f'{skill}_{seed}.npz', matches, {})

    def content(self, runs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """A study's dict with both splits."""
        splits = {
            name: {'annotations': str(self.folder / f'{name}.json'), 'images': str(self.folder / name)}
            for name in ('dev', 'test')
        }
        return {'name': 'small', 'splits': splits, 'runs': runs, 'choose_on': 'dev', **QUICK, **more}

    def study(self, content: dict[str, Any], name: str = 'work', **options: Any) -> Study:
        """Open a study in a folder of its own."""
        return Study(plan_of(content), self.folder / name, COMMANDS, **options)

    def run(self, content: dict[str, Any], name: str = 'work', **options: Any) -> dict[str, Any]:
        """Carry a study out and return what it found."""
        study = self.study(content, name, **options)
        with LocalEngine() as engine:
            study.carry_out(engine)
        study.measure_costs()
        return study.put_together()


def started(folder: Path, program: str) -> int:
    """How often a program was started in a trial's folder."""
    lines = (folder / 'run.log').read_text().splitlines() if (folder / 'run.log').is_file() else []
    return sum(line.startswith('$ ') and f'fake_programs.py {program} ' in line for line in lines)


def statuses(found: dict[str, Any]) -> dict[tuple[str, int], str]:
    """Run and seed -> status."""
    return {(run['name'], run['seed']): run['status'] for run in found['runs']}
