"""Probes written by a hook are those that the library measures."""

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import DATASETS

from posescope.capture.interpret import add_interpretation
from posescope.engine.launch import adapt
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_metainfo
from posescope.explain.depth import DatasetPeople, ProbeSettings, measure_probes
from posescope.explain.hooks.probe_hook import ProbeHook
from posescope.explain.pose_function import PoseFunction
from tests.capture.model_runs import QuickConfig, build_run, run_config
from tests.drawn_people import write_drawn_coco
from tests.explain.hooks.traces import traces
from tests.small_config import write_small_config

LAYERS = ['backbone.layer1', 'backbone.layer3']


@pytest.fixture(scope='module')
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Annotations to fit to and to test on."""
    train, dev = (tmp_path_factory.mktemp(name) for name in ('train', 'dev'))
    return write_drawn_coco(train, num_images=5, seed=1), write_drawn_coco(dev, num_images=2)


def training_data(config: Config, annotations: Path) -> dict[str, Any]:
    dataset = {**config.test_dataloader.dataset, 'data_root': str(annotations.parent), 'test_mode': False}
    # What a training does to pictures, which no probe may see.
    random = [{'type': 'LoadImage'}, {'type': 'GetBBoxCenterScale'}, {'type': 'RandomFlip', 'prob': 1.0}]
    return {**config.test_dataloader, 'dataset': {**dataset, 'pipeline': random}}


def test_a_test_writes_what_the_library_measures(folders: tuple[Path, Path], tmp_path: Path) -> None:
    hook = {'type': 'ProbeHook', 'layers': LAYERS, 'train': 8, 'folds': 3, 'untrained': False}
    config = run_config('resnet', folders[1], tmp_path, flip=True)
    config.interpret = {'hooks': [hook]}
    add_interpretation(config)
    runner = build_run(config)
    runner.cfg.train_dataloader = loader = training_data(config, folders[0])
    runner.test()
    content = json.loads((tmp_path / 'probes.json').read_text())
    assert (tmp_path / 'probes.png').stat().st_size > 5000
    dev = runner.test_loop.dataloader.dataset
    function = PoseFunction(runner.model, skeleton_of_metainfo(dev.metainfo))
    wanted = {**loader['dataset'], 'pipeline': config.test_dataloader.dataset.pipeline}
    train = DatasetPeople(function, DATASETS.build(wanted), 8)
    expected = measure_probes(function, train, DatasetPeople(function, dev), LAYERS, settings=ProbeSettings(folds=3))
    assert content == json.loads(json.dumps(expected.content()))
    assert sum(content['trained_on']) > 0
    assert content['people'] == 4


def test_a_training_writes_every_few_epochs_without_a_trace(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = write_small_config(tmp_path / 'config.py', folders[0].parent)
    config = QuickConfig(Config.fromfile(path).to_dict())
    config.update(work_dir=str(tmp_path), log_level='ERROR', experiment_name='probed')
    adapt(config)
    runner = Runner.from_cfg(config)
    hook = ProbeHook(layers=LAYERS, train=4, dev=2, folds=2, interval=2)
    hook.before_train(runner)
    runner.model.train()
    runner.model.backbone.bn1.eval()  # one that somebody froze
    before = traces(runner)
    for epoch in (0, 1):
        runner.train_loop._epoch = epoch
        hook.after_train_epoch(runner)
    assert traces(runner) == before
    assert [file.name for file in sorted(tmp_path.glob('probes*'))] == ['probes_epoch_2.json', 'probes_epoch_2.png']
    content = json.loads((tmp_path / 'probes_epoch_2.json').read_text())
    assert [layer['name'] for layer in content['layers']] == LAYERS
    assert set(content['layers'][0]['gain_over']) == {'mean_pose', 'pixels', 'untrained'}
    assert content['people'] == 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layer': 'stages'}, 'no option .layer. .nearest: layers'),
        ({'train': 0}, 'train=0 is not a whole number of 1'),
        ({'folds': True}, 'folds=True'),
        ({'interval': -1}, 'interval=-1'),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ProbeHook(**options)


def test_people_to_fit_to_are_needed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runner = build_run(run_config('resnet', folders[1], tmp_path, [{'type': 'ProbeHook', 'folds': 2}]))
    with pytest.raises(InputError, match='train_dataloader: the config has none'):
        runner.test()
