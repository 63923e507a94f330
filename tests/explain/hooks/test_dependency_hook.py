"""What the hook writes is what the library measures, on people whose elbow copies the shoulder."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mmpose
import numpy as np
import pytest
from mmengine.config import Config

from posescope.capture.interpret import add_interpretation
from posescope.errors import InputError
from posescope.explain.dependency import Effects, LabelledPeople, measure_effects, summarise
from posescope.explain.hooks.dependency_hook import DependencyHook
from tests.capture.model_runs import build_run, run_config
from tests.drawn_people import write_drawn_coco
from tests.explain.dependency.planted_people import ELBOW, SHOULDER, people, planted

COUNT = 6
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
    hook = DependencyHook(fills=['mean_colour'], batch_size=32, permutations=99)
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
    value = content['matrices']['displacement']['value']
    assert value[ELBOW][SHOULDER] > 0.1
    assert value[SHOULDER][ELBOW] == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures('planted_data')
def test_during_a_training_names_tell_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner: Any = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger('quiet'))
    monkeypatch.setattr(DependencyHook, '_draw', lambda *args: None)
    DependencyHook(fills=['mean_colour'], out='leaning', permutations=9).explain(runner, planted(), None, epoch=3)
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
    ],
)
def test_options_that_make_no_sense(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        DependencyHook(**options)


@pytest.mark.usefixtures('planted_data')
@pytest.mark.parametrize(
    ('options', 'complaint'),
    [({'fills': ['blurr']}, 'nearest: blur'), ({'radius': 0}, 'radius=0 has to be above 0')],
)
def test_fills_and_discs_are_checked_before_the_test(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        DependencyHook(**options).check(SimpleNamespace(), planted(), None, training=False)
