import json
import shutil
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from mmpose.datasets import CocoDataset
from mmpose.registry import DATA_SAMPLERS

from posescope.engine.error_targeted_sampler import ErrorTargetedSampler, drawn_copies
from posescope.engine.seeding import SeededSampler
from posescope.errors import InputError
from tests.drawn_people import write_drawn_coco
from tests.engine.runs import logged
from tests.small_config import write_small_config
from tools.train import main


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven drawn people, three of whom have a hidden joint, and a diagnosis in which those are often wrong."""
    folder = tmp_path_factory.mktemp('targeted')
    path = write_drawn_coco(folder, num_images=7, people=1)
    content = json.loads(path.read_text())
    for person in content['annotations'][:3]:
        first = next(joint for joint in range(17) if person['keypoints'][3 * joint + 2])
        person['keypoints'][3 * first + 2] = 1
    path.write_text(json.dumps(content))
    slices = [
        {'family': 'hidden joints', 'population': name, 'class': 'miss', 'count': count, 'of': 1000}
        for name, count in (('none', 100), ('up to 20 %', 400))
    ]
    diagnosis = {'classes': {'good': {'count': 1500, 'of': 2000}, 'miss': {'count': 500, 'of': 2000}}, 'slices': slices}
    (folder / 'diagnosis.json').write_text(json.dumps(diagnosis))
    return folder


@cache
def dataset(folder: Path) -> CocoDataset:
    return CocoDataset(ann_file=str(folder / 'annotations.json'), data_prefix={'img': str(folder)}, pipeline=[])


def sampler(folder: Path, **options) -> ErrorTargetedSampler:
    given = {'diagnosis': folder / 'diagnosis.json', 'seed': 3, **options}
    return DATA_SAMPLERS.build({'type': 'ErrorTargetedSampler', 'dataset': dataset(folder), **given})


def test_each_is_drawn_its_weight_rounded_up_or_down_and_its_weight_on_average():
    weights = np.array([0.2, 2.5, 1.0, 0.3, 1.0, 1.0])
    counts = np.array([
        np.bincount(drawn_copies(weights, np.random.default_rng(seed)), minlength=6) for seed in range(3000)
    ])  # fmt: skip
    assert (counts.sum(1) == 6).all()
    assert ((counts == np.floor(weights)) | (counts == np.ceil(weights))).all()
    assert counts.mean(0) == pytest.approx(weights, abs=4 * 0.5 / np.sqrt(3000))


def test_the_order_is_random():
    first = [drawn_copies(np.ones(5), np.random.default_rng(seed))[0] for seed in range(1000)]
    assert np.bincount(first) == pytest.approx(np.full(5, 200), abs=4 * np.sqrt(1000 * 0.2 * 0.8))


def test_weights_follow_the_errors_of_the_strata(folder):
    def chance(count: float) -> float:
        return (count + 0.5) / 1001

    errors = np.array([chance(400)] * 3 + [chance(100)] * 4)
    expected = 0.3 + 0.7 * errors / errors.mean()
    assert sampler(folder, strength=0.7).weights == pytest.approx(expected)
    assert sampler(folder, strength=0.0).weights == pytest.approx(np.ones(7))


def test_a_placebo_deals_the_same_weights_to_other_people(folder):
    given, dealt = sampler(folder).weights, sampler(folder, permute=1).weights
    assert sorted(given) == pytest.approx(sorted(dealt))
    assert (given != dealt).any()


def test_what_is_drawn_depends_on_seed_and_epoch_alone(folder):
    one, other = sampler(folder), sampler(folder)
    first = list(one)
    one.set_epoch(1)
    second = list(one)
    other.set_epoch(1)
    assert list(other) == second != first
    assert list(sampler(folder)) == first
    assert list(sampler(folder, seed=4)) != first


@pytest.mark.parametrize('round_up', [True, False])
def test_ranks_share_a_draw_as_with_the_default_sampler(folder, round_up):
    whole = list(sampler(folder))
    parts = []
    for rank in range(3):
        with mock.patch('mmengine.dataset.sampler.get_dist_info', return_value=(rank, 3)):
            one = sampler(folder, round_up=round_up)
        parts.append(list(one))
        assert len(parts[-1]) == len(one)
    joined = [parts[place % 3][place // 3] for place in range(sum(map(len, parts)))]
    assert joined == (whole + whole[:2] if round_up else whole)


def test_a_seeded_sampler_goes_on_where_it_stopped(folder):
    config = {'type': 'ErrorTargetedSampler', 'diagnosis': str(folder / 'diagnosis.json')}
    whole = SeededSampler(config, dataset(folder), seed=5)
    whole.set_epoch(2)
    expected = [(int(key), key.entropy) for key in whole]
    resumed = SeededSampler(config, dataset(folder), seed=5)
    resumed.restart(5, 2, 4)
    assert [(int(key), key.entropy) for key in resumed] == expected[4:]


def test_copies_of_a_person_are_augmented_differently(folder):
    config = {'type': 'ErrorTargetedSampler', 'diagnosis': str(folder / 'diagnosis.json'), 'strength': 1.0}
    keys = list(SeededSampler(config, dataset(folder), seed=5))
    assert len(set(map(int, keys))) < len(keys), 'somebody is drawn twice'
    assert len({key.entropy for key in keys}) == len(keys)


@pytest.mark.long
def test_a_resumed_training_has_the_losses_of_an_undisturbed_one(folder, tmp_path):
    kind = f"dict(type='ErrorTargetedSampler', diagnosis={str(folder / 'diagnosis.json')!r})"
    config = write_small_config(tmp_path / 'small.py', folder, epochs=2, sampler=kind)
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    assert main([str(config), '--work-dir', str(whole), '--no-validate']) == 0
    resumed.mkdir()
    shutil.copy(whole / 'epoch_1.pth', resumed)
    assert main([str(config), '--work-dir', str(resumed), '--no-validate', '--resume']) == 0
    expected, found = logged(whole), logged(resumed)
    assert len(expected) == 8
    assert found == {iteration: expected[iteration] for iteration in range(5, 9)}


def test_bad_input_is_named(folder, tmp_path):
    with pytest.raises(InputError, match='takes one of diagnosis and matches'):
        sampler(folder, diagnosis=None)
    with pytest.raises(InputError, match='families and kinds are of a diagnosis'):
        sampler(folder, diagnosis=None, matches='matches.npz', families=['size'])
    with pytest.raises(InputError, match=r'none\.json does not exist'):
        sampler(folder, diagnosis=tmp_path / 'none.json')
    with pytest.raises(InputError, match='strength=2'):
        sampler(folder, strength=2)
    with pytest.raises(InputError, match='not list'):
        ErrorTargetedSampler([1, 2, 3], diagnosis=folder / 'diagnosis.json', seed=0)


def test_copies_on_several_ranks_are_augmented_differently(folder):
    """As on one rank, where each copy is as there."""
    config = {'type': 'ErrorTargetedSampler', 'diagnosis': str(folder / 'diagnosis.json'), 'strength': 1.0}
    alone = sorted(key.entropy for key in SeededSampler(config, dataset(folder), seed=5))
    shared = []
    for rank in range(2):
        with mock.patch('mmengine.dataset.sampler.get_dist_info', return_value=(rank, 2)):
            one = SeededSampler({**config, 'round_up': False}, dataset(folder), seed=5)
        shared += [key.entropy for key in one]
    assert sorted(shared) == alone
    assert len(set(shared)) == len(shared)
