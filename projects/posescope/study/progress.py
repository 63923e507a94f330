"""Carries out what a study lacks, whatever becomes of single trials."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from posescope.study.checks import finding_problem
from posescope.study.commands import Commands
from posescope.study.engines.engine import Engine, TrialLostError
from posescope.study.plan import StudyPlan
from posescope.study.record import FAILED, TrialRecord, read_record
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial, record_problem
from posescope.study.trial import TrialStoppedError

__all__ = ['carry_out']

Report = Callable[[Trial], None]


def carry_out(
    plan: StudyPlan,
    folder: StudyFolder,
    trials: Sequence[Trial],
    engine: Engine,
    commands: Commands,
    report: Report = lambda trial: None,
) -> None:
    """Run every trial that is not finished, each as soon as the one that it starts from is.

    Records of the trials are updated. A trial that fails, or whose start failed, does not keep others from running.

    Args:
        plan: The study.
        folder: Of the study.
        trials: Those to be run.
        engine: Carries them out; entered.
        commands: Programs of the trials.
        report: Called with each trial that came to an end.

    Raises:
        EngineLostError: The engine is lost; records are intact.
    """
    waiting = [trial for trial in trials if not trial.finished(plan)]
    running: dict[Future[TrialRecord], Trial] = {}
    unfinished = {id(trial) for trial in waiting}
    while waiting or running:
        for trial in list(waiting):
            start = trial.start
            if start is not None and id(start) in unfinished:
                continue  # its turn comes when that one has ended
            waiting.remove(trial)
            reason = _reason_against(plan, folder, trial)
            if reason:
                record_problem(folder, trial, reason)
                unfinished.discard(id(trial))
                report(trial)
            else:
                running[engine.submit(trial.task(plan, folder, commands, engine.threads))] = trial
        if not running:
            continue
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            trial = running.pop(future)
            try:
                trial.record = future.result()
            except TrialStoppedError:
                trial.record = read_record(folder.record(trial.run.name, trial.seed))
            except TrialLostError as error:
                trial.record = read_record(folder.record(trial.run.name, trial.seed))
                record_problem(folder, trial, str(error))
            unfinished.discard(id(trial))
            report(trial)


def _reason_against(plan: StudyPlan, folder: StudyFolder, trial: Trial) -> str:
    """Why a trial cannot even begin; empty if it can."""
    if trial.problem:
        return trial.problem
    start = trial.start
    if start is None or start.finished(plan):
        begun = trial.record is not None and trial.record.done
        # What motivated a run that has begun may be left where it was begun.
        return '' if begun else finding_problem(plan, trial.run, trial.start_folder(folder))
    if start.record is not None and start.record.status == FAILED:
        return f'its start {start.label} failed: {start.record.reason}'
    return f'its start {start.label} is not finished'
