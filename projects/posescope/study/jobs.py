"""Job files: one script for each trial, for SLURM arrays and whatever else starts programs."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from posescope.atomic import atomic_write
from posescope.study.commands import Commands
from posescope.study.plan import StudyPlan
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial

__all__ = ['emit_jobs']

_ARRAY = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --output={jobs}/%A_%a.log{cpus}
# sbatch --array=0-N {jobs}/array.sbatch WAVE.txt: task i runs the script in line i + 1 of the file.
exec bash {jobs}/"$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {jobs}/"$1")"
"""
_README = """\
{count} jobs of study {name}. On a SLURM cluster `bash {jobs}/submit.sh` queues all of them,
and hands its options on to sbatch (`--gres=gpu:1 --time=4:00:00`, say); elsewhere run the
scripts of wave0.txt in any order on machines that see this folder, then those of wave1.txt, …. When they have ended,
`{merge}` puts everything together and does what may still be missing.
"""


def emit_jobs(
    plan: StudyPlan, folder: StudyFolder, trials: Sequence[Trial], commands: Commands, study: str
) -> list[Path]:
    """Write scripts for all trials that are not finished, in waves: a trial's start is in an earlier one.

    Args:
        plan: The study.
        folder: Of the study; scripts go to its folder ``jobs``.
        trials: All of them.
        commands: ``study`` carries one trial out.
        study: Path of the study's file.

    Returns:
        The scripts, wave by wave.
    """
    jobs = folder.root.absolute() / 'jobs'
    jobs.mkdir(parents=True, exist_ok=True)
    for old in jobs.glob('wave*.txt'):
        old.unlink()
    base = [*commands.study, study, '--work-dir', str(folder.root), '--resume']
    waves: dict[int, list[Path]] = {}
    for trial in trials:
        if trial.finished(plan):
            continue
        script = jobs / f'{trial.run.name}_seed{trial.seed}.sh'
        line = shlex.join([*base, '--only', f'{trial.run.name}:{trial.seed}'])
        atomic_write(script, f'#!/bin/bash\ncd {shlex.quote(str(Path.cwd()))} || exit\nexec {line}\n'.encode())
        script.chmod(0o755)
        waves.setdefault(_wave(plan, trial), []).append(script)
    ordered = [waves[number] for number in sorted(waves)]
    for number, scripts in enumerate(ordered):
        atomic_write(jobs / f'wave{number}.txt', ''.join(f'{script.name}\n' for script in scripts).encode())
    quoted = shlex.quote(str(jobs))
    cpus = '' if plan.threads is None else f'\n#SBATCH --cpus-per-task={plan.threads}'
    atomic_write(jobs / 'array.sbatch', _ARRAY.format(name=plan.name, jobs=quoted, cpus=cpus).encode())
    atomic_write(jobs / 'submit.sh', _submission(quoted, ordered).encode())
    count = sum(len(scripts) for scripts in ordered)
    readme = _README.format(count=count, name=plan.name, jobs=jobs, merge=shlex.join(base))
    atomic_write(jobs / 'README', readme.encode())
    return [script for scripts in ordered for script in scripts]


def _wave(plan: StudyPlan, trial: Trial) -> int:
    start = trial.start
    return 0 if start is None or start.finished(plan) else 1 + _wave(plan, start)


def _submission(jobs: str, waves: Sequence[Sequence[Path]]) -> str:
    lines = ['#!/bin/bash', "# bash submit.sh --gres=gpu:1 --time=4:00:00: options are sbatch's.", 'set -e']
    for number, scripts in enumerate(waves):
        # A trial whose start failed fails alone, so a wave begins whatever became of the one before.
        after = f' --dependency=afterany:$wave{number - 1}' if number else ''
        array = f'--array=0-{len(scripts) - 1}'
        lines.append(f'wave{number}=$(sbatch --parsable "$@" {array}{after} {jobs}/array.sbatch wave{number}.txt)')
    return '\n'.join(lines) + '\n'
