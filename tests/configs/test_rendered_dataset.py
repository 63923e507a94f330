"""configs/_base_/datasets/rendered_people.py reads what the renderer writes."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, METRICS

from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.render_folder import RenderSettings
from tests.conftest import ROOT
from tests.data.rendering.flat_scenes import HEIGHT, WIDTH, flat_renderer

BASE = ROOT / 'configs/_base_/datasets/rendered_people.py'


def test_loaders_and_evaluators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / 'data/rendered_people'
    for settings in (RenderSettings('train', 1, 3), RenderSettings('dev', 2, 2)):
        render_dataset(out, settings, 1, flat_renderer)
    monkeypatch.chdir(tmp_path)
    config = Config.fromfile(BASE)
    load = [{'type': 'LoadImage'}]
    train, dev, test = (
        DATASETS.build({**config[f'{stage}_dataloader'].dataset, 'pipeline': load})
        for stage in ('train', 'val', 'test')
    )
    assert (len(train), len(dev), len(test)) == (6, 4, 4)  # two people on each picture
    assert train[0]['img'].shape == (HEIGHT, WIDTH, 3)
    assert train[0]['img_path'] == 'data/rendered_people/train/000100000.jpg'
    assert {dev[index]['img_id'] for index in range(4)} == {test[index]['img_id'] for index in range(4)}
    assert {dev[index]['img_id'] for index in range(4)} == {200000, 200001}
    # MMPose keeps the whole annotation, by which transforms find the person in the part map.
    assert dev[1]['raw_ann_info']['rendered']['person_index'] == 1
    assert dev.metainfo['num_keypoints'] == 17
    assert dev.metainfo['dataset_name'] == 'coco'

    assert config.val_evaluator == config.test_evaluator
    coco, oks = (METRICS.build(evaluator) for evaluator in config.val_evaluator)
    assert len(coco.coco.anns) == 4
    assert oks.default_prefix == 'oks'
