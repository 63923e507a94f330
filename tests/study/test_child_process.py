import os
import sys
import threading
import time
from pathlib import Path

import pytest

from posescope.study.child_process import Children, last_words
from posescope.study.host import devices_of


def test_tells_what_a_program_took(tmp_path: Path) -> None:
    """A child that holds 150 MiB and computes for 0.2 s; this process is much larger."""
    code = (
        'import time; x = bytearray(150 * 2**20); end = time.process_time() + .2\nwhile time.process_time() < end: pass'
    )
    outcome = Children().run([sys.executable, '-S', '-c', code], tmp_path / 'log', 3)
    assert outcome.status == 0
    assert 150 < outcome.peak_memory_mb < 190
    assert 0.2 <= outcome.cpu_seconds < 0.6
    assert outcome.seconds >= 0.2


def test_threads_output_and_status(tmp_path: Path) -> None:
    log = tmp_path / 'log'
    log.write_text('before\n')
    code = 'import os, sys; print(os.environ["OMP_NUM_THREADS"]); print("error: no", file=sys.stderr); sys.exit(7)'
    assert Children().run([sys.executable, '-c', code], log, 3).status == 7
    lines = log.read_text().splitlines()
    assert lines[0] == 'before'
    assert lines[1].startswith('$ ')
    assert sorted(lines[-2:]) == ['3', 'error: no']
    assert last_words(log, 7) == 'no'
    assert last_words(log, -9) == 'ended by signal 9'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [('$ old\nerror: first\n$ new\nlast line\n', 'last line'), ('$ a\n', 'exit status 3'), ('$ a\nerror: b\nc\n', 'b')],
)
def test_last_words_are_of_the_last_program(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / 'log').write_text(text)
    assert last_words(tmp_path / 'log', 3) == expected


def test_stop_ends_what_runs_and_starts_nothing(tmp_path: Path) -> None:
    children, log = Children(), tmp_path / 'log'
    found = []
    command = [sys.executable, '-S', '-c', 'import time; print("here", flush=True); time.sleep(60)']
    thread = threading.Thread(target=lambda: found.append(children.run(command, log, 1)))
    thread.start()
    while not log.exists() or 'here' not in log.read_text().splitlines():
        time.sleep(0.01)
    start = time.monotonic()
    children.stop()
    thread.join(5)
    assert time.monotonic() - start < 3
    assert found[0].status == -15
    assert children.run(command, log, 1).status == -15
    assert len(log.read_text().splitlines()) == 2, 'the command and what it printed: nothing was started again'


def test_inherits_what_it_is_told_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = f'import os; os.write({writer}, b"held")'
    assert Children().run([sys.executable, '-S', '-c', code], tmp_path / 'log', 1, [writer]).status == 0
    assert os.read(reader, 10) == b'held'
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize('moment', [0.2, 0.3, 0.4])
def test_one_that_ends_as_it_is_asked_to_is_not_lost(tmp_path: Path, moment: float) -> None:
    """It ends by itself after 0.15 s, and nobody looks before 0.5 s: who asks must not take the news away."""
    children = Children()
    found = []
    command = [sys.executable, '-S', '-E', '-c', 'import time; time.sleep(0.15)']
    thread = threading.Thread(target=lambda: found.append(children.run(command, tmp_path / 'log', 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('posescope.study.child_process._PAUSE', 0.5)
        thread.start()
        time.sleep(moment)
        children.stop()
        thread.join()
    assert [outcome.status for outcome in found] == [0]


def test_programs_that_run_together_compute_on_different_devices(tmp_path: Path) -> None:
    children, found = Children(devices=['0', 'GPU-7']), []
    code = 'import os, time; print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True); time.sleep(0.5)'

    def run(number: int) -> None:
        log = tmp_path / f'log{number}'
        children.run([sys.executable, '-S', '-c', code], log, 1)
        found.append(log.read_text().splitlines()[-1])

    for _ in range(2):
        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == ['0', '0', 'GPU-7', 'GPU-7']


def test_workers_share_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    assert devices_of(1) == []
    assert devices_of(3) == ['0', '1', '0']
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,GPU-5')
    assert devices_of(2) == ['3', 'GPU-5']
    monkeypatch.setattr('torch.cuda.device_count', lambda: 1)
    assert devices_of(2) == []
