"""What `make demo` does, and what the default model promises."""

import json
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from posescope.study import read_study
from posescope.study.run_config import resolve
from posescope.study.training_steps import training_steps
from tests.conftest import ROOT
from tools.draw_predictions import main as draw
from tools.render_people import main as render
from tools.show_store import main as show_store
from tools.study import main as study
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
    tools = ['study', 'show_store', 'explain', 'test', 'draw_predictions']
    places = [plan.index(f'tools/{tool}.py') for tool in tools]
    assert places == sorted(places)
    study = plan[places[0] :].split()[1]
    assert (ROOT / study).is_file()
    assert (ROOT / plan[places[2] :].split('"')[2].split()[0]).is_file(), 'the picture is there'


def test_the_demo_is_a_model_and_a_change_beside_its_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained for less than a third of the default model's steps, tested on people that nothing was taken from."""
    monkeypatch.chdir(ROOT)
    plan = read_study('configs/studies/demo_rendered.py')
    default, control, change = plan.runs.values()
    assert change.controls == (control.name,)
    assert control.start == change.start == default.name
    assert default.interpret
    assert plan.compare_on == 'test' != plan.choose_on
    steps = [training_steps(resolve(plan, run)[0].content) for run in plan.runs.values()]
    assert steps[1] == steps[2]
    assert sum(steps) < training_steps(Config.fromfile(DEFAULT).to_dict()) / 2.5


def few_pictures(annotations: Path, folder: Path) -> Path:
    """A file with the first fifty pictures of another."""
    content = json.loads(annotations.read_text())
    content['images'] = content['images'][:50]
    kept = {image['id'] for image in content['images']}
    content['annotations'] = [one for one in content['annotations'] if one['image_id'] in kept]
    (folder / annotations.name).write_text(json.dumps(content))
    return folder / annotations.name


@pytest.mark.long
def test_a_tiny_demo_ends_with_a_comparison_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo with a handful of people and pictures, from the study to the table."""
    monkeypatch.chdir(ROOT)
    content = Config.fromfile('configs/studies/demo_rendered.py').to_dict()['study']
    for run in content['runs']:
        run['options'] = {**run['options'], 'train_dataloader.dataset.indices': 64}
    for split in content['splits'].values():
        split['annotations'] = str(few_pictures(Path(split['annotations']), tmp_path))
    content.update(cost=False, calibrate=False)
    (tmp_path / 'tiny.py').write_text(f'study = {content!r}\n')
    assert study([str(tmp_path / 'tiny.py'), '--work-dir', str(tmp_path / 'tiny'), '--resume']) == 0
    found = json.loads((tmp_path / 'tiny/study.json').read_text())
    (comparison,) = found['comparisons']
    assert comparison['verdict'] == 'no claim: fewer than 5 seeds'
    assert comparison['low'] <= comparison['delta_ap'] <= comparison['high']
    model, change = (tmp_path / f'tiny/runs/{name}/seed0' for name in ('default', 'joint-weights'))
    assert (model / 'dev/diagnosis.json').is_file()
    assert f"'diagnosis': '{model}/dev/diagnosis.json'" in (change / 'config.py').read_text()
    assert show_store([str(model / 'dev/features')]) == 0
    text = (tmp_path / 'tiny/study.md').read_text()
    for row in ('| default |', '| nothing |', '| joint-weights |', '| joint-weights against nothing |'):
        assert row in text


@pytest.mark.long
def test_a_short_training_ends_with_numbers_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
