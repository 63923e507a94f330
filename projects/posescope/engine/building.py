"""Errors that the host raises while it builds what a config describes, put into one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from posescope.errors import InputError

_HOST = frozenset({'albumentations', 'mmcv', 'mmdet', 'mmengine', 'mmpose', 'mmpretrain', 'torch', 'torchvision'})
_SHOWN = 400


@contextmanager
def building(part: str) -> Iterator[None]:
    """While entered, an error that a library of the host raises counts as a wrong value in the config.

    Errors of other code, such as a head that a user is writing, keep their traceback: there it helps.

    Args:
        part: What is being built, as the config names it.

    Raises:
        InputError: Naming the part, with the host's own words.
    """
    try:
        yield
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if 'is not in the' in str(error) or isinstance(error, InputError) or _raised_in(error) not in _HOST:
            raise
        text = ' '.join(str(error).split())[:_SHOWN]
        raise InputError(f'{part} of the config cannot be built: {type(error).__name__}: {text}') from error


def _raised_in(error: BaseException) -> str:
    """Return the top-level package of the code that raised an error."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return '' if step is None else str(step.tb_frame.f_globals.get('__name__', '')).partition('.')[0]
