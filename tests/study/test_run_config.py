from typing import Any

import pytest
from mmengine.config import Config

from posescope.errors import InputError
from posescope.study import plan_of
from posescope.study.run_config import first_difference, resolve
from tests.conftest import ROOT
from tests.study.small_study import SmallStudy


def resolved(small: SmallStudy, run: dict[str, Any], **more: Any) -> dict:
    plan = plan_of(small.content([{'name': 'a', **run}], **more))
    return resolve(plan, plan.runs['a'])


def test_the_text_is_the_whole_config(small: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = 'configs/selection/rendered/default.py'
    config = resolved(small, {'config': path, 'seeds': [5], 'options': {'train_dataloader.batch_size': 7}})[5]
    (small.folder / 'resolved.py').write_text(config.text)
    found, expected = (Config.fromfile(one) for one in (small.folder / 'resolved.py', path))
    expected.train_dataloader.batch_size = 7
    expected.randomness.seed = 5
    assert found.to_dict() == expected.to_dict()


def test_digests_follow_everything_that_matters(small: SmallStudy) -> None:
    path = small.config('a', 1.0)
    first = resolved(small, {'config': path, 'seeds': [0, 1]})
    assert first[0].digest != first[1].digest
    assert resolved(small, {'config': path, 'seeds': [0]})[0].digest == first[0].digest
    small.config('a', 1.0, more='# a remark\nwork_dir = "elsewhere"')
    assert resolved(small, {'config': path})[0].digest == first[0].digest
    others = [{'options': {'model.skill': 2.0}}, {'options': {'model': {'new': 1}}}]
    digests = {resolved(small, {'config': path, **other})[0].digest for other in others}
    digests.add(resolved(small, {'config': path}, budget={'train_cfg.max_epochs': 9})[0].digest)
    assert len(digests | {first[0].digest}) == 4


def test_options_know_the_seed(small: SmallStudy) -> None:
    options = {'model.permute': '{seed}', 'model.path': 'weights/{seed}.pth', 'model.deep': [{'inner': '{seed}'}]}
    found = resolved(small, {'config': small.config('a', 1.0), 'seeds': [0, 3], 'options': options})
    for seed in (0, 3):
        model = found[seed].content['model']
        assert (model['permute'], model['path'], model['deep']) == (seed, f'weights/{seed}.pth', [{'inner': seed}])
        assert '{seed}' not in found[seed].text


def test_what_was_found_on_test_is_not_read_by_a_path_with_the_seed(small: SmallStudy) -> None:
    options = {'model.path': 'elsewhere/runs/default/seed{seed}/test/diagnosis.json'}
    with pytest.raises(InputError, match='what was found on test cannot be learnt from'):
        resolved(small, {'config': small.config('a', 1.0), 'seeds': [0, 1], 'options': options})


def test_classes_become_names(small: SmallStudy) -> None:
    path = small.config('a', 1.0)
    found = resolved(small, {'config': path, 'options': {'model.kind': SmallStudy}})[0]
    assert found.content['model']['kind'] == 'tests.study.small_study.SmallStudy'
    with pytest.raises(InputError, match='no plain text'):
        resolved(small, {'config': path, 'options': {'model.kind': object()}})


def test_options_that_do_not_fit(small: SmallStudy) -> None:
    path = small.config('a', 1.0)
    with pytest.raises(
        InputError, match=r'options train_cgf.max_epochs: config .* has no train_cgf \(nearest: train_cfg'
    ):
        resolved(small, {'config': path, 'options': {'train_cgf.max_epochs': 1}})
    resolved(small, {'config': path, 'options': {'custom_hooks': []}})
    with pytest.raises(InputError, match=r'gone\.py does not exist'):
        resolved(small, {'config': 'gone.py'})


@pytest.mark.parametrize('phase', ['train', 'val'])
def test_training_does_not_see_the_test_split(small: SmallStudy, phase: str) -> None:
    wrapped = f'dict(dataset=dict(datasets=[dict(data_root={str(small.folder)!r}, ann_file="test.json")]))'
    path = small.config('a', 1.0, more=f'{phase}_dataloader = {wrapped}')
    with pytest.raises(InputError, match=f'{phase}_dataloader of config .* reads split test'):
        resolved(small, {'config': path})
    if phase == 'val':
        resolved(small, {'config': path}, validate=False)
    resolved(small, {'config': path, 'train': False, 'start': 'http://x'})


def test_validating_on_dev_is_what_dev_is_for_and_training_is_not(small: SmallStudy) -> None:
    loader = f'dict(dataset=dict(data_root={str(small.folder)!r}, ann_file="dev.json"))'
    resolved(small, {'config': small.config('a', 1.0, more=f'val_dataloader = {loader}')})
    path = small.config('b', 1.0, more=f'train_dataloader = {loader}')
    with pytest.raises(InputError, match=r'train_dataloader of config .* reads split dev'):
        resolved(small, {'config': path})


def test_first_difference() -> None:
    old = {'model': {'depth': 18, 'strides': (1, 2)}, 'seed': 0}
    assert first_difference(old, {'model': {'depth': 18, 'strides': [1, 2]}, 'seed': 0}) == ''
    assert first_difference(old, {'model': {'depth': 34, 'strides': [1, 2]}, 'seed': 0}) == 'model.depth: 18 → 34'
    assert first_difference(old, {'model': {'depth': 18, 'strides': [1, 3]}, 'seed': 0}) == 'model.strides.1: 2 → 3'
    assert first_difference(old, {'seed': 0}) == 'model: no longer'
    assert first_difference(old, {**old, 'amp': True}) == 'amp: only now'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({1: 2}, 'options of config .*: 1 is no name of a setting'),
        ({'model.limits': [0.0, float('inf')]}, r'holds what has no plain text: model\.limits\.1 is the number inf'),
        ({'model.how': len}, r'model\.how is a builtin_function_or_method'),
    ],
)
def test_what_is_wrong_is_named(small: SmallStudy, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolved(small, {'config': small.config('a', 1.0), 'options': options})
