"""A resumed run goes on with exactly the losses of an undisturbed one."""

import shutil
from pathlib import Path

import pytest
import torch

from posescope.engine.resume import latest_checkpoint
from tests.engine.runs import logged
from tests.small_config import write_small_config
from tools.train import main

INFINITE = "dict(type='InfiniteSampler', shuffle=True)"
DEFAULT = "dict(type='DefaultSampler', shuffle=True)"


LOOPS: dict[str, dict] = {
    'epochs': {'epochs': 3},
    'epochs-stopped-within': {'epochs': 3, 'checkpoint_interval': 3, 'checkpoint_by_epoch': False},
    'endless-sampler': {'iterations': 9, 'checkpoint_interval': 5, 'val_interval': 4, 'sampler': INFINITE},
    'finite-sampler': {'iterations': 9, 'checkpoint_interval': 6, 'val_interval': 4, 'sampler': DEFAULT},
}
QUICK = [('epochs-stopped-within', 0), ('finite-sampler', 2)]
"""The others are tested by ``make test-all``: each takes half a minute of a busy core."""


@pytest.mark.parametrize(
    ('loop', 'num_workers'),
    [
        pytest.param(loop, workers, marks=() if (name, workers) in QUICK else pytest.mark.long, id=f'{name}-{workers}')
        for name, loop in LOOPS.items()
        for workers in (0, 2)
    ],
)
def test_resumed_losses_are_those_of_an_undisturbed_run(
    tmp_path: Path, drawn_coco: Path, loop: dict, num_workers: int
) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, num_workers=num_workers, **loop)
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    assert main([str(config), '--work-dir', str(whole)]) == 0
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
