"""Losses at intermediate stages, computed once more by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from posescope.errors import InputError
from tests.models.heads.small_heads import CATEGORICAL, CODEC, HEATMAP, MSE, build, features, people

STAGES = (features(4, 24, 16, seed=1), features(6, 6, 4, seed=2))


def supervised(inner: dict, **options):
    return build({'type': 'DeepSupervisionHead', 'pose_head': inner, 'in_channels': (4, 6), **options})


@pytest.mark.parametrize('inner', [HEATMAP, CATEGORICAL], ids=lambda config: config['type'])
def test_each_stage_has_the_loss_of_the_head_on_its_enlarged_maps(inner):
    head = supervised(inner, loss_weight=(0.5, 0.2))
    samples = people(inner['decoder'])
    main = features()
    losses = head.loss((*STAGES, main), samples)
    alone = build(inner)
    alone.load_state_dict(head.pose_head.state_dict())
    torch.testing.assert_close(losses['loss_kpt'], alone.loss((main,), samples)['loss_kpt'])
    for number, weight in enumerate((0.5, 0.2)):
        tap = head.taps[number]
        maps = torch.einsum('kc,bchw->bkhw', tap.weight[:, :, 0, 0], STAGES[number]) + tap.bias[:, None, None]
        maps = F.interpolate(maps, size=(12, 8), mode='bilinear')
        # A head whose last layer passes maps through sees them as if they were its own.
        through = build({**inner, 'in_channels': 3})
        torch.nn.init.dirac_(through.final_layer.weight)
        torch.nn.init.zeros_(through.final_layer.bias)
        expected = weight * through.loss((maps,), samples)['loss_kpt']
        torch.testing.assert_close(losses[f'loss_tap{number}'], expected, rtol=1e-5, atol=1e-6)


def test_gradients_reach_the_stages_and_predictions_do_not_see_them():
    head = supervised(HEATMAP)
    samples = people(HEATMAP['decoder'])
    stages = [stage.clone().requires_grad_() for stage in STAGES]
    losses = head.loss((*stages, features()), samples)
    (losses['loss_tap0'] + losses['loss_tap1']).backward()
    assert all(stage.grad.any() for stage in stages)
    plain = head.pose_head.predict((features(),), samples)
    found = head.predict((*STAGES, features()), samples)
    both = head.predict([(*STAGES, features())] * 2, samples, {'flip_test': True})
    twice = head.pose_head.predict([(features(),)] * 2, samples, {'flip_test': True})
    for one, other in zip([*plain, *twice], [*found, *both], strict=True):
        assert np.array_equal(one.keypoints, other.keypoints)


def test_bad_input():
    with pytest.raises(InputError, match='give one, or one for each of 2 stages'):
        supervised(HEATMAP, loss_weight=(1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r'supervises 2 stages and gets 1 maps in all: .*StageKeepingNeck'):
        supervised(HEATMAP).loss((features(),), people(HEATMAP['decoder']))


def test_a_head_with_a_loss_for_each_of_its_stages() -> None:
    """CPM compares each; a tap is compared as the last of them."""
    cpm = {
        'type': 'CPMHead', 'in_channels': 5, 'out_channels': 3, 'num_stages': 1, 'deconv_out_channels': None,
        'final_layer': {'kernel_size': 1}, 'loss': [MSE], 'decoder': CODEC,
    }  # fmt: skip
    head, x = build({'type': 'DeepSupervisionHead', 'in_channels': (5,), 'pose_head': cpm}), features()
    samples = people(CODEC)
    head.taps[0].load_state_dict(head.pose_head.multi_final_layers[0].state_dict())
    losses = head.loss((x, x), samples)
    torch.testing.assert_close(losses['loss_tap0'], 0.3 * losses['loss_kpt'])
