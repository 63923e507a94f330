"""Independent tasks on several cores, one thread each."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import cv2
import torch

from posescope.errors import InputError

Work = Callable[[int], None]
_THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def each(tasks: Sequence[int], prepare: Callable[[], Work], processes: int) -> Generator[int, None, None]:
    """Do every task once, in an order of no meaning.

    Args:
        tasks: What to do.
        prepare: Called once in each process; returns what does a task. Both travel by pickle.
        processes: How many work side by side; 1 works in this process.

    Yields:
        Each task that is done.

    Raises:
        InputError: The system killed a process.
    """
    if processes == 1:
        yield from _here(tasks, prepare)
        return
    with _quiet_single_threaded_children():
        executor = ProcessPoolExecutor(
            min(processes, len(tasks)), multiprocessing.get_context('spawn'), _begin, (prepare,)
        )
        futures = {executor.submit(_do, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            future.result()
            yield futures[future]
    except BrokenProcessPool:
        raise InputError(
            'the system killed a process, as it does when memory runs out; try fewer --processes'
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _here(tasks: Sequence[int], prepare: Callable[[], Work]) -> Iterator[int]:
    """Work in this process; it has its threads back afterwards."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        _one_thread()
        work = prepare()
        for task in tasks:
            work(task)
            yield task
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def _one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextmanager
def _quiet_single_threaded_children() -> Iterator[None]:
    """Let children inherit one thread for linear algebra, and that Ctrl-C is none of their business."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, '1'))
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Worker:
    """What one child process keeps between tasks."""

    prepare: Callable[[], Work]
    work: Work | None = None


def _begin(prepare: Callable[[], Work]) -> None:
    _one_thread()
    _Worker.prepare = staticmethod(prepare)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the parent was killed: the queue of tasks would block for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _do(task: int) -> None:
    # Prepared here, not in _begin: an exception there would reach the parent only as a broken pool.
    if _Worker.work is None:
        _Worker.work = staticmethod(_Worker.prepare())
    _Worker.work(task)
