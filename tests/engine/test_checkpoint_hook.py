"""Whatever happens while a checkpoint is written, a complete one is left."""

import errno
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend

from posescope.atomic import atomic_write, replacing
from tests.engine import runs  # noqa: F401  registers CountingMetric
from tests.small_config import write_small_config
from tools.train import main


def test_replacing_leaves_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    atomic_write(path, b'old')
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_bytes(b'ne')
        raise ZeroDivisionError
    assert path.read_bytes() == b'old'
    atomic_write(path, b'new')
    assert path.read_bytes() == b'new'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('keep', [-1, 1, 2])
def test_a_full_disk_leaves_the_previous_checkpoint(
    tmp_path: Path, drawn_coco: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    put, written = LocalBackend.put, []

    def put_until_full(self: LocalBackend, content: bytes, path: str) -> None:
        if len(written) == 2:
            put(self, content[: len(content) // 2], path)
            raise OSError(errno.ENOSPC, 'No space left on device', str(path))
        written.append(path)
        put(self, content, path)

    monkeypatch.setattr(LocalBackend, 'put', put_until_full)
    more = f"\ndefault_hooks['checkpoint']['max_keep_ckpts'] = {keep}"
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=4, more=more)
    run = tmp_path / 'run'
    assert main([str(config), '--work-dir', str(run), '--no-validate']) == 2
    text = capsys.readouterr().err
    assert f'error: no space left on the disk: {run}/epoch_3.pth was not written; {run}/epoch_2.pth is intact' in text
    kept = ['epoch_2.pth'] if keep == 1 else ['epoch_1.pth', 'epoch_2.pth']
    assert sorted(path.name for path in run.iterdir() if 'pth' in path.name) == kept
    assert (run / 'last_checkpoint').read_text() == f'{run}/epoch_2.pth'
    assert torch.load(run / 'epoch_2.pth')['meta']['epoch'] == 2
    monkeypatch.undo()
    assert main([str(config), '--work-dir', str(run), '--no-validate', '--resume']) == 0
    assert torch.load(run / 'epoch_4.pth')['meta']['epoch'] == 4


def test_the_previous_best_goes_only_when_the_next_is_there(
    tmp_path: Path, drawn_coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / 'run'
    best_files: list[int] = []
    put = LocalBackend.put

    def watch(self: LocalBackend, content: bytes, path: str) -> None:
        best_files.append(len(list(run.glob('best_*'))))
        put(self, content, path)

    monkeypatch.setattr(LocalBackend, 'put', watch)
    more = "\ndefault_hooks['checkpoint'].update(save_best='loss', rule='greater')"
    more += "\nval_evaluator = dict(_delete_=True, type='CountingMetric')"
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=3, more=more)
    assert main([str(config), '--work-dir', str(run)]) == 0
    assert [path.name for path in run.glob('best_*')] == ['best_loss_epoch_3.pth']
    # From the second best on, the previous one still lies there while the next one is written, and goes
    # when the next one is complete.
    assert max(best_files) == 2
    assert 0 not in best_files[best_files.index(1) :]
