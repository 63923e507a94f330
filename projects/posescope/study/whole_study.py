"""A study with its folder: prepared, carried out, put together."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.study.checks import check_criterion
from posescope.study.commands import Commands
from posescope.study.comparisons import compare_all
from posescope.study.costs import costs_of, forget_costs, measure_missing
from posescope.study.engines.engine import Engine
from posescope.study.host import threads_of
from posescope.study.jobs import emit_jobs
from posescope.study.markdown import markdown
from posescope.study.plan import StudyPlan
from posescope.study.progress import Report, carry_out
from posescope.study.record import FAILED, TRAIN
from posescope.study.results import study_content, timing_content, write_markdown, write_results
from posescope.study.scene_intervals import SceneIntervals
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial, refuse_changed, remove, survey, with_followers

__all__ = ['Study']


class Study:
    """A study in a folder.

    ::

        study = Study(read_study('configs/studies/mine.py'), Path('work_dirs/mine'), Commands.of_tools(Path('tools')))
        with LocalEngine() as engine:
            study.carry_out(engine)
        found = study.put_together()

    Args:
        plan: What is to be done.
        folder: Keeps records and results; it need not exist.
        commands: Programs that do the work.
        redone: Runs whose results are removed first, with those of all runs that start from them.
        starts: Whether files that runs start from have to be there, as they need not to look at a plan.

    Attributes:
        trials: Every run with every seed.

    Raises:
        InputError: Something that ran was not what the plan says now, or a run starts from a file that does not exist.
    """

    def __init__(
        self, plan: StudyPlan, folder: Path, commands: Commands, redone: Sequence[str] = (), *, starts: bool = True
    ) -> None:
        self.plan, self.folder, self.commands = plan, StudyFolder(folder), commands
        again = with_followers(plan, redone)
        self.trials = survey(plan, self.folder, forgotten=again)
        refuse_changed(plan, self.folder, self.trials)
        if starts:
            self.check_starts()
        remove(self.folder, again)  # after all that could be wrong
        forget_costs(self.folder, [trial for trial in self.trials if trial.run.name in redone])

    def check_starts(self) -> None:
        """Look whether the files that runs start from are there.

        Raises:
            InputError: One is missing; the message also says what the run's note says.
        """
        for trial in self.unfinished:
            start = trial.run.start
            if trial.record is not None and TRAIN in trial.record.done:
                continue
            if start is not None and trial.start is None and '://' not in start and not Path(start).is_file():
                hint = f' ({trial.run.note})' if trial.run.note else ''
                raise InputError(f'start {start} of run {trial.run.name} does not exist{hint}')

    @property
    def unfinished(self) -> list[Trial]:
        """What is left to do."""
        return [trial for trial in self.trials if not trial.finished(self.plan)]

    @property
    def failed(self) -> list[Trial]:
        """What went wrong."""
        return [trial for trial in self.unfinished if trial.record is not None and trial.record.status == FAILED]

    def only(self, names: Sequence[str]) -> list[Trial]:
        """Choose trials; see :meth:`posescope.study.plan.StudyPlan.named`."""
        chosen = self.plan.named(names)
        return [trial for trial in self.trials if (trial.run.name, trial.seed) in chosen]

    def carry_out(
        self, engine: Engine, trials: Sequence[Trial] | None = None, report: Report = lambda trial: None
    ) -> None:
        """Run what is not finished; see :func:`posescope.study.progress.carry_out`.

        Args:
            engine: Entered.
            trials: Only these; None for all.
            report: Called with each trial that came to an end.

        Raises:
            InputError: No kind of evaluation reports the criterion; known after the first test of each.
        """
        known: set[str] = set()
        chosen = self.trials if trials is None else trials
        # Runs that are evaluated in other ways may report other metrics.
        waited_for = {_evaluators(trial) for trial in chosen if not trial.finished(self.plan)}

        def look(trial: Trial) -> None:
            report(trial)
            if trial.record is not None and trial.record.metrics:
                known.update(itertools.chain.from_iterable(trial.record.metrics.values()))
                waited_for.discard(_evaluators(trial))
                if not waited_for:
                    check_criterion(self.plan.criterion, known, self.plan.name)

        carry_out(self.plan, self.folder, chosen, engine, self.commands, look)

    def emit_jobs(self, study: str) -> list[Path]:
        """Write a script for every trial that is not finished; see :func:`posescope.study.jobs.emit_jobs`.

        Args:
            study: Path of the study's file.
        """
        return emit_jobs(self.plan, self.folder, self.trials, self.commands, study)

    def measure_costs(self, report: Callable[[str], None] = lambda name: None) -> None:
        """Measure models that have no cost yet; nothing else of the study should run meanwhile."""
        if self.plan.cost:
            threads = self.plan.threads or threads_of(1)
            measure_missing(self.folder, self.trials, self.commands, threads, report)

    def put_together(
        self,
        show: Callable[[str], Progress | None] = lambda name: None,
        draw: Callable[[dict[str, Any], dict[str, Any]], list[str]] = lambda study, timing: [],
    ) -> dict[str, Any]:
        """Compare, and write ``study.json``, ``timing.json`` and ``study.md``.

        Args:
            show: Gives for a comparison's name what shows how far it is.
            draw: Draws figures of both contents and returns their paths, relative to the folder.

        Returns:
            Content of ``study.json``.

        Raises:
            InputError: No run reports the criterion.
        """
        records = [trial.record for trial in self.trials if trial.record is not None]
        reported = itertools.chain.from_iterable(
            metrics for record in records for split, metrics in record.metrics.items() if split in record.done
        )
        check_criterion(self.plan.criterion, reported, self.plan.name)
        costs = costs_of(self.folder, self.trials, self.plan.cost)
        comparisons = compare_all(self.plan, self.folder, self.trials, show)
        study = study_content(self.plan, self.trials, comparisons, costs, SceneIntervals(self.plan, self.folder))
        timing = timing_content(self.plan, self.trials, costs)
        write_results(self.folder, study, timing)
        write_markdown(self.folder, markdown(study, timing, draw(study, timing)))
        return study


def _evaluators(trial: Trial) -> str:
    """The kinds of metrics that a trial's test computes."""
    given = trial.config.content.get('test_evaluator') if trial.config is not None else None
    return ' '.join(str(one.get('type')) for one in (given if isinstance(given, list | tuple) else [given or {}]))
