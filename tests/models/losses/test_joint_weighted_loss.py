"""Weights from a diagnosis, and the loss that uses them."""

import json

import numpy as np
import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmpose.registry import MODELS
from torch import nn

from posescope.errors import InputError
from posescope.models.losses.diagnosed_weights import headroom_weights, permuted, read_headroom

MSE = {'type': 'KeypointMSELoss', 'use_target_weight': True}
GAINS = {
    'nose': {'miss': 0.01, 'inversion': 0.0},
    'left_eye': {'miss': 0.02, 'inversion': 0.05},
    'right_eye': {'miss': -0.01, 'inversion': 0.0},
}


@pytest.fixture
def diagnosis(tmp_path):
    path = tmp_path / 'diagnosis.json'
    path.write_text(json.dumps({'joints': [{'name': name, 'gain_alone': gains} for name, gains in GAINS.items()]}))
    return path


def batch():
    generator = torch.Generator().manual_seed(0)
    maps, targets = torch.rand(2, 3, 4, 5, generator=generator), torch.rand(2, 3, 4, 5, generator=generator)
    return maps, targets, torch.tensor([[1.0, 1, 0], [1, 1, 1]])


def test_headroom_is_the_sum_of_gains(diagnosis):
    assert read_headroom(diagnosis) == pytest.approx({'nose': 0.01, 'left_eye': 0.07, 'right_eye': 0.0})
    assert read_headroom(diagnosis, ['inversion'])['left_eye'] == 0.05
    with pytest.raises(InputError, match="no joint has gains of 'inversions'; nearest: inversion"):
        read_headroom(diagnosis, ['inversions'])


def test_weights_are_proportional_as_far_as_wanted_with_mean_one():
    assert headroom_weights([0.01, 0.07, 0.0], 1.0) == pytest.approx([0.375, 2.625, 0.0])
    assert headroom_weights([0.01, 0.07, 0.0], 0.5) == pytest.approx([0.6875, 1.8125, 0.5])
    assert headroom_weights([0.0, 0.0], 1.0).tolist() == [1, 1]
    with pytest.raises(InputError, match=r'strength=1.5'):
        headroom_weights([1.0], 1.5)


def test_a_placebo_has_the_same_weights_elsewhere():
    weights = np.array([1.0, 1.0, 1.0, 4.0])
    for seed in range(5):
        dealt = permuted(weights, seed)
        assert sorted(dealt) == sorted(weights)
        assert dealt[3] == 1
        assert np.array_equal(dealt, permuted(weights, seed))
    assert permuted(np.ones(3), 0).tolist() == [1, 1, 1]


def test_the_loss_of_a_joint_is_multiplied(diagnosis):
    maps, targets, target_weights = batch()
    loss = MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE, 'diagnosis': str(diagnosis)})
    found = loss(maps, targets, target_weights)
    per_joint = ((maps - targets) ** 2).mean((2, 3)) * target_weights
    expected = (per_joint * torch.tensor([0.6875, 1.8125, 0.5])).mean()
    torch.testing.assert_close(found, expected)
    placebo = MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE, 'diagnosis': str(diagnosis), 'permute': 1})
    dealt = torch.tensor(permuted(np.array([0.6875, 1.8125, 0.5]), 1), dtype=torch.float32)
    torch.testing.assert_close(placebo(maps, targets, target_weights), (per_joint * dealt).mean())


def test_weights_can_be_given_and_changed_and_are_no_part_of_checkpoints():
    maps, targets, target_weights = batch()
    loss = MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE, 'weights': [0, 0, 3]})
    last = ((maps - targets) ** 2).mean((2, 3))[1, 2]
    torch.testing.assert_close(loss(maps, targets, target_weights), 3 * last / 6)
    loss.set_joint_weights([0, 0, 6])
    torch.testing.assert_close(loss(maps, targets, target_weights), last)
    assert loss.state_dict() == {}
    plain = MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE})
    assert plain(maps, targets, target_weights) == plain.loss(maps, targets, target_weights)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'weights': [1.0, 2.0]}, '2 weights, and the model 3 joints'),
        ({'weights': [1.0, -1.0, 1.0]}, 'one finite number ≥ 0'),
        ({'weights': [1.0], 'diagnosis': 'a.json'}, 'diagnosis or weights, not both'),
        ({'diagnosis': 'absent.json'}, 'diagnosis absent.json does not exist'),
    ],
)
def test_bad_input_is_named_in_one_line(options, message):
    with pytest.raises(InputError, match=message):
        MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE, **options})(*batch())


def test_a_diagnosis_without_joints_is_refused(tmp_path):
    path = tmp_path / 'diagnosis.json'
    path.write_text('{"joints": [{"name": "nose"}]}')
    with pytest.raises(InputError, match=r'holds no gain_alone of each joint: write it with tools/diagnose.py'):
        read_headroom(path)


@pytest.mark.parametrize('inner', ['SmoothL1Loss', 'L1Loss', 'RLELoss'])
def test_weights_of_coordinates_have_an_axis_more(inner):
    generator = torch.Generator().manual_seed(0)
    outputs = [torch.rand(2, 3, 2, generator=generator) for _ in range(1 + (inner == 'RLELoss'))]  # RLE also has sigmas
    targets, weights = torch.rand(2, 3, 2, generator=generator), torch.ones(2, 3, 1)
    config = {'type': inner, 'use_target_weight': True}
    torch.manual_seed(0)
    plain = MODELS.build(config)
    weighted = MODELS.build({'type': 'JointWeightedLoss', 'loss': config, 'weights': [2.0, 1.0, 0.0]})
    weighted.loss.load_state_dict(plain.state_dict())
    given = weights * torch.tensor([2.0, 1.0, 0.0])[:, None]
    torch.testing.assert_close(weighted(*outputs, targets, weights), plain(*outputs, targets, given))


def test_a_loss_that_reads_no_weights_is_refused():
    with pytest.raises(InputError, match=r'JointWeightedLoss around KeypointMSELoss\(use_target_weight=False\)'):
        MODELS.build({'type': 'JointWeightedLoss', 'loss': {**MSE, 'use_target_weight': False}, 'weights': [1.0]})


@pytest.mark.parametrize('buffers', [False, True])
def test_averaged_weights_do_not_mind_when_the_file_is_read(diagnosis, buffers):
    """A hook copies the model before the first step, and every buffer of it after each."""
    model = nn.Sequential(
        nn.Linear(2, 2), MODELS.build({'type': 'JointWeightedLoss', 'loss': MSE, 'diagnosis': diagnosis})
    )
    averaged = ExponentialMovingAverage(model, update_buffers=buffers)
    model[1](*batch())
    averaged.update_parameters(model)
    for one, other in zip(averaged.module.state_dict().values(), model.state_dict().values(), strict=True):
        one.data, other.data = other.data, one.data.view_as(other)


def test_weights_of_the_loss_alone_fit():
    rle = {'type': 'RLELoss', 'use_target_weight': True}
    plain = MODELS.build(rle)
    around = [
        {'type': 'JointWeightedLoss', 'loss': rle},
        {'type': 'SumOfLosses', 'losses': [rle, MSE]},
        {'type': 'JointWeightedLoss', 'loss': {'type': 'SumOfLosses', 'losses': [rle]}},
    ]
    for config in around:
        loss = MODELS.build(config)
        assert not all(torch.equal(*pair) for pair in zip(loss.parameters(), plain.parameters(), strict=True))
        loss.load_state_dict(plain.state_dict())
        assert all(torch.equal(*pair) for pair in zip(loss.parameters(), plain.parameters(), strict=True))
        loss.load_state_dict(loss.state_dict())


def test_a_part_of_a_sum_that_reads_no_weights_is_refused():
    inner = {'type': 'SumOfLosses', 'losses': [MSE, {'type': 'KeypointMSELoss'}]}
    with pytest.raises(InputError, match=r'KeypointMSELoss\(use_target_weight=False\)'):
        MODELS.build({'type': 'JointWeightedLoss', 'loss': inner})
