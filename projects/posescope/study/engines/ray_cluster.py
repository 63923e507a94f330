"""Trials on the machines of a Ray cluster that share the study's folder."""

import atexit
import os
import signal
import socket
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from posescope.engine.command import INPUT_ERROR
from posescope.errors import InputError
from posescope.study.child_process import Children
from posescope.study.engines.engine import EngineLostError, TrialLostError
from posescope.study.host import threads_of
from posescope.study.record import TrialRecord
from posescope.study.trial import TrialTask, run_trial

__all__ = ['RayEngine']

_LOOK = 1.0
"""Seconds between two looks at the head node."""
_MISSES = 3
"""Looks in vain after which the cluster counts as lost."""


class RayEngine:
    """Runs each trial as a Ray task.

    Every machine needs posescope and sees the study's folder, the configs and the data under the same paths. A trial
    whose machine dies is tried again elsewhere and goes on from its last checkpoint.

    Args:
        address: Of the cluster; None starts one on this machine, ``auto`` takes the one that runs here.
        workers: Of a cluster that is started here: how many trials at a time.
        threads: Of each trial; None: the cores of this machine, divided by the workers.

    Attributes:
        threads: For each program, and the CPUs that a task asks Ray for.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str | None = None, workers: int = 1, threads: int | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError("--engine ray needs Ray: pip install 'posescope[ray]' (requirements/ray.txt)") from error
        if workers < 1:
            raise InputError(f'--workers {workers}: it takes at least one')
        self.threads = threads or threads_of(workers)
        self._ray: Any = ray
        self._address = address
        self._workers = workers
        self._pending: set[Future[TrialRecord]] = set()
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._lost = ''

    def __enter__(self) -> 'RayEngine':
        options: dict[str, Any] = {'address': self._address} if self._address else {
            'address': 'local',  # and not one that happens to run here
            'num_cpus': self._workers * self.threads, 'include_dashboard': False,
        }  # fmt: skip
        ending = signal.getsignal(signal.SIGTERM)
        _look_for(self._address)
        try:
            self._ray.init(log_to_driver=False, logging_level='error', **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f'no Ray cluster lets us in at {self._address}' if self._address else 'Ray does not start here'
            token = ' (RAY_AUTH_TOKEN has to be that of the cluster, if it has one)' if self._address else ''
            raise InputError(f'{where}{token}: {" ".join(str(error).split())}') from error
        if threading.current_thread() is threading.main_thread() and ending is not None:
            signal.signal(signal.SIGTERM, ending)  # Ray sets one of its own
        self._refuse_what_fits_nowhere()
        gpus = int(self._ray.cluster_resources().get('GPU', 0) > 0)  # one for each trial, where there are any
        self._task = self._ray.remote(num_cpus=self.threads, num_gpus=gpus, max_retries=3)(_carry_out)
        threading.Thread(target=self._watch, args=(self._head(),), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self._lost:
            # Asking a lost cluster to end would wait for it until Ray, after a minute, ends this process; and without
            # being asked Ray crashes when the interpreter ends, which would hide why.
            atexit.register(_leave)
        else:
            self._ray.shutdown()

    def submit(self, task: TrialTask) -> 'Future[TrialRecord]':
        """Queue a trial."""
        own: Future[TrialRecord] = Future()
        with self._lock:
            if self._lost:
                own.set_exception(EngineLostError(self._lost))
                return own
            self._pending.add(own)
        given = self._task.remote(task, str(Path.cwd())).future()
        given.add_done_callback(lambda found: self._pass_on(found, own, f'{task.name} seed {task.seed}'))
        return own

    def _pass_on(self, found: 'Future[TrialRecord]', own: 'Future[TrialRecord]', label: str) -> None:
        error = found.exception()
        with self._lock:
            if own not in self._pending:
                return
            self._pending.discard(own)
        if error is None:
            own.set_result(found.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            own.set_exception(error.cause or error)
        elif isinstance(error, self._ray.exceptions.WorkerCrashedError):
            own.set_exception(TrialLostError(f'the process that carried out {label} ended several times (memory?)'))
        else:
            own.set_exception(EngineLostError(f'the Ray cluster lost a trial: {" ".join(str(error).split())[:200]}'))

    def _refuse_what_fits_nowhere(self) -> None:
        """Ray would wait for ever for a machine with so many CPUs."""
        most = max((node['Resources'].get('CPU', 0) for node in self._ray.nodes() if node['Alive']), default=0)
        if most < self.threads:
            self._ray.shutdown()
            raise InputError(
                f'a trial takes {self.threads} threads, and the largest machine of the Ray cluster has {most:g} CPUs: '
                'threads=… in the study says how many it takes'
            )

    def _head(self) -> tuple[str, int]:
        host, _, port = self._ray.get_runtime_context().gcs_address.rpartition(':')
        return host, int(port)

    def _watch(self, head: tuple[str, int]) -> None:
        """Fail everything that is pending once the head node is gone."""
        misses = 0
        while misses < _MISSES and not self._left.wait(_LOOK):
            try:
                socket.create_connection(head, timeout=_LOOK).close()
                misses = 0
            except OSError:
                misses += 1
        if self._left.is_set():
            return
        with self._lock:
            self._lost = f'the Ray cluster at {head[0]}:{head[1]} went away'
            pending, self._pending = self._pending, set()
        for own in pending:
            own.set_exception(EngineLostError(self._lost))


def _look_for(address: str | None) -> None:
    """Refuse a ``HOST:PORT`` at which nothing answers; Ray itself would try for minutes."""
    host, colon, port = (address or '').rpartition(':')
    if not colon or not port.isdecimal() or '//' in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5 * _LOOK).close()
    except (OSError, OverflowError) as error:
        raise InputError(f'no Ray cluster answers at {address}: {error}') from error


def _leave() -> None:
    """End this process at once, with the status of an :class:`InputError`."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INPUT_ERROR)


def _carry_out(task: TrialTask, folder: str) -> TrialRecord:
    """What a Ray worker runs; energy cannot be told apart from that of other tasks on its machine.

    Args:
        task: The trial.
        folder: To which the paths of configs and data are relative.
    """
    os.chdir(folder)
    return run_trial(task, Children(metered=False))
