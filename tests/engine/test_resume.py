"""A resumed run goes on with exactly the losses of an undisturbed one."""

import functools
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sized
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATA_SAMPLERS

from posescope.engine.config import train_config
from posescope.engine.options import parse, train_parser
from posescope.engine.resume import latest_checkpoint
from posescope.engine.runner import ResumableRunner
from tests.engine.runs import logged
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main


@DATA_SAMPLERS.register_module()
class GlobalSampler:
    """Draws the order from NumPy's global generator, as nobody should."""

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        self.count = len(dataset)

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.permutation(self.count).tolist())  # noqa: NPY002

    def __len__(self) -> int:
        return self.count


INFINITE = "dict(type='InfiniteSampler', shuffle=True)"
DEFAULT = "dict(type='DefaultSampler', shuffle=True)"


LOOPS: dict[str, dict] = {
    'epochs': {'epochs': 3},
    'epochs-stopped-within': {'epochs': 3, 'checkpoint_interval': 3, 'checkpoint_by_epoch': False},
    'endless-sampler': {'iterations': 9, 'checkpoint_interval': 5, 'val_interval': 4, 'sampler': INFINITE},
    'finite-sampler': {'iterations': 9, 'checkpoint_interval': 6, 'val_interval': 4, 'sampler': DEFAULT},
}
QUICK = [('epochs-stopped-within', 0)]
"""The others are tested by ``make test-all``: each takes half a minute of a busy core."""


@pytest.fixture(scope='module', autouse=True)
def nobody_waits() -> Iterator[None]:
    """MMEngine's loops over iterations wait two seconds at the end of each epoch, of which there are many here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.runner.loops.time', SimpleNamespace(sleep=lambda seconds: None))
        yield


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory: pytest.TempPathFactory, drawn_coco: Path) -> Callable[[str], Path]:
    """The work dir of a loop that nothing disturbed; the number of workers does not change its losses."""

    @functools.cache
    def work_dir(loop: str) -> Path:
        folder = tmp_path_factory.mktemp(loop)
        config = write_small_config(folder / 'small.py', drawn_coco.parent, **LOOPS[loop])
        assert main([str(config), '--work-dir', str(folder / 'whole')]) == 0
        return folder / 'whole'

    return work_dir


@pytest.mark.parametrize(
    ('loop', 'num_workers'),
    [
        pytest.param(loop, workers, marks=() if (loop, workers) in QUICK else pytest.mark.long)
        for loop in LOOPS
        for workers in (0, 2)
    ],
)
def test_resumed_losses_are_those_of_an_undisturbed_run(
    tmp_path: Path, drawn_coco: Path, undisturbed: Callable[[str], Path], loop: str, num_workers: int
) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, num_workers=num_workers, **LOOPS[loop])
    whole, resumed = undisturbed(loop), tmp_path / 'resumed'
    resumed.mkdir()
    first = min(whole.glob('*.pth'), key=lambda path: path.stat().st_mtime)
    shutil.copy(first, resumed)
    assert main([str(config), '--work-dir', str(resumed), '--resume']) == 0
    expected, found = logged(whole), logged(resumed)
    assert len(set(expected.values())) == len(expected) > len(found) > 0, 'augmentation is on, every step differs'
    assert found == {iteration: expected[iteration] for iteration in found}
    one, other = (torch.load(latest_checkpoint(folder))['state_dict'] for folder in (whole, resumed))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    'more',
    [
        # An odd number of batches an epoch: a checkpoint falls between two updates.
        pytest.param(
            "train_dataloader['dataset']['indices'] = 5\noptim_wrapper['accumulative_counts'] = 2",
            marks=pytest.mark.long,
            id='accumulated-gradients',
        ),
        # Its streams run on from epoch to epoch, and it asks for the type of its data set.
        pytest.param(
            """
train_dataloader['dataset'] = dict(
    _delete_=True, type='CombinedDataset', metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
    datasets=[dict(**data, pipeline=[]), dict(**data, pipeline=[])], pipeline=train_pipeline,
)
train_dataloader['sampler'] = dict(
    _delete_=True, type='MultiSourceSampler', batch_size=2, source_ratio=[1, 1], shuffle=True
)
""",
            marks=pytest.mark.long,
            id='multi-source-sampler',
        ),
        # As the small models of configs/selection/rendered train.
        pytest.param(
            """
optim_wrapper = dict(
    _delete_=True, type='AutocastOptimWrapper',
    optimizer=dict(type='timm.optim.Muon', lr=0.01, momentum=0.9, nesterov=True, ns_steps=3, fallback_lr_scale=0.15),
)
custom_hooks = [dict(type='ChannelsLastHook')]
""",
            marks=pytest.mark.long,
            id='muon-and-channels-last',
        ),
    ],
)
def test_what_else_a_run_remembers(tmp_path: Path, drawn_coco: Path, more: str) -> None:
    config = write_small_config(
        tmp_path / 'small.py', drawn_coco.parent, epochs=3, checkpoint_interval=4, checkpoint_by_epoch=False, more=more
    )
    assert main([str(config), '--work-dir', str(tmp_path / 'a'), '--no-validate']) == 0
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'iter_4.pth', tmp_path / 'b')
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--no-validate', '--resume']) == 0
    expected, found = logged(tmp_path / 'a'), logged(tmp_path / 'b')
    assert min(found) == 5
    assert found == {iteration: expected[iteration] for iteration in found}


def test_number_of_workers_does_not_change_the_losses(tmp_path: Path, drawn_coco: Path) -> None:
    losses = []
    for workers in (0, 2):
        config = write_small_config(tmp_path / f'{workers}.py', drawn_coco.parent, epochs=1, num_workers=workers)
        assert main([str(config), '--work-dir', str(tmp_path / str(workers))]) == 0
        losses.append(logged(tmp_path / str(workers)))
    assert losses[0] == losses[1]


@pytest.mark.long
def test_an_unseeded_run_resumes_with_the_seed_that_it_drew(tmp_path: Path, drawn_coco: Path) -> None:
    more = '\nrandomness = dict(seed=None)'
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=2, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'a')]) == 0
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'epoch_1.pth', tmp_path / 'b')
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--resume']) == 0
    expected, found = logged(tmp_path / 'a'), logged(tmp_path / 'b')
    assert found == {iteration: expected[iteration] for iteration in found}


@pytest.mark.parametrize('loop', [{'epochs': 1}, {'iterations': 2, 'sampler': DEFAULT}], ids=['epochs', 'iterations'])
def test_workers_end_with_the_run(tmp_path: Path, drawn_coco: Path, loop: dict) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, num_workers=1, **loop)
    assert main([str(config), '--work-dir', str(tmp_path)]) == 0
    assert multiprocessing.active_children() == []
    checkpoint = latest_checkpoint(tmp_path)
    assert run_test([str(config), str(checkpoint), '--work-dir', str(tmp_path)]) == 0
    assert multiprocessing.active_children() == []


def test_a_loop_whose_workers_ended_goes_on(tmp_path: Path, drawn_coco: Path) -> None:
    path = write_small_config(tmp_path / 'small.py', drawn_coco.parent, iterations=2, sampler=DEFAULT, num_workers=1)
    for resume in ([], ['--resume']):
        runner = ResumableRunner.from_cfg(options_of(path, '--work-dir', str(tmp_path), '--no-validate', *resume))
        runner.train()
        runner.train_loop._max_iters = 5
        runner.train()
        assert runner.iter == 5
    assert multiprocessing.active_children() == []


def test_latest_checkpoint_survives_a_broken_record(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for name in ('epoch_1.pth', 'epoch_2.pth', 'best_coco_AP_epoch_1.pth', '.epoch_3.pth.17.part'):
        (tmp_path / name).touch()
    assert latest_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'
    (tmp_path / 'last_checkpoint').write_text('')
    assert latest_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    assert latest_checkpoint(tmp_path) == tmp_path / 'epoch_1.pth'
    # A copied folder goes on from its own files, not from those of the folder that it was copied from.
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'epoch_1.pth').touch()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'elsewhere' / 'epoch_1.pth'))
    assert latest_checkpoint(tmp_path) == tmp_path / 'epoch_1.pth'
    (tmp_path / 'last_checkpoint').write_text('/moved/away/epoch_2.pth')
    assert latest_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


@pytest.mark.long
def test_another_batch_size_begins_the_epoch_anew(tmp_path: Path, drawn_coco: Path) -> None:
    """Two of four batches were done; of two larger ones nobody knows which people they hold."""
    options = {'epochs': 2, 'checkpoint_interval': 2, 'checkpoint_by_epoch': False}
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, **options)
    assert main([str(config), '--work-dir', str(tmp_path / 'a'), '--no-validate']) == 0
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'iter_2.pth', tmp_path / 'b')
    assert torch.load(tmp_path / 'b' / 'iter_2.pth')['meta']['position'] == {
        'done': 2, 'batch_size': 2, 'world_size': 1, 'batches': 4,
    }  # fmt: skip
    larger = ['--cfg-options', 'train_dataloader.batch_size=4']
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--no-validate', '--resume', *larger]) == 0
    assert sorted(logged(tmp_path / 'b')) == [3, 4, 5, 6], 'two epochs of two batches'


def test_a_validation_that_a_run_was_stopped_in_is_made_up_once(
    tmp_path: Path, drawn_coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=1)
    assert main([str(config), '--work-dir', str(tmp_path / 'a')]) == 0
    assert (tmp_path / 'a' / 'last_validation').read_text() == '1\n'
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'epoch_1.pth', tmp_path / 'b')
    for times in (1, 0):
        capsys.readouterr()
        assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--resume']) == 0
        assert capsys.readouterr().out.count('coco/AP:') == times
    found = [logged(tmp_path / name, 'coco/AP') or _validated(tmp_path / name) for name in 'ab']
    assert found[0] == found[1]


def _validated(work_dir: Path) -> list[float]:
    lines = [line for path in work_dir.glob('*/vis_data/scalars.json') for line in path.read_text().splitlines()]
    return [record['coco/AP'] for record in map(json.loads, lines) if 'coco/AP' in record]


def options_of(config: Path, *options: str) -> Config:
    return train_config(parse(train_parser(), [str(config), *options]))


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_with_the_weights_that_it_was_given(
    tmp_path: Path, drawn_coco: Path
) -> None:
    given, own = tmp_path / 'given.pth', tmp_path / 'w' / 'epoch_3.pth'
    given.touch()
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, more=f'\nload_from = {str(given)!r}')
    begun = options_of(config, '--work-dir', str(tmp_path / 'w'), '--resume')
    assert (begun.resume, begun.load_from) == (False, str(given))
    own.parent.mkdir()
    own.touch()
    typed = ['--cfg-options', f'load_from={given}']
    for more in ([], typed):
        going_on = options_of(config, '--work-dir', str(tmp_path / 'w'), '--resume', *more)
        assert (going_on.resume, going_on.load_from) == (True, str(own))
    named = options_of(config, '--work-dir', str(tmp_path / 'w'), '--resume', str(given))
    assert (named.resume, named.load_from) == (True, str(given))


def test_what_a_kill_left_of_a_checkpoint_is_removed(tmp_path: Path, drawn_coco: Path) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=1)
    left = tmp_path / 'w' / '.epoch_1.pth.4711.part'
    left.parent.mkdir()
    left.touch()
    assert main([str(config), '--work-dir', str(tmp_path / 'w'), '--no-validate', '--resume']) == 0
    assert not left.exists()


PLATEAU = """
param_scheduler = [dict(type='ReduceOnPlateauLR', monitor='coco/AP', rule='greater', patience=0, factor=0.5)]
"""


def test_a_schedule_that_follows_validations_goes_on_where_it_was(tmp_path: Path, drawn_coco: Path) -> None:
    """AP stays 0, so each validation but the first halves the rate; the second had ended when the run was killed."""
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=3, more=PLATEAU)
    assert main([str(config), '--work-dir', str(tmp_path / 'a')]) == 0
    rates = logged(tmp_path / 'a', 'lr')
    assert len(set(rates.values())) == 2
    (tmp_path / 'b').mkdir()
    for name in ('epoch_2.pth', 'last_validation'):
        shutil.copy(tmp_path / 'a' / name, tmp_path / 'b')
    (tmp_path / 'b/last_validation').write_text('2\n')
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--resume']) == 0
    found = logged(tmp_path / 'b', 'lr')
    assert found == {iteration: rates[iteration] for iteration in found}
    losses = logged(tmp_path / 'b')
    assert losses == {iteration: logged(tmp_path / 'a')[iteration] for iteration in losses}


def test_a_sampler_that_draws_from_global_generators_resumes_too(tmp_path: Path, drawn_coco: Path) -> None:
    config = write_small_config(
        tmp_path / 'small.py', drawn_coco.parent, epochs=2, sampler="dict(type='GlobalSampler')"
    )
    assert main([str(config), '--work-dir', str(tmp_path / 'a'), '--no-validate']) == 0
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'epoch_1.pth', tmp_path / 'b')
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--no-validate', '--resume']) == 0
    expected, found = logged(tmp_path / 'a'), logged(tmp_path / 'b')
    assert found == {iteration: expected[iteration] for iteration in (5, 6, 7, 8)}


def test_an_epoch_may_be_a_part_of_the_data(tmp_path: Path, drawn_coco: Path) -> None:
    more = "\ntrain_dataloader['num_batch_per_epoch'] = 1"
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=2, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'w'), '--no-validate']) == 0
    assert sorted(logged(tmp_path / 'w')) == [1, 2]


def test_a_second_stage_makes_up_its_validation(
    tmp_path: Path, drawn_coco: Path, capsys: pytest.CaptureFixture
) -> None:
    """From the second epoch on every epoch is validated, which the interval at the start does not say."""
    more = '\ntrain_cfg.update(val_interval=9, dynamic_intervals=[(2, 1)])'
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=3, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'a')]) == 0
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'epoch_2.pth', tmp_path / 'b')
    capsys.readouterr()
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--resume']) == 0
    assert capsys.readouterr().out.count('coco/AP:') == 2


def test_the_config_of_a_resumed_run_is_tested(tmp_path: Path, drawn_coco: Path) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=1, more='\nresume = True')
    work = tmp_path / 'w'
    assert main([str(config), '--work-dir', str(work), '--no-validate']) == 0
    content = torch.load(work / 'epoch_1.pth')
    torch.save({key: content[key] for key in ('meta', 'state_dict', 'message_hub')}, work / 'best.pth')
    assert run_test([str(work / 'small.py'), str(work / 'best.pth'), '--work-dir', str(work)]) == 0
