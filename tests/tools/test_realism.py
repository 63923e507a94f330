"""tools/realism.py and tools/draw_predictions.py on drawn people."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from PIL import Image

from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.draw_predictions import main as draw
from tools.realism import main as realism
from tools.test import main as run_test


@pytest.fixture(scope='module')
def untrained(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Config and checkpoint of a small model, and its data."""
    folder = tmp_path_factory.mktemp('untrained')
    annotations = write_drawn_coco(folder / 'data', num_images=3, people=2)
    more = "test_evaluator = [val_evaluator, dict(type='MeanOKS')]"
    config = write_small_config(folder / 'small.py', annotations.parent, more=more)
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, folder / 'model.pth')
    return [str(config), str(folder / 'model.pth'), str(annotations), str(annotations.parent)]


def test_two_sets_stand_beside_each_other(
    untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, checkpoint, *data = untrained
    options = ['--work-dir', str(tmp_path), '--out', str(tmp_path / 'tables' / 'table.md')]
    assert realism([config, checkpoint, '--on', 'one', *data, '--on', 'two', *data, *options]) == 0
    text = (tmp_path / 'tables' / 'table.md').read_text()
    assert text in capsys.readouterr().out
    everyone = next(line for line in text.splitlines() if 'everyone' in line).split('|')
    assert everyone[3:5] == everyone[5:7]
    assert everyone[4].strip() == '6'
    # The same number as the metric gives in an ordinary test.
    assert run_test([config, checkpoint, '--coco', *data, '--work-dir', str(tmp_path / 'test')]) == 0
    metrics = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    assert everyone[3].split()[0] == f'{metrics["oks/mean"]:.3f}'


@pytest.mark.parametrize(
    ('names', 'message'),
    [(['one', 'one'], 'a name of its own'), (['one'], 'does not exist')],
)
def test_realism_bad_input(
    untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], message: str
) -> None:
    data = untrained[2:] if len(names) > 1 else [str(tmp_path / 'missing.json'), str(tmp_path)]
    sets = [word for name in names for word in ('--on', name, *data)]
    assert realism([*untrained[:2], *sets, '--work-dir', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_predictions_are_drawn_from_a_dump(untrained: list[str], tmp_path: Path) -> None:
    config, checkpoint, *data = untrained
    dump = tmp_path / 'dump.pkl'
    assert run_test([config, checkpoint, '--coco', *data, '--work-dir', str(tmp_path), '--dump', str(dump)]) == 0
    assert draw([str(dump), '--num', '2', '--out', str(tmp_path / 'new' / 'p.png')]) == 0
    with Image.open(tmp_path / 'new' / 'p.png') as picture:
        assert picture.width > picture.height  # two people, four panels in one row


@pytest.mark.parametrize(
    ('content', 'options', 'message'),
    [
        (None, [], 'does not exist'),
        (b'no pickle', [], 'cannot be read'),
        (b'\x80\x04]\x94.', ['--num', '0'], 'at least one person'),
        (b'\x80\x04}\x94.', [], 'no list of samples'),
        (b'\x80\x04]\x94.', [], 'no people with labels'),
        (b'\x80\x04]\x94.', ['--metainfo', 'cocoo'], 'cocoo'),
    ],
)
def test_drawing_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, options: list[str], message: str
) -> None:
    dump = tmp_path / 'dump.pkl'
    if content is not None:
        dump.write_bytes(content)
    assert draw([str(dump), *options, '--out', str(tmp_path / 'out.png')]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'out.png').exists()


def test_only_top_down_models_see_people_by_their_boxes(
    untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = "[dict(type='LoadImage'), dict(type='BottomupResize', input_size=(64, 64)), dict(type='PackPoseInputs')]"
    more = f"test_dataloader['dataset'] = dict(data, pipeline={steps}, data_mode='bottomup', test_mode=True)"
    config = write_small_config(tmp_path / 'bottom_up.py', Path(untrained[3]), more=more)
    assert realism([str(config), untrained[1], '--on', 'one', *untrained[2:], '--work-dir', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert 'bottom_up.py is no top-down model' in error
    assert error.count('\n') == 1
