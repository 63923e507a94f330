"""What a study asks of whatever carries its trials out."""

from concurrent.futures import Future
from types import TracebackType
from typing import Protocol

from posescope.errors import InputError
from posescope.study.record import TrialRecord
from posescope.study.trial import TrialTask

__all__ = ['Engine', 'EngineLostError', 'TrialLostError']


class EngineLostError(InputError):
    """The machines that carried trials out went away; what they had written down is intact."""


class TrialLostError(InputError):
    """A trial's process ended again and again, and with it what would have written down why."""


class Engine(Protocol):
    """Carries trials out while it is entered; leaving stops what still runs.

    Attributes:
        threads: For each program of a trial.
    """

    threads: int

    def __enter__(self) -> 'Engine': ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def submit(self, task: TrialTask) -> 'Future[TrialRecord]':
        """Queue a trial; the future raises :class:`EngineLostError` if the engine is lost."""
