"""Test runs that are made again and again, and what others write during one."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from posescope.report.capture_peers import PEERS
from posescope.report.timed_runs import InMemory, TimedRun, in_turn

ROOT = Path(__file__).parents[2]
PEOPLE = ROOT / 'data/rendered_people'
LAYERS = ['backbone.layer3', 'backbone.layer4']


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> TimedRun:
    config = ROOT / 'configs/selection/rendered/default.py'
    made = TimedRun(config, PEOPLE / 'annotations/dev.json', PEOPLE / 'dev', 6, 2, tmp_path_factory.mktemp('run'))
    made.model.test_cfg['flip_test'] = False
    return made


class Batches(Hook):
    """Counts batches."""

    seen = 0

    def after_test_iter(self, *args: Any, **options: Any) -> None:
        self.seen += 1


def test_runs_again_with_the_same_result_and_with_hooks_only_where_they_are_given(run: TimedRun) -> None:
    hook = Batches()
    seconds = run(hook)
    assert hook.seen == 3
    assert min(seconds) > 0
    metrics = run.metrics
    run()
    assert hook.seen == 3, 'the hook of the first run has gone'
    assert run.metrics == metrics
    assert 0 <= metrics['coco/AP'] <= 1


def test_a_second_run_needs_nothing_of_the_folder_of_the_first(run: TimedRun, tmp_path: Path) -> None:
    config = ROOT / 'configs/selection/rendered/default.py'
    for name in 'first', 'second':
        folder = tmp_path / name
        TimedRun(config, PEOPLE / 'annotations/dev.json', PEOPLE / 'dev', 2, 1, folder)()
        shutil.rmtree(folder)


def test_a_tool_that_calls_the_model_makes_the_same_run(run: TimedRun) -> None:
    run()
    metrics, run.metrics = run.metrics, {}
    run.stepwise(lambda steps, numbers: [steps(number) for number in numbers])
    assert run.metrics == metrics


def test_people_come_again_with_other_ids_where_there_are_too_few(run: TimedRun) -> None:
    data = run.loader.dataset
    again = InMemory(data, 8)
    ids = [again[i]['data_samples'].id for i in range(8)]
    assert len(set(ids)) == 8
    assert torch.equal(again[6]['inputs'], again[0]['inputs'])
    assert again[6]['data_samples'].img_id == again[0]['data_samples'].img_id


@pytest.mark.filterwarnings('ignore')  # of TorchLens
@pytest.mark.parametrize('name', ['captum', 'npz', pytest.param('torchlens', marks=pytest.mark.long)])
def test_peers_write_what_the_layers_give(run: TimedRun, tmp_path: Path, name: str) -> None:
    pytest.importorskip({'npz': 'numpy'}.get(name, name))
    peer = PEERS[name][1](run, LAYERS, tmp_path / 'theirs')
    before = torch.relu
    peer()
    assert torch.relu is before, 'nothing of the peer stays in PyTorch'
    given: list[torch.Tensor] = []
    handle = run.model.backbone.layer3.register_forward_hook(lambda module, args, output: given.append(output))
    with torch.no_grad():
        run.model.test_step(next(iter(run.loader)))
    handle.remove()
    np.testing.assert_array_equal(peer.first('backbone.layer3'), given[0].cpu().numpy())
    assert peer.first('backbone.layer4').shape == (2, 128, 4, 3)


def test_runs_take_turns_in_both_directions() -> None:
    order: list[str] = []

    def note(name: str) -> tuple[float, float]:
        order.append(name)
        return 0.0, float(len(order))

    seconds = in_turn((lambda: note('a'), lambda: note('b')), 2)
    assert order == ['b', 'a', 'a', 'b', 'b', 'a'], 'the first two do not count'
    assert seconds == [[(0.0, 3.0), (0.0, 6.0)], [(0.0, 4.0), (0.0, 5.0)]]
