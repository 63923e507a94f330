"""What every tool does with an exception: one line for what bad input explains, a traceback for everything else."""

import functools
import gc
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from urllib.error import URLError

import mmpose.registry
import torch
from mmengine.registry import Registry

from posescope.errors import NO_ROOM, InputError, nearest

Main = Callable[[Sequence[str] | None], int]

INPUT_ERROR = 2
INTERRUPTED = 130
_GRACE = 5.0
"""Seconds for the launcher to end all processes once the first has failed; torchrun looks every .1 s."""
_KEYWORD = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_IMAGE_LOADING = re.compile(r'`(?P<cause>[^`]*)` occurs when loading `(?P<path>[^`]+)`')


def describe(error: BaseException) -> str | None:
    """Put an exception into one line for the person at the terminal.

    Args:
        error: Any exception that ended a tool.

    Returns:
        The line, or None if the exception is none that bad input explains (then its traceback is what helps).
    """
    text = str(error)
    image = _IMAGE_LOADING.search(text)
    if image is not None:
        return f'{image["path"]}: the image cannot be read (missing, or no picture in a format that OpenCV knows)'
    if isinstance(error, InputError):
        if 'Original Traceback' in text:
            # A DataLoader worker hands an exception on with its whole traceback as text; the message is its last line.
            text = text.strip().splitlines()[-1].partition(f'{type(error).__name__}: ')[2]
        return ' '.join(text.split())
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        where = f': {error.filename}' if error.filename else ''
        return f'{NO_ROOM[error.errno]}{where}'
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f'{error.filename}: {error.strerror}'
    if isinstance(error, URLError):
        return f'nothing could be fetched from the network: {error.reason}'
    if isinstance(error, KeyError) and 'is not in the' in text and 'registry' in text:
        return _unregistered(text)
    keyword = _KEYWORD.search(text)
    if isinstance(error, TypeError) and keyword is not None:
        return f"type='{keyword[1]}' takes no argument '{keyword[2]}'"
    return None


def _unregistered(text: str) -> str:
    """Shorten mmengine's paragraph about a type that no registry knows."""
    match = re.search(r'(\S+) is not in the (.+?) registry', text)
    if match is None:
        return text
    name, registry = match[1].strip('"\''), match[2]
    known = [
        type_name
        for found in vars(mmpose.registry).values()
        if isinstance(found, Registry) and f'{found.scope}::{found.name}' == registry
        for level in (found, found.parent)
        if level is not None
        for type_name in level.module_dict
    ]
    if known:
        registry += f' (nearest: {nearest(name, dict.fromkeys(known))})'
    return (
        f"type='{name}' is not registered in {registry}: a typo, or `custom_imports` lacks the module that registers it"
    )


def command(main: Main, resumable: bool = False) -> Main:
    """Wrap a tool's ``main``: known errors become one line on stderr and an exit status other than 0.

    Args:
        main: Takes the command line without the program's name (None: ``sys.argv``), returns the exit status.
        resumable: Whether the tool has ``--resume``, to go on after Ctrl-C.
    """

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        # A full disk also hits the log file, and logging would print a traceback for every line that it cannot write.
        logging.raiseExceptions = False
        try:
            status = main(argv)
        except (Exception, KeyboardInterrupt) as error:
            if was_interrupted(error):
                cure = '; --resume goes on from the last checkpoint' if resumable else ''
                print(f'\nerror: interrupted{cure}', file=sys.stderr)
                return INTERRUPTED
            line = describe(error)
            if line is None:
                raise
            _say(line)
            return INPUT_ERROR
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            _leave_group()
        return status

    return run


def _say(line: str) -> None:
    """Print an error, of several processes once: what ends all of them has ended them before the others speak."""
    rank = os.environ.get('RANK', '0')
    if rank != '0':
        time.sleep(_GRACE)
        line += f' (process {rank})'
    print(f'error: {line}', file=sys.stderr)


def was_interrupted(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is at the bottom of an exception.

    MMEngine formats its config for every checkpoint under a bare ``except``, which makes a SyntaxError of a Ctrl-C.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _leave_group() -> None:
    """Take the process group down: its threads can abort a process whose interpreter ends before them."""
    torch.distributed.barrier()
    # The wrapped model refers to the group, and is itself part of reference cycles.
    gc.collect()
    torch.distributed.destroy_process_group()
