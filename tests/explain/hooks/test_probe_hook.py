"""Probes written by a hook are those that the library measures."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.registry import DATASETS

from posescope.capture.interpret import add_interpretation
from posescope.engine.launch import adapt
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_metainfo
from posescope.explain.depth import DatasetPeople, LayerMaps, ProbeSettings, fit_probes, measure_probes
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
        ({'most_bytes': 0.5}, 'most_bytes=0.5 is not a whole number of 1'),
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


@pytest.fixture(scope='module')
def tested(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A runner before its test."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield build_run(run_config('resnet', folders[1], tmp_path_factory.mktemp('tested')))


def before_the_test(tested: Runner, fitted: Path, training: dict[str, Any] | None = None, **options: Any) -> str:
    """What is said of a test before its first batch; training: what of train_dataloader's data set is another."""
    tested.cfg.train_dataloader = copy.deepcopy(training_data(tested.cfg, fitted))
    tested.cfg.train_dataloader['dataset'].update(training or {})
    with pytest.raises(InputError) as raised:
        ProbeHook(layers=LAYERS, **options).before_test_epoch(tested)
    return str(raised.value)


def test_missing_training_data_are_told_of_before_the_test(folders: tuple[Path, Path], tested: Runner) -> None:
    for missing in ({'ann_file': 'none.json'}, {'data_prefix': {'img': 'none'}}):
        said = before_the_test(tested, folders[0], missing)
        assert said.startswith('ProbeHook fits probes to people of train_dataloader, which cannot be loaded (')
        assert 'none' in said
        assert '\n' not in said


def test_other_joints_and_few_pictures_are_told_of_before_the_test(folders: tuple[Path, Path], tested: Runner) -> None:
    """Ten people in five pictures, of which the first, fourth, seventh and tenth are in four."""
    said = before_the_test(tested, folders[0], train=4, folds=5)
    assert said == (
        'ProbeHook: 4 people of train_dataloader, to which probes are fitted, have labels in 4 images, and folds=5: '
        'take fewer folds, or more people (train)'
    )
    metainfo = {'from_file': 'configs/_base_/datasets/crowdpose.py'}
    said = before_the_test(tested, folders[0], {'type': 'CrowdPoseDataset', 'metainfo': metainfo})
    assert said == 'ProbeHook: people of train_dataloader have 14 joints, and the model has 17'


def test_detected_people_without_labels_are_told_of_before_the_test(folders: tuple[Path, Path], tested: Runner) -> None:
    detections = str(folders[1].parent / 'detections.json')
    dataset = DATASETS.build({**tested.cfg.test_dataloader.dataset, 'bbox_file': detections})
    tested.cfg.train_dataloader = training_data(tested.cfg, folders[0])
    function = PoseFunction(tested.model, skeleton_of_metainfo(dataset.metainfo))
    with pytest.raises(InputError, match='ProbeHook: none of 4 people to test on has a label'):
        ProbeHook(folds=2).check(tested, function, dataset, training=False)


def test_the_memory_that_is_told_before_the_test_is_what_is_taken(folders: tuple[Path, Path], tested: Runner) -> None:
    """Each drawn person lacks one joint, most of them another one."""
    options: dict[str, Any] = {'train': 10, 'folds': 2, 'untrained': False}
    said = before_the_test(tested, folders[0], most_bytes=1, **options)
    channels, matrices = 8, int(said.split()[2])
    assert said.startswith(f'ProbeHook: the {matrices} matrices of {channels} channels of backbone.layer1 take ')
    dev = tested.test_loop.dataloader.dataset
    function = PoseFunction(tested.model, skeleton_of_metainfo(dev.metainfo))
    pipeline = tested.cfg.test_dataloader.dataset.pipeline
    wanted = {**training_data(tested.cfg, folders[0])['dataset'], 'pipeline': pipeline}
    train = DatasetPeople(function, DATASETS.build(wanted), 10)
    for spare, fits in ((0, True), (-1, False)):
        settings = ProbeSettings(folds=2, most_bytes=8 * matrices * (channels + 1) ** 2 + spare)
        source = LayerMaps(function, next(iter(train)).inputs, LAYERS[:1])
        if fits:
            fit_probes(source, train, settings)
        else:
            with pytest.raises(InputError, match='raise most_bytes'):
                fit_probes(source, train, settings)
