from typing import Any

import pytest

from posescope.study.training_options import checkpoint_options
from tests.study.small_study import SmallStudy

ONE = 'default_hooks.checkpoint.max_keep_ckpts=1'


def content(epochs: int | None = 8, iterations: int | None = None, **hook: Any) -> dict[str, Any]:
    loop = {'max_epochs': epochs} if iterations is None else {'by_epoch': False, 'max_iters': iterations}
    return {'train_cfg': loop, 'default_hooks': {'checkpoint': {'type': 'CheckpointHook', **hook}}}


def every(epochs: int) -> str:
    return f'default_hooks.checkpoint.interval={epochs}'


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (content(8, interval=8, max_keep_ckpts=1), [every(2)]),
        (content(8, interval=8), [every(2), ONE]),
        (content(8, interval=20, max_keep_ckpts=2), [every(2)]),
        (content(9, interval=9, max_keep_ckpts=1), [every(3)]),
        (content(3, interval=3, max_keep_ckpts=1), [every(1)]),
        (content(8), [every(2), ONE]),
        (content(8, interval=4), []),
        (content(8, interval=8, by_epoch=False), []),
        (content(9, interval=9, save_last=False), []),
        (content(8, interval=8, save_begin=4), []),
        (content(1, interval=1), []),
        (content(iterations=100, interval=100), []),
        ({'train_cfg': {'max_epochs': 8}}, []),
        ({'train_cfg': {'max_epochs': 8}, 'default_hooks': {'checkpoint': None}}, []),
        ({}, []),
    ],
)
def test_a_training_with_one_checkpoint_gets_some(given: dict[str, Any], expected: list[str]) -> None:
    assert checkpoint_options(given) == expected


def test_they_are_no_part_of_what_a_trial_is(small: SmallStudy) -> None:
    more = 'default_hooks = dict(checkpoint=dict(interval=8))'
    study = small.study(small.content([{'name': 'a', 'config': small.config('a', 1.0, epochs=8, more=more)}]))
    before = study.trials[0].identity
    found = small.run(small.content([{'name': 'a', 'config': str(small.folder / 'a.py')}]))
    folder = small.folder / 'work/runs/a/seed0'
    assert f'--cfg-options {every(2)} {ONE}\n' in (folder / 'run.log').read_text()
    assert "{'checkpoint': {'interval': 8}}" in (folder / 'config.py').read_text()
    (trial,) = small.study(small.content([{'name': 'a', 'config': str(small.folder / 'a.py')}])).trials
    assert trial.record.identity == before
    assert found['runs'][0]['status'] == 'finished'
