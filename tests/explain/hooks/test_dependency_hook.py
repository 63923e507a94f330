"""What the hook writes is what the library measures, on people whose elbow copies the shoulder."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mmpose
import numpy as np
import pytest
from matplotlib.figure import Figure
from mmengine.config import Config
from PIL import Image

from posescope.capture.interpret import add_interpretation
from posescope.data.body_parts import OCCLUDER, part_map_path, write_part_map
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.dependency import (
    Effects,
    GroupShapley,
    LabelledPeople,
    Relation,
    measure_effects,
    summarise,
)
from posescope.explain.dependency.comparison import mantel
from posescope.explain.hooks.dependency_hook import DependencyHook
from tests.capture.model_runs import build_run, run_config
from tests.drawn_people import write_drawn_coco
from tests.explain.dependency.planted_people import AREA, ELBOW, SHOULDER, people, planted

COUNT = 6
NAMES = skeleton_of_file('coco').joints
MMPOSE = Path(mmpose.__file__).parent / '.mim' / 'configs'


class Batches(list[LabelledPeople]):
    """People in batches, as a data set gives them; those of the middle one cannot be read."""

    def __init__(self, *args: Any) -> None:
        first, middle, last = people(3), people(2, seed=50), people(3, seed=3)
        middle.truth[:] = middle.truth[:, :, ::-1] + 40
        super().__init__([first, middle, last])

    def __len__(self) -> int:
        return 8


@pytest.fixture
def planted_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.explain.depth.DatasetPeople', Batches)


@pytest.mark.usefixtures('planted_data')
def test_what_is_written_is_what_the_library_measures(tmp_path: Path) -> None:
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    hook = DependencyHook(fills=['mean_colour'], batch_size=32, permutations=99, compared_people=0)
    hook.check(runner, planted(), None, training=False)
    hook.explain(runner, planted(), None, epoch=None)
    assert {path.name for path in tmp_path.iterdir()} == {
        'dependency.json',
        *(f'dependency_{name}.png' for name in ('ks', 'ks_body', 'displacement', 'displacement_body')),
    }
    content = json.loads((tmp_path / 'dependency.json').read_text())
    some = [measure_effects(planted(), batch, fills=['mean_colour']) for batch in (people(3), people(3, seed=3))]
    effects = Effects.join(some)
    for quantity in ('ks', 'displacement'):
        expected = json.loads(json.dumps(summarise(effects, quantity, permutations=99).content()))
        written = content['matrices'][quantity]
        assert {key: written[key] for key in expected} == expected
        assert written['compared_with'].keys() == {'skeleton_distance', 'symmetry'}
    assert (content['people'], content['left_out']) == (COUNT, 2)
    assert content['discs']['radius'] == 0.15
    assert content['relations'] == {}
    assert 'groups' not in content
    assert 'shapley' not in content
    value = content['matrices']['displacement']['value']
    assert value[ELBOW][SHOULDER] > 0.1
    assert value[SHOULDER][ELBOW] == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures('planted_data')
def test_attribution_and_attention_are_compared_and_groups_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = np.random.default_rng(0).normal(size=(17, 17))
    relation = Relation('saliency', given, np.full((17, 17), 8))
    monkeypatch.setattr(
        'posescope.explain.dependency.measure_relations',
        lambda *args: {'ri': relation, 'attention': Relation('', reason='there is none')},
    )
    monkeypatch.setattr(DependencyHook, '_draw', lambda *args: None)
    names = planted().joints
    groups = [names[:5], names[5:8], names[8:11], names[11:14], names[14:]]
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    hook = DependencyHook(fills='mean_colour', permutations=99, groups=groups, shapley=True, batch_size=64)
    hook.check(runner, planted(), None, training=False)
    monkeypatch.setattr(
        'posescope.explain.dependency.bounded_groups.measure_group_shapley',
        lambda function, some, given, **options: _no_shapley(len(some), given, options),
    )
    hook.explain(runner, planted(), None, epoch=None)
    content = json.loads((tmp_path / 'dependency.json').read_text())
    for matrix in content['matrices'].values():
        compared = matrix['compared_with']
        assert list(compared) == ['skeleton_distance', 'symmetry', 'ri', 'attention']
        expected = mantel(np.array(matrix['value'], float), given, permutations=99)
        assert compared['ri'] == json.loads(json.dumps(asdict(expected)))
        assert compared['attention'] == {'correlation': None, 'p': None, 'cells': 0, 'reason': 'there is none'}
    np.testing.assert_allclose(content['relations']['ri']['value'], given)
    assert content['relations']['attention']['value'] is None
    assert content['groups'] == [list(group) for group in groups]
    assert content['shapley']['people'] == 8
    assert content['shapley']['fills'] == ['mean_colour']


def _no_shapley(count: int, groups: Any, options: dict[str, Any]) -> GroupShapley:
    assert [fill.name for fill in options['fills']] == ['mean_colour']
    assert (options['batch_size'], options['settings'].radius) == (64, 0.15)
    within, across = np.zeros((count, 17, 17)), np.zeros((count, 17, len(groups)))
    return GroupShapley(planted().joints, tuple(map(tuple, groups)), 'ks', np.arange(count), within, across)


@pytest.mark.usefixtures('planted_data')
def test_hidden_behind_rendered_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / 'dev' / 'one.png'
    dataset = Pictures(picture)
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    hook = DependencyHook(fills=['rendered_occluder'], permutations=9, compared_people=0)
    with pytest.raises(InputError, match=r'DependencyHook: part map .*one.png does not exist; only rendered people'):
        hook.check(runner, planted(), dataset, training=False)
    picture.parent.mkdir()
    Image.fromarray(np.full((60, 60, 3), 90, np.uint8)).save(picture)
    part_map_path(picture).parent.mkdir(parents=True)
    write_part_map(part_map_path(picture), np.full((60, 60), OCCLUDER, np.uint8))
    hook.check(runner, planted(), dataset, training=False)
    monkeypatch.setattr(DependencyHook, '_draw', lambda *args: None)
    hook.explain(runner, planted(), dataset, epoch=None)
    matrix = json.loads((tmp_path / 'dependency.json').read_text())['matrices']['ks']
    assert matrix['fills'] == ['rendered_occluder']
    assert matrix['hidden'][ELBOW][SHOULDER] == pytest.approx(1, abs=1e-3)


class Pictures:
    """A data set of one picture, of which only that is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {'img_path': str(self.path)}


@pytest.mark.usefixtures('planted_data')
def test_skeletons_that_nobody_stands_on_are_drawn_on_the_mean_pose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def keep(matrix: Any, style: Any, *, places: Any) -> Figure:
        drawn.append((matrix, places))
        return Figure((1, 1))

    monkeypatch.setattr('posescope.explain.dependency.body_graph.draw_on_body', keep)
    monkeypatch.setattr('posescope.explain.dependency.matrix_figure.draw_matrix', lambda matrix: Figure((1, 1)))
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    hook = DependencyHook(fills=['mean_colour'], permutations=9, compared_people=0)
    with monkeypatch.context() as patched:
        patched.setattr('posescope.explain.dependency.body_graph.stands', lambda joints: False)
        hook.explain(runner, planted(), None, epoch=None)
    matrix, places = drawn[-1]
    hook._draw(runner, planted(), matrix, 'standing', places)
    assert drawn[-1][1] is None
    measured = np.concatenate([people(3).truth, people(3, seed=3).truth]) / np.sqrt(AREA)
    spread = measured.mean(0) - measured.mean((0, 1))
    np.testing.assert_allclose(places - places.mean(0), spread, atol=0.01)


@pytest.mark.usefixtures('planted_data')
def test_during_a_training_names_tell_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    monkeypatch.setattr(DependencyHook, '_draw', lambda *args: None)
    hook = DependencyHook(fills=['mean_colour'], out='leaning', permutations=9, compared_people=0)
    hook.explain(runner, planted(), None, epoch=3)
    assert [path.name for path in tmp_path.iterdir()] == ['leaning_epoch_3.json']


def test_a_model_that_finds_no_joint_well_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: Any) -> np.ndarray:
        return np.zeros((2, 17), bool)

    monkeypatch.setattr('posescope.explain.dependency.effects.readable', none)
    drawn = write_drawn_coco(tmp_path / 'drawn', num_images=1)
    config = run_config('resnet', drawn, tmp_path)
    config.interpret = {'hooks': [{'type': 'DependencyHook', 'people': 2}]}
    add_interpretation(config)
    with pytest.raises(
        InputError, match='DependencyHook: nobody of 2 people could be measured: none of 2 people has a'
    ):
        build_run(config).test()
    assert not list(tmp_path.glob('dependency*'))


def test_people_who_do_not_fit_into_memory_are_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    causes: list[Exception] = [MemoryError(), ValueError()]

    def fail(*arguments: object, **options: object) -> None:
        raise InputError('for a reason') from causes.pop(0)

    monkeypatch.setattr('posescope.explain.dependency.measure_effects', fail)
    with pytest.raises(InputError, match='for a reason'):
        DependencyHook()._effects_of(planted(), people(2), (), 1)
    assert DependencyHook()._effects_of(planted(), people(2), (), 1) == 'for a reason'


def test_during_a_training_that_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that has only begun to learn finds no joint well."""

    def nobody(*args: Any) -> None:
        raise InputError('DependencyHook: nobody of 8 people could be measured')

    monkeypatch.setattr(DependencyHook, '_measure', nobody)
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('loud'))
    DependencyHook().explain(runner, planted(), None, epoch=1)
    assert 'nobody of 8 people could be measured; the training goes on, and epoch 1 has no dep' in caplog.text
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match='nobody of 8'):
        DependencyHook().explain(runner, planted(), None, epoch=None)


def test_one_fill_needs_no_list() -> None:
    assert DependencyHook(fills='blur').fills == ('blur',)


@pytest.mark.parametrize('hook', ['DependencyHook', 'ProbeHook'])
def test_joints_without_a_spread_are_refused_before_the_test(tmp_path: Path, hook: str) -> None:
    metainfo = {**Config.fromfile(MMPOSE / '_base_/datasets/coco.py').dataset_info, 'sigmas': []}
    drawn = write_drawn_coco(tmp_path / 'drawn', num_images=1)
    config = run_config('resnet', drawn, tmp_path, [{'type': hook}])
    config.test_dataloader.dataset.metainfo = metainfo
    runner = build_run(config)
    runner.cfg.train_dataloader = config.test_dataloader
    runner.test_loop.evaluator.process = None
    with pytest.raises(InputError, match='the metainfo has 0 sigmas for 17 joints, so there is no KS'):
        runner.test()


def test_people_without_labels_are_refused_before_the_test(tmp_path: Path) -> None:
    drawn = write_drawn_coco(tmp_path / 'drawn', num_images=1)
    config = run_config('resnet', drawn, tmp_path, [{'type': 'DependencyHook'}])
    config.test_dataloader.dataset.bbox_file = str(drawn.parent / 'detections.json')
    runner = build_run(config)
    runner.test_loop.evaluator.process = None
    with pytest.raises(InputError, match='none of 2 people has a visible labelled joint'):
        runner.test()


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'pepole': 3}, r"DependencyHook has no option 'pepole' \(nearest: people"),
        ({'people': 0}, 'people=0 is not a whole number of 1 or more'),
        ({'seed': -1}, 'seed=-1'),
        ({'compared_people': -1}, 'compared_people=-1'),
        ({'shapley': 'yes'}, "shapley='yes' is neither True nor False"),
        ({'shapley_people': 0}, 'shapley_people=0'),
        ({'shapley_crops': 0.5}, 'shapley_crops=0.5'),
    ],
)
def test_options_that_make_no_sense(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        DependencyHook(**options)


@pytest.mark.usefixtures('planted_data')
@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'fills': ['blurr']}, 'DependencyHook: .*nearest: blur'),
        ({'radius': 0}, 'radius=0 has to be above 0'),
        ({'compared_method': 'salience'}, 'DependencyHook: .*nearest: saliency'),
        ({'groups': 40}, 'DependencyHook: groups=40: 17 joints make from 1 to 17'),
        ({'groups': [['nose', 'left_eye']]}, 'in no group'),
        ({'groups': [NAMES], 'shapley': True, 'shapley_crops': 100}, 'up to 3952 crops a person, more than 100'),
    ],
)
def test_fills_discs_methods_and_groups_are_checked_before_the_test(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        DependencyHook(**options).check(SimpleNamespace(), planted(), None, training=False)
