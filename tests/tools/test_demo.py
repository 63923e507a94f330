"""What `make demo` does: train the default model, test it, draw what it predicts."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT
from tools.draw_predictions import main as draw
from tools.render_people import main as render
from tools.test import main as run_test
from tools.train import main as train

DEFAULT = ROOT / 'configs/selection/rendered/default.py'


def average_precision(work_dir: Path, *options: str) -> float:
    """AP of the last checkpoint in a work dir, by tools/test.py."""
    checkpoint = (work_dir / 'last_checkpoint').read_text()
    assert run_test([str(DEFAULT), checkpoint, '--work-dir', str(work_dir), *options]) == 0
    return json.loads((work_dir / 'metrics.json').read_text())['coco/AP']


def test_make_runs_these_tools_one_after_the_other() -> None:
    plan = subprocess.run(['make', '-n', 'demo'], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert plan.index('tools/train.py') < plan.index('tools/test.py') < plan.index('tools/draw_predictions.py')
    assert plan.index('tools/test.py') < plan.index('tools/diagnose.py')
    assert plan.index('tools/test.py') < plan.index('tools/explain.py')
    assert plan.count(str(DEFAULT.relative_to(ROOT))) == 3
    assert (ROOT / plan.split('tools/explain.py')[1].split('"')[2].split()[0]).is_file(), 'the picture is there'


def test_a_short_demo_ends_with_numbers_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    few = ['train_dataloader.dataset.indices=64', 'train_cfg.max_epochs=1']
    assert train([str(DEFAULT), '--work-dir', str(tmp_path), '--no-validate', '--cfg-options', *few]) == 0
    dump = tmp_path / 'predictions.pkl'
    assert 0 <= average_precision(tmp_path, '--dump', str(dump)) < 0.3, 'two steps are no training'
    assert draw([str(dump), '--num', '12', '--out', str(tmp_path / 'predictions.png')]) == 0
    with Image.open(tmp_path / 'predictions.png') as picture:
        assert min(picture.size) > 500


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_the_default_model_learns_what_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AP of at least .60 on dev, and no less than .03 below that on people of a seed that no split holds."""
    monkeypatch.chdir(ROOT)
    work_dir, fresh = tmp_path / 'demo', tmp_path / 'fresh'
    assert train([str(DEFAULT), '--work-dir', str(work_dir), '--no-validate']) == 0
    on_dev = average_precision(work_dir)
    assert on_dev >= 0.60
    assert render([str(fresh), '--num', '300', '--seed', '77']) == 0
    on_fresh = average_precision(work_dir, '--coco', str(fresh / 'annotations/people.json'), str(fresh / 'people'))
    assert on_fresh >= on_dev - 0.03
