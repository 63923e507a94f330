"""Trials on this machine, one after another or several with the cores divided."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from posescope.errors import InputError
from posescope.study.child_process import Children
from posescope.study.host import devices_of, threads_of
from posescope.study.record import TrialRecord
from posescope.study.trial import TrialTask, run_trial

__all__ = ['LocalEngine']


class LocalEngine:
    """Runs trials as processes of this machine; several share its GPUs evenly, one for each trial.

    Args:
        workers: How many at a time.
        waiting: Called with a trial that another process works on, before it is waited for.
        metered: Whether energy is counted where one trial runs at a time, as nobody can tell the shares of several.

    Attributes:
        threads: For each program: OMP_NUM_THREADS if it is set, else the cores divided by the workers.

    Raises:
        InputError: Fewer than one worker.
    """

    def __init__(
        self, workers: int = 1, waiting: Callable[[TrialTask], None] | None = None, metered: bool = True
    ) -> None:
        if workers < 1:
            raise InputError(f'--workers {workers}: it takes at least one')
        self.threads = threads_of(workers)
        self._children = Children(metered and workers == 1, devices_of(workers))
        self._waiting = waiting or (lambda task: None)
        # A worker only waits for a program, so threads are all that it takes.
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix='trial')

    def __enter__(self) -> 'LocalEngine':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._children.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: TrialTask) -> 'Future[TrialRecord]':
        """Queue a trial."""
        return self._pool.submit(run_trial, task, self._children, lambda: self._waiting(task))
