"""What a tool's ``main`` ends with, whatever happened inside."""

import errno
from collections.abc import Sequence

import pytest

from posescope.engine.command import command, describe
from posescope.errors import InputError


def ending(error: BaseException | None, resumable: bool = False) -> int:
    """Exit status of a tool in which ``error`` is raised."""

    def main(argv: Sequence[str] | None = None) -> int:
        if error is not None:
            raise error
        return 0

    return command(main, resumable)()


def swallowed() -> Exception:
    """A Ctrl-C that code under a bare ``except`` turned into something else, as mmengine's config does."""
    try:
        try:
            raise KeyboardInterrupt
        except BaseException:
            raise SyntaxError('Failed to format the config file')  # noqa: B904
    except SyntaxError as error:
        return error


def test_exit_status(capsys: pytest.CaptureFixture) -> None:
    assert ending(None) == 0
    assert capsys.readouterr().err == ''
    assert ending(InputError('two\nlines')) == 2
    assert capsys.readouterr().err == 'error: two lines\n'
    for interrupt in (KeyboardInterrupt(), swallowed()):
        assert ending(interrupt) == 130
        assert capsys.readouterr().err == '\nerror: interrupted\n'
        assert ending(interrupt, resumable=True) == 130
        assert capsys.readouterr().err == '\nerror: interrupted; --resume goes on from the last checkpoint\n'
    with pytest.raises(SyntaxError):
        ending(SyntaxError('a real one'))


def test_what_one_process_alone_runs_into_is_said_once_the_others_could_have_spoken(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setattr('time.sleep', waited.append)
    assert ending(InputError('wrong')) == 2
    assert capsys.readouterr().err == 'error: wrong (process 1)\n'
    assert waited == [5.0]


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (OSError(errno.ENOSPC, 'No space left on device', 'x.log'), 'no space left on the disk: x.log'),
        (OSError(errno.EROFS, 'Read-only file system', 'x'), 'x: Read-only file system'),
        (FileNotFoundError('`gone` occurs when loading `a.png`.'), 'a.png: the image cannot be read'),
        (
            InputError(
                'Caught InputError in worker 0.\nOriginal Traceback (most …):\n  …\nposescope.errors.InputError: why'
            ),
            'why',
        ),
        (ValueError('of a head that a user writes'), None),
    ],
)
def test_description(error: Exception, line: str | None) -> None:
    found = describe(error)
    assert found == line if line is None else found.startswith(line)
