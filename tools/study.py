#!/usr/bin/env python
"""Carry out a study: train, test and compare a matrix of runs and seeds, resume after any stop, say what it cost."""

import argparse
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import posescope  # noqa: F401  makes MMPose importable
from posescope.data.annotations import read_json
from posescope.engine.command import command
from posescope.errors import InputError
from posescope.study import Commands, Study, StudyFolder, StudyPlan, read_study
from posescope.study.checks import check_files
from posescope.study.engines import Engine, EngineLostError, LocalEngine
from posescope.study.forecast import detectable, expected_seconds
from posescope.study.host import available_cores, workers_of
from posescope.study.pilot import OtherProcess, piloted_seconds
from posescope.study.record import FAILED, FINISHED, RUNNING, WAITING
from posescope.study.survey import Trial
from posescope.study.thread_counts import common_threads, differing_threads
from posescope.study.trial import TrialTask

DESCRIPTION = """\
Carry out a study: a Python file that lists runs, each with a config, seeds and controls, the splits they are tested on,
and the comparisons that will be made. What is missing is trained and tested, what is finished is never run again.

  tools/study.py configs/studies/smoke_rendered.py --dry-run        # what would run, how long, what it could find
  tools/study.py configs/studies/smoke_rendered.py
  tools/study.py configs/studies/smoke_rendered.py --resume         # go on after a stop, with the same results
  tools/study.py STUDY --workers 2                                  # two at a time, the cores divided
  tools/study.py STUDY --workers 1                                  # one at a time, with its energy measured
  tools/study.py STUDY --engine ray --ray-address auto              # on the machines of a Ray cluster
  tools/study.py STUDY --emit jobs                                  # scripts for SLURM and the like; --resume merges

A study file, explained in docs/studies.md:

  study = dict(
      name='mine',
      splits=dict(
          dev=dict(annotations='data/rendered_people/annotations/dev.json', images='data/rendered_people/dev'),
          test=dict(annotations='data/rendered_people/annotations/test.json', images='data/rendered_people/test'),
      ),
      choose_on='dev',
      seeds=[0, 1, 2, 3, 4],
      runs=[
          dict(name='nothing', config='configs/selection/rendered/default.py'),
          dict(name='changed', config='configs/mine.py', controls=['nothing'], finding='findings.json#inversion'),
      ],
  )

The work dir gets study.md, study.json, timing.json (everything that a clock said), figures, and runs/<run>/seed<k>/
with a small record.json and a run.log each. Exit status: 0 if all is finished, 1 if a run failed, 2 on bad input.
"""


def main_parser() -> argparse.ArgumentParser:
    """Options of this tool."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', metavar='STUDY', help='Python file with study = dict(…)')
    parser.add_argument('--work-dir', type=Path, metavar='D', help='folder of the study, default work_dirs/<its name>')
    parser.add_argument('--resume', action='store_true', help='go on with the study in the work dir')
    parser.add_argument(
        '--redo', action='append', default=[], metavar='RUN', help='run it again, also if it is finished'
    )
    parser.add_argument('--only', action='append', default=[], metavar='RUN[:SEED]', help='carry out just this; repeat')
    parser.add_argument('--engine', choices=['local', 'ray'], default='local', help='default %(default)s')
    parser.add_argument(
        '--workers', type=int, metavar='N',
        help='runs at a time here; default: the cores divided by the threads that the study sets, with a GPU for each '
        'where there are any; 1 if it sets none',
    )  # fmt: skip
    parser.add_argument(
        '--ray-address', metavar='ADDRESS', help='of a Ray cluster, or auto; default: one on this machine'
    )
    parser.add_argument('--emit', choices=['jobs'], help='write job scripts instead of running anything')
    parser.add_argument('--dry-run', action='store_true', help='say what would be done, and stop')
    return parser


def count_workers(args: argparse.Namespace, plan: StudyPlan) -> int:
    """Runs at a time: as many as the options say, else as fit on this machine."""
    if args.workers is not None:
        return int(args.workers)
    # How many run on a cluster, Ray decides.
    return 1 if args.ray_address is not None else workers_of(plan.threads, len(plan.named(args.only)))


def make_engine(args: argparse.Namespace, plan: StudyPlan) -> Engine:
    """Make the engine that the options ask for."""
    if args.ray_address is not None and args.engine != 'ray':
        raise InputError('--ray-address is for --engine ray')
    if args.engine == 'ray':
        from posescope.study.engines.ray_cluster import RayEngine

        return RayEngine(args.ray_address, args.workers, plan.threads)
    # Energy is that of the machine; a part of a study is run beside others, as the jobs of --emit are.
    return LocalEngine(args.workers, _say_waiting, metered=not args.only)


def _say_waiting(task: TrialTask) -> None:
    print(f'waiting for another process on {task.name} seed {task.seed}')


def settle_threads(study: Study, engine: Engine, args: argparse.Namespace) -> list[str]:
    """Give what is missing as many threads as what has run already, if the study does not say how many.

    Who queues jobs, or asks a cluster for CPUs, has said how many by that, and is only told of a difference.

    Args:
        study: The study.
        engine: Takes the number.
        args: Options of this tool.

    Returns:
        What there is to say about it, each in a line.
    """
    begun = [trial for trial in study.trials if trial.record is not None and trial.record.status in (RUNNING, FINISHED)]
    hosts = [(trial.label, trial.record.host) for trial in begun if trial.record is not None]
    differing = differing_threads(hosts)
    before, here = common_threads(hosts), engine.threads
    settled = study.plan.threads is not None or not study.unfinished or args.emit
    if settled or before is None or before == here:
        return [differing] if differing else []
    if args.engine == 'ray' or args.only:
        return [f'Earlier runs of this study had {before} threads, this has {here}: the last digits will differ.']
    engine.threads = before
    slow = ', and has fewer cores: it will be slow' if before > available_cores() else ''
    return [f'Each run gets {before} threads, as earlier ones of this study had; this machine would give {here}{slow}.']


def print_plan(study: Study, args: argparse.Namespace, threads: int, remarks: Sequence[str]) -> None:
    """Say what will be done, how long it will take, what it could find, and what else is to be remarked."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    plan, workers = study.plan, args.workers
    table = Table(title=escape(plan.title or plan.name), title_justify='left')
    for heading in ('run', 'config', 'seeds', 'finished', 'starts from', 'controls', 'finding'):
        table.add_column(heading)
    for run in plan.runs.values():
        own = [trial for trial in study.trials if trial.run.name == run.name]
        done = sum(trial.finished(plan) for trial in own)
        cells = [run.start or '', ', '.join(run.controls), run.finding or '']
        seeds = ' '.join(map(str, run.seeds)) if run.train else 'not trained'
        table.add_row(*map(escape, (run.name, run.config, seeds, f'{done} of {len(own)}', *cells)))
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width, and half a row is no use
        console.width = 160
    console.print(table)
    lines = [f'Tested on {", ".join(plan.splits)}; ' + _use_of_splits(plan)]
    seconds = expected_seconds(plan, study.trials, workers)
    if not study.unfinished:
        lines.append('Nothing is left to run.')
    elif seconds is None:
        lines.append(_piloted(study, workers, threads))
    else:
        lines.append(f'Expected time: {_duration(seconds)} for {len(study.unfinished)} trainings and tests.')
    if study.unfinished and not args.emit and args.ray_address is None:
        lines.append(f'{workers} at a time, each with {threads} thread{"" if threads == 1 else "s"}.')
    for one in detectable(plan, study.folder, study.trials):
        value = '' if one.delta is None else f'{one.delta:.4f}, '
        lines.append(f'Least detectable difference of {one.comparison} (80 % power): {value}{one.reason}.')
    problems = {trial.run.name: trial.problem for trial in study.trials if trial.problem and trial.finished(plan)}
    lines += [f'{name}: its results stay, though its config does not load: {why}' for name, why in problems.items()]
    for line in [*lines, *remarks]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _piloted(study: Study, workers: int, threads: int) -> str:
    from rich.console import Console

    with Console(stderr=True).status('timing a few steps of each model'), OtherProcess() as timer:
        seconds = piloted_seconds(study.plan, study.trials, workers, threads, timer)
    if seconds is None:
        return 'Expected time: unknown until the first run has ended.'
    return f'Expected time: more than {_duration(seconds)}, which the steps alone take; better known after a run'


def _use_of_splits(plan: StudyPlan) -> str:
    choice = 'nothing is chosen' if plan.choose_on is None else f'{plan.criterion} on {plan.choose_on} chooses'
    count = len(plan.comparisons)
    return f'{choice}; {count} declared comparison{"" if count == 1 else "s"}.'


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f'{seconds:.0f} s' if minutes < 2 else f'{minutes:.0f} min' if minutes < 120 else f'{minutes / 60:.1f} h'


def carry_out(study: Study, trials: Sequence[Trial], engine: Engine, workers: int) -> None:
    """Run what is missing, with a line for each that ends and a bar for all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    missing = [trial for trial in trials if not trial.finished(study.plan)]
    if not missing:
        return
    columns = TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        whole = bar.add_task('runs', total=len(missing))

        def report(trial: Trial) -> None:
            bar.advance(whole)
            left = expected_seconds(study.plan, study.trials, workers)
            ending = f', {_duration(left)} left' if left else ''
            line = f'{trial.label}: {_result(study.plan, trial)}{ending}'
            console.print(line, highlight=False, markup=False, soft_wrap=True)

        try:
            with engine:
                study.carry_out(engine, missing, report)
        except EngineLostError as error:
            raise EngineLostError(f'{error}; the records are intact, --resume goes on') from error


def _result(plan: StudyPlan, trial: Trial) -> str:
    record = trial.record
    if record is None or record.status not in (FINISHED, FAILED):
        return 'stopped; --resume goes on'
    if record.status == FAILED:
        return f'failed: {record.reason}'
    value = record.metrics.get(plan.inner_split, {}).get(plan.criterion)
    return f'{plan.criterion} on {plan.inner_split} {"undefined" if value is None else f"{value:.3f}"}'


def finish(study: Study) -> dict[str, Any]:
    """Measure costs, compare, draw, and write everything down."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    from posescope.report.study_figures import write_figures

    console = Console(stderr=True)
    study.measure_costs(lambda name: console.print(f'measuring what {name} costs', highlight=False, markup=False))

    def show(name: str) -> Any:
        return lambda loop: track(
            loop, description=escape(name), console=console, transient=True, disable=not console.is_terminal
        )

    root = study.folder.root
    return study.put_together(show, lambda content, timing: write_figures(root, content, timing))


def print_results(study: Study, found: dict[str, Any]) -> None:
    """Say where the results are, what they say in one line each, and what failed."""
    for one in found['comparisons']:
        if one['delta_ap'] is None:
            print(f'{one["name"]}: {one["verdict"]}')
        else:
            interval = '' if one['low'] is None else f' ({one["low"]:+.4f} to {one["high"]:+.4f})'
            found_on = f'{one["delta_ap"]:+.4f}{interval} on {one["split"]}'
            print(f'{one["name"]}: {one["criterion"]} {found_on}: {one["verdict"]}')
    if found['chosen'] is not None:
        print(f'best on {found["chosen"]["split"]}: {found["chosen"]["name"]}, {found["chosen"]["mean"]:.3f}')
    print(f'written to {study.folder.root}: study.md, study.json, timing.json, figures')
    for trial in study.unfinished:
        status = WAITING if trial.record is None else trial.record.status
        reason = '' if trial.record is None or not trial.record.reason else f': {trial.record.reason}'
        print(f'{trial.label} {status}{reason}', file=sys.stderr)


def _refuse_other_study(root: Path, plan: StudyPlan) -> None:
    """Results of two studies cannot lie in one folder."""
    path = root / 'study.json'
    found = read_json(path, 'results of a study') if path.is_file() else {}
    other = found.get('name', plan.name) if isinstance(found, dict) else plan.name
    if other != plan.name:
        raise InputError(f'{root} holds study {other}, not {plan.name}: give --work-dir another folder')


def _stop(signum: int, frame: Any) -> None:
    """A machine that is shut down, or a job that ran out of time, stops programs as Ctrl-C does."""
    raise KeyboardInterrupt


@partial(command, resumable=True)
def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a study as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = main_parser().parse_args(argv)
    plan = read_study(args.study, files=not args.dry_run)
    root = args.work_dir or Path('work_dirs') / plan.name
    goes_on = args.resume or args.redo or args.emit or args.dry_run
    if not goes_on and not StudyFolder(root).is_new():
        raise InputError(f'{root} holds a study already: --resume goes on with it, --redo RUN runs one again')
    _refuse_other_study(root, plan)
    plan.named(args.only)
    args.workers = count_workers(args, plan)
    engine = make_engine(args, plan)
    redone = [] if args.dry_run else args.redo
    commands = Commands.of_tools(Path(__file__).resolve().parent)
    study = Study(plan, root, commands, redone, starts=not args.dry_run)
    trials = study.only(args.only)
    remarks = settle_threads(study, engine, args)
    if args.only:
        print(*remarks, sep='\n', end='\n' * bool(remarks), file=sys.stderr)
    else:
        print_plan(study, args, plan.threads or engine.threads, remarks)
    if args.dry_run:
        check_files(plan, args.study)
        study.check_starts()
        return 0
    if args.emit:
        scripts = study.emit_jobs(args.study)
        print(f'{len(scripts)} scripts in {root / "jobs"}; its README says how to run them')
        return 0
    signal.signal(signal.SIGTERM, _stop)
    carry_out(study, trials, engine, args.workers)
    if args.only:
        return 0 if all(trial.finished(plan) for trial in trials) else 1
    print_results(study, finish(study))
    return 1 if study.unfinished else 0


if __name__ == '__main__':
    sys.exit(main())
