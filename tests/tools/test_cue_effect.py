"""tools/cue_effect.py on people of the embedded set."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.conftest import ROOT
from tests.small_config import write_small_config
from tools.cue_effect import main

DEV = ROOT / 'data/rendered_people'
PICTURES = 12


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of the first pictures of dev."""
    content = json.loads((DEV / 'annotations/dev.json').read_text())
    content['images'] = content['images'][:PICTURES]
    kept = {image['id'] for image in content['images']}
    content['annotations'] = [one for one in content['annotations'] if one['image_id'] in kept]
    path = tmp_path_factory.mktemp('dev') / 'few.json'
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Config and checkpoint of a model that was never trained."""
    folder = tmp_path_factory.mktemp('untrained')
    config = write_small_config(folder / 'small.py', folder)
    torch.manual_seed(0)
    untrained = MODELS.build(Config.fromfile(config).model)
    untrained.init_weights()
    torch.save({'state_dict': untrained.state_dict(), 'meta': {}}, folder / 'model.pth')
    return [str(config), str(folder / 'model.pth')]


def test_counts_the_people_who_show_both_joints(
    people: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'effect.json'
    options = ['--coco', str(people), str(DEV / 'dev'), '--work-dir', str(tmp_path), '--out', str(out)]
    assert main([*model, '--cue', 'band', *options]) == 0
    content = json.loads(people.read_text())
    names = content['categories'][0]['keypoints']
    found = {one['joint']: one for one in json.loads(out.read_text())['joints']}
    assert 'nose' not in found
    for name in ('shoulder', 'wrist', 'ankle'):
        left, right = names.index(f'left_{name}'), names.index(f'right_{name}')
        expected = 0
        for one in content['annotations']:
            joints = np.array(one['keypoints']).reshape(-1, 3)[[left, right]]
            apart = np.linalg.norm(joints[0, :2] - joints[1, :2]) > 0.1 * np.sqrt(one['area'])
            expected += int((joints[:, 2] == 2).all() and apart)
        assert expected > 1
        for side in ('left', 'right'):
            assert found[f'{side}_{name}']['people'] == expected
    assert '| left wrist |' in capsys.readouterr().out


def test_unknown_cue(people: Path, model: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ['--coco', str(people), str(DEV / 'dev'), '--work-dir', str(tmp_path)]
    assert main([*model, '--cue', 'bnd', *options]) == 2
    error = capsys.readouterr().err
    assert 'band' in error
    assert error.count('\n') == 1
