"""Every study in configs/studies: that it can be carried out, and keeps what its head promises."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from posescope.errors import InputError
from posescope.study import Commands, Study, StudyPlan, plan_of, read_study, run_config
from posescope.study.checks import check_files
from posescope.study.engines import LocalEngine
from posescope.study.run_config import TrialConfig
from tests.conftest import ROOT
from tools.study import main

STUDIES = sorted((ROOT / 'configs/studies').glob('*.py'))
COCO = ('selection_coco', 'selection_coco_trained')
COMMANDS = Commands.of_tools(ROOT / 'tools')
KINDS = {
    'Stacked Hourglass': ('HourglassNet|StackedHourglass', 'HeatmapHead|CPMHead'),
    'ResNet': ('ResNet', 'HeatmapHead'),
    'HRNet': ('HRNet', 'HeatmapHead'),
    'SimCC': ('.*', 'SimCCHead'),
    'RTMPose': ('CSPNeXt', 'RTMCCHead'),
    'ViT': ('VisionTransformer', 'HeatmapHead'),
    'TransPose': ('ResNet', 'TransPoseHead'),
    'regression': ('.*', 'RLEHead'),
    'MoveNet': ('MoveNetBackbone', 'MoveNetHead'),
}
"""Kinds of models that a selection is between -> what they are made of: types of backbone and head."""
each_study = pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)


# Loading a config that inherits from MMPose takes a quarter of a second, and studies share their configs.
load_once = cache(run_config.load_config)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in studies are relative to it."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(run_config, 'load_config', lambda path: copy.deepcopy(load_once(path)))


@cache
def plan_at(path: Path) -> StudyPlan:
    return read_study(str(path), files=False)


@cache
def trials_of(path: Path) -> dict[str, TrialConfig]:
    """The resolved config of every run with its first seed; others differ in nothing but the seed."""
    plan = plan_at(path)
    runs = [replace(run, seeds=run.seeds[:1]) for run in plan.runs.values()]
    return {run.name: run_config.resolve(plan, run)[run.seeds[0]] for run in runs}


def leaves(options: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Full names of what options set, and values."""
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def at(content: Any, key: str) -> Any:
    for part in key.split('.'):
        content = content[int(part) if isinstance(content, list | tuple) else part]
    return content


@each_study
def test_the_plan_is_sound(path: Path) -> None:
    plan = plan_at(path)
    assert plan.name == path.stem
    assert plan.title.endswith('?')
    head = path.read_text().partition('\n_')[0]
    assert f'tools/study.py configs/studies/{path.stem}.py' in head
    assert plan.comparisons
    if path.stem not in COCO:
        check_files(plan, path.name)  # the repository holds the data
        assert plan.choose_on == 'dev'
        assert plan.compare_on == 'test'


@each_study
def test_every_trial_has_the_budget_and_its_own_options(path: Path) -> None:
    plan, trials = plan_at(path), trials_of(path)
    assert set(trials) == set(plan.runs)
    for name, config in trials.items():
        run = plan.runs[name]
        assert config.content['randomness']['seed'] == run.seeds[0]
        for key, value in leaves({**plan.budget, **run.options}):
            expected = run.seeds[0] if value == '{seed}' else value
            assert json.dumps(at(config.content, key)) == json.dumps(expected), f'{name}: {key}'


@each_study
def test_what_is_compared_differs_and_saw_as_many_people(path: Path) -> None:
    """A comparison of something with itself is a slip; what starts from the same weights trains on for as long."""
    plan, trials = plan_at(path), trials_of(path)
    for one in plan.comparisons:
        names = one.run, one.control
        contents, runs = [trials[name].content for name in names], [plan.runs[name] for name in names]
        assert contents[0] != contents[1] or runs[0].start != runs[1].start, one.name
        if all(run.train for run in runs) and runs[0].start == runs[1].start is not None:
            for key in ('dataset.indices', 'batch_size'):
                assert len({at(content['train_dataloader'], key) for content in contents}) == 1, f'{one.name}: {key}'
            assert len({content['train_cfg']['max_epochs'] for content in contents}) == 1, one.name


@pytest.fixture(scope='module')
def published() -> StudyPlan:
    return plan_at(ROOT / 'configs/studies/selection_coco.py')


def kinds_of(path: Path) -> set[str]:
    """Which kinds of models a study's runs are."""
    parts = [
        [at(config.content, f'model.{part}.type').rpartition('.')[2] for part in ('backbone', 'head')]
        for config in trials_of(path).values()
    ]
    return {kind for kind, patterns in KINDS.items() if any(all(map(re.fullmatch, patterns, types)) for types in parts)}


@pytest.mark.parametrize('name', [*COCO, 'selection_rendered'])
def test_models_of_every_kind_are_to_choose_from(name: str) -> None:
    path = ROOT / f'configs/studies/{name}.py'
    without_weights = {'TransPose'} if name == 'selection_coco' else set()
    assert set(KINDS) - kinds_of(path) == without_weights
    head = path.read_text().partition('\n_')[0]
    assert all(f'publishes no weights of {kind}' in head for kind in without_weights)


def test_published_models_are_all_there_and_none_is_trained(published: StudyPlan) -> None:
    configs = {f'configs/selection/coco/{path.name}' for path in (ROOT / 'configs/selection/coco').glob('*.py')}
    without_weights = {'configs/selection/coco/transpose_res50_coco-256x192.py'}
    assert {run.config for run in published.runs.values()} == configs - without_weights
    assert not any(run.train for run in published.runs.values())
    assert {(one.run, one.control) for one in published.comparisons} == {
        (name, 'res50') for name in published.runs if name != 'res50'
    }


def test_weights_and_published_ap_are_those_of_the_configs(published: StudyPlan) -> None:
    released = 0
    weights = re.search(r'^WEIGHTS := (.*)$', Path('Makefile').read_text(), re.MULTILINE)[1].split()
    for run in published.runs.values():
        noted = re.match(r'published: ([\d.]+) AP with detected boxes and flip test', run.note)
        stated = re.search(r'^# Published: ([\d.]+) AP', Path(run.config).read_text(), re.MULTILINE)
        assert (noted and noted[1]) == (stated and stated[1]), run.name
        if noted:
            assert run.start == load_once(run.config).checkpoint_url
        else:
            assert run.start in weights
            assert 'make movenet' in run.note
            released += 1
    assert released == 2


def coco_below(folder: Path, detections: bool) -> None:
    """COCO's layout without its content."""
    data = folder / 'data/coco'
    (data / 'val2017').mkdir(parents=True)
    files = ['annotations/person_keypoints_val2017.json']
    files += ['person_detection_results/COCO_val2017_detections_AP_H_56_person.json'] * detections
    for name in files:
        (data / name).parent.mkdir()
        (data / name).write_text('{"images": [1], "annotations": [1]}')


@pytest.mark.parametrize('name', COCO)
def test_detected_boxes_are_compared_on_where_they_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = str(ROOT / f'configs/studies/{name}.py')
    for detections in (False, True):
        folder = tmp_path / str(detections)
        coco_below(folder, detections)
        monkeypatch.chdir(folder)
        plan = read_study(study)
        assert list(plan.splits) == ['detected'] * detections + ['annotated']
        assert plan.compare_on == next(iter(plan.splits))
        assert {one.split for one in plan.comparisons} == {plan.compare_on}
        assert [split.boxes is not None for split in plan.splits.values()] == [True] * detections + [False]
        assert plan.choose_on is None


def test_without_coco_a_dry_run_shows_the_plan_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if Path('data/coco').exists():
        pytest.skip('COCO is here')
    study = 'configs/studies/selection_coco.py'
    work = ['--work-dir', str(tmp_path / 'work')]
    assert main([study, '--dry-run', *work]) == 2
    shown = capsys.readouterr()
    assert 'Which published model is best' in shown.out
    assert '12 declared comparisons' in shown.out
    assert shown.err.count('\n') == 1
    assert 'annotation file data/coco/annotations/person_keypoints_val2017.json does not exist' in shown.err
    assert 'COCO 2017 goes below data/coco' in shown.err
    assert main([study, *work]) == 2
    shown = capsys.readouterr()
    assert shown.out == ''
    assert 'does not exist (COCO 2017 goes below data/coco' in shown.err
    assert not (tmp_path / 'work').exists()


def test_missing_weights_say_how_to_get_them(published: StudyPlan, tmp_path: Path) -> None:
    run = replace(published.runs['movenet-thunder'], start='work_dirs/weights/gone.pth')
    plan = StudyPlan('one', {run.name: run}, published.splits, ())
    with pytest.raises(InputError, match=r'of run movenet-thunder does not exist \(weights of `make movenet`'):
        Study(plan, tmp_path / 'work', COMMANDS)
    assert Study(plan, tmp_path / 'work', COMMANDS, starts=False).unfinished


def test_one_schedule_for_all() -> None:
    path = ROOT / 'configs/studies/selection_coco_trained.py'
    plan, trials = plan_at(path), trials_of(path)
    folder = ROOT / 'configs/selection/coco'
    assert {ROOT / run.config for run in plan.runs.values()} == set(folder.glob('*.py'))
    trainings = sum(len(run.seeds) for run in plan.runs.values())
    assert f'# {trainings} trainings, one after another' in path.read_text()
    assert f'It also takes {trainings} trainings' in path.with_name('selection_coco.py').read_text()
    schedules = set()
    for config in trials.values():
        content = config.content
        shared = [content['param_scheduler'], content['train_cfg']['max_epochs'], content['auto_scale_lr']['enable']]
        schedules.add(json.dumps([*shared, content['train_dataloader']['batch_size']]))
        assert content['train_dataloader']['dataset']['ann_file'] == 'annotations/person_keypoints_train2017.json'
    assert len(schedules) == 1
    for name in ('rtmpose-s', 'rtmpose-m'):
        _, switch = trials[name].content['custom_hooks']
        assert switch['type'].endswith('PipelineSwitchHook')
        assert switch['switch_epoch'] < plan.budget['train_cfg.max_epochs']
    for name in ('movenet-thunder', 'movenet-lightning'):
        assert trials[name].content['model']['backbone']['norm_cfg']['type'] == 'BN'


@pytest.mark.long
def test_movenet_on_real_people(real_coco: Path, tmp_path: Path) -> None:
    """Two runs of the study of published models, with the real programs, on annotated and on detected boxes."""
    content = Config.fromfile('configs/studies/selection_coco.py').study.to_dict()
    content['runs'] = [run for run in content['runs'] if run['name'].startswith('movenet')]
    if not all(Path(run['start']).is_file() for run in content['runs']):
        pytest.skip('`make movenet` fetches the weights')
    data = {'annotations': str(real_coco / 'test_coco.json'), 'images': str(real_coco)}
    detections = str(real_coco / 'test_coco_det_AP_H_56.json')
    content['splits'] = {'detected': {**data, 'boxes': detections}, 'annotated': data}
    content['comparisons'] = [{'run': 'movenet-thunder', 'control': 'movenet-lightning'}]
    study = Study(plan_of({**content, 'cost': False, 'calibrate': False}), tmp_path / 'work', COMMANDS)
    with LocalEngine() as engine:
        study.carry_out(engine)
    found = study.put_together()
    assert [(run['status'], run['reason']) for run in found['runs']] == [('finished', '')] * 2
    # Measured with an independent implementation; see tests/models/test_released_movenet.py.
    for run, expected in zip(found['runs'], (0.842, 0.768), strict=True):
        assert run['metrics']['annotated']['oks/mean'] == pytest.approx(expected, abs=0.02)
        assert run['metrics']['annotated']['coco/AP'] > 0.5
        assert 0.3 < run['metrics']['detected']['coco/AP'] < 1
    (one,) = found['comparisons']
    assert one['split'] == 'detected'
    thunder, lightning = (run['metrics']['detected']['coco/AP'] for run in found['runs'])
    assert one['delta_ap'] == pytest.approx(thunder - lightning)
    assert one['verdict'].startswith('no claim: fewer than 50 images')
