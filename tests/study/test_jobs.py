import os
import shlex
import subprocess
from pathlib import Path

import pytest

import tools.study
from posescope.study import Commands
from tests.study.small_study import COMMANDS, SmallStudy

SBATCH = """#!/bin/bash
# Stands for SLURM: runs an array's tasks at once and prints a number.
for word; do
  case $word in --array=0-*) last=${word#--array=0-};; --dependency=*) echo "$word" >> "$STARTED.after";; esac
done
for i in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$i bash "${@: -2:1}" "${@: -1}" >&2; done
echo "4$last"
"""


def chained(small: SmallStudy) -> dict:
    runs = [
        {'name': 'changed', 'config': small.config('changed', 2.0), 'start': 'base', 'controls': ['nothing']},
        {'name': 'nothing', 'config': small.config('nothing', 1.0), 'start': 'base'},
        {'name': 'base', 'config': small.config('base', 1.0), 'seeds': [0]},
    ]
    return small.content(runs, seeds=[0, 1])


def test_an_array_runs_every_script_after_its_start(small: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small.study(chained(small), 'a work dir')
    scripts = study.emit_jobs('my study.py')
    assert [script.name for script in scripts] == [
        'base_seed0.sh', 'changed_seed0.sh', 'nothing_seed0.sh', 'changed_seed1.sh', 'nothing_seed1.sh',
    ]  # fmt: skip
    (small.folder / 'bin').mkdir()
    (small.folder / 'bin/sbatch').write_text(SBATCH)
    (small.folder / 'bin/sbatch').chmod(0o755)
    monkeypatch.setenv('PATH', f'{small.folder / "bin"}:{os.environ["PATH"]}')
    monkeypatch.setenv('STARTED', str(small.folder / 'started'))
    jobs = study.folder.root / 'jobs'
    subprocess.run(['bash', str(jobs / 'submit.sh')], check=True, cwd='/')
    lines = (small.folder / 'started').read_text().splitlines()
    options = f'my study.py --work-dir {study.folder.root} --resume --only'
    assert lines == [
        f'0 {options} base:0', f'0 {options} changed:0', f'1 {options} nothing:0', f'2 {options} changed:1',
        f'3 {options} nothing:1',
    ]  # fmt: skip
    assert (small.folder / 'started.after').read_text().split() == ['--dependency=afterany:40']
    readme = (jobs / 'README').read_text()
    assert readme.startswith('5 jobs of study small.')
    assert 'my study.py' in readme


def test_jobs_end_in_the_same_as_one_machine(small: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {**chained(small), 'seeds': [0]}
    path = small.folder / 'study.py'
    path.write_text(f'study = {content!r}\n')
    monkeypatch.setattr(Commands, 'of_tools', lambda folder: COMMANDS)
    assert tools.study.main([str(path), '--work-dir', str(small.folder / 'local')]) == 0
    work_dir = small.folder / 'jobs'
    assert tools.study.main([str(path), '--work-dir', str(work_dir), '--emit', 'jobs']) == 0
    for wave in sorted((work_dir / 'jobs').glob('wave*.txt')):
        for name in reversed(wave.read_text().split()):
            last = (work_dir / 'jobs' / name).read_text().splitlines()[-1]
            words = shlex.split(last)
            assert words[: len(COMMANDS.study) + 1] == ['exec', *COMMANDS.study]
            assert tools.study.main(words[len(COMMANDS.study) + 1 :]) == 0
    assert not (work_dir / 'study.json').exists()
    assert tools.study.main([str(path), '--work-dir', str(work_dir), '--resume']) == 0
    assert (work_dir / 'study.json').read_bytes() == (small.folder / 'local/study.json').read_bytes()
    assert Path(work_dir / 'runs/base/seed0/run.log').read_text().count('fake_programs.py train') == 1
