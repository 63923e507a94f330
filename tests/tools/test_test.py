"""tools/test.py on other data than the config's."""

import json
import pickle
import random
import re
from pathlib import Path

import pytest
from mmpose.registry import METRICS

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.matches_file import load_matches
from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main as run_train


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Config and checkpoint of a small model that has learnt its four people."""
    folder = tmp_path_factory.mktemp('trained')
    annotations = write_drawn_coco(folder / 'data', num_images=4, people=1)
    more = """
codec['sigma'] = 2
param_scheduler = [dict(type='CosineAnnealingLR', T_max=200, by_epoch=True, convert_to_iter_based=True)]
optim_wrapper['optimizer']['lr'] = 1e-2
default_hooks['logger']['interval'] = 50
train_dataloader['dataset']['pipeline'] = [*train_pipeline[:2], *train_pipeline[5:]]
train_dataloader['batch_size'] = 4
"""
    config = write_small_config(
        folder / 'small.py', annotations.parent, epochs=200, val_interval=200, checkpoint_interval=200, more=more
    )
    assert run_train([str(config), '--work-dir', str(folder / 'run')]) == 0
    return [str(config), str(folder / 'run' / 'epoch_200.pth')]


def metrics(trained: list[str], work_dir: Path, *options: object) -> dict:
    """Run the tool and read what it wrote."""
    assert run_test([*trained, '--work-dir', str(work_dir), *map(str, options)]) == 0
    return json.loads((work_dir / 'metrics.json').read_text())


def own_data(trained: list[str]) -> tuple[Path, Path]:
    """The annotations and the folder that the model was trained on."""
    folder = Path(trained[0]).parent / 'data'
    return folder / 'annotations.json', folder


def test_metrics_are_flat_scalars_and_null_where_undefined(trained: list[str], tmp_path: Path) -> None:
    found = metrics(trained, tmp_path, '--out', tmp_path / 'out.json')
    assert found['coco/AP'] > 0.5
    assert found['coco/AP (L)'] is None, 'no drawn person is large'
    assert all(value is None or isinstance(value, int | float) for value in found.values())
    out = json.loads((tmp_path / 'out.json').read_text(), parse_constant=lambda name: pytest.fail(f'{name} in JSON'))
    assert out['coco/AP'] == found['coco/AP']


def test_ends_with_how_sure_ap_is_and_what_errors_cost(
    trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    found = metrics(trained, tmp_path)
    shown = capsys.readouterr().out
    assert 'AP        │ ' in shown
    assert 'no interval: fewer than 50 images or scenes with people who count (4)' in shown
    assert (found['coco/AP/low'], found['coco/AP/high']) == (None, None)
    assert 'error budget' in shown
    budget = json.loads((tmp_path / 'diagnosis.json').read_text())
    shares = [value for name, value in found.items() if name.startswith('diagnosis/share/')]
    assert sum(shares) == pytest.approx(1)
    assert budget['statistics']['AP'] == pytest.approx(found['coco/AP'], abs=1e-12)
    stored = load_matches(tmp_path / 'matches.npz')
    assert AveragePrecision(stored.matches).statistics()['AP'] == stored.statistics['AP'] == found['coco/AP']


def test_coco_gives_what_the_same_data_in_the_config_give(trained: list[str], tmp_path: Path) -> None:
    assert metrics(trained, tmp_path / 'a') == metrics(trained, tmp_path / 'b', '--coco', *own_data(trained))


def test_joints_are_matched_by_name(trained: list[str], tmp_path: Path) -> None:
    annotations, images = own_data(trained)
    content = json.loads(annotations.read_text())
    names = content['categories'][0]['keypoints']
    order = [*range(17), None]  # a joint more than the config has, which must be left out
    random.Random(3).shuffle(order)
    content['categories'][0]['keypoints'] = ['extra' if i is None else names[i].upper() for i in order]
    content['categories'][0]['skeleton'] = []
    for person in content['annotations']:
        old = person['keypoints']
        person['keypoints'] = [v for i in order for v in ([5, 5, 2] if i is None else old[3 * i : 3 * i + 3])]
        person['num_keypoints'] += 1
    (tmp_path / 'shuffled.json').write_text(json.dumps(content))
    expected = metrics(trained, tmp_path / 'a')
    assert metrics(trained, tmp_path / 'b', '--coco', tmp_path / 'shuffled.json', images) == expected


def test_boxes_from_a_file(trained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    annotations, images = own_data(trained)
    expected = metrics(trained, tmp_path / 'a')
    detections = json.loads((images / 'detections.json').read_text())
    found = metrics(trained, tmp_path / 'b', '--bbox-file', images / 'detections.json')
    # MMPose clips annotated boxes to the picture, detected ones not.
    assert found['coco/AP'] == pytest.approx(expected['coco/AP'], abs=0.02)
    half = [box for box in detections if box['image_id'] <= 2]
    (tmp_path / 'half.json').write_text(json.dumps([*half, {**half[0], 'image_id': 99}]))
    capsys.readouterr()
    found = metrics(trained, tmp_path / 'c', '--coco', annotations, images, '--bbox-file', tmp_path / 'half.json')
    assert '1 of 3 boxes' in capsys.readouterr().out
    assert found['coco/AR'] <= 0.5 < expected['coco/AR']


def test_dump_holds_one_prediction_a_person(trained: list[str], tmp_path: Path) -> None:
    metrics(trained, tmp_path, '--dump', tmp_path / 'predictions.pkl')
    predictions = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert [sample['pred_instances']['keypoints'].shape for sample in predictions] == [(1, 17, 2)] * 4
    assert sorted(sample['id'] for sample in predictions) == [1, 2, 3, 4]


@pytest.mark.parametrize('option', ['--dump', '--out'])
def test_a_file_that_cannot_be_written_is_told_of_before_the_test(
    trained: list[str], tmp_path: Path, option: str, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / 'folder.pkl').mkdir()
    (tmp_path / 'file').touch()
    cases = {'folder.pkl': 'is a folder; name a file', 'file/predictions.pkl': 'Not a directory|File exists'}
    for name, message in cases.items():
        assert run_test([*trained, '--work-dir', str(tmp_path), option, str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert re.search(message, error)
        assert error.startswith(f'error: {option} ')
    assert not (tmp_path / 'metrics.json').exists()


def test_a_full_disk_leaves_the_earlier_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'predictions.pkl'
    metric = METRICS.build({'type': 'AtomicDumpResults', 'out_file_path': str(path)})
    assert metric.compute_metrics([1, 2]) == {}

    def half(results: list, name: str, file_format: str) -> None:
        Path(name).write_bytes(b'half of')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('mmengine.dump', half)
    with pytest.raises(OSError, match='No space'):
        metric.compute_metrics([3])
    assert pickle.loads(path.read_bytes()) == [1, 2]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_drawn_predictions(trained: list[str], tmp_path: Path) -> None:
    metrics(trained, tmp_path, '--show-dir', tmp_path / 'drawn')
    assert len(list((tmp_path / 'drawn').glob('*.png'))) == 4
