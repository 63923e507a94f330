"""The head with a token for each joint."""

import pytest
import torch
from torch import nn

from posescope.errors import InputError
from posescope.models.layers.sine_positions import sine_positions
from tests.models.heads.small_heads import JOINT_TOKEN, build, features


@torch.no_grad()
def test_heatmaps_come_from_the_joints_own_tokens():
    head = build(JOINT_TOKEN).eval()
    x = features(height=6, width=4)
    cells = head.project(x.flatten(2).mT)
    tokens = torch.cat([head.joint_tokens.expand(2, -1, -1), cells], 1)
    positions = torch.cat([torch.zeros(3, 8), sine_positions(6, 4, 8)])
    encoded = head.encoder(tokens, positions)
    found = head((x,))
    assert found.shape == (2, 3, 12, 8)
    for joint in range(3):
        expected = head.to_heatmap(encoded[:, joint]).view(2, 12, 8)
        torch.testing.assert_close(found[:, joint], expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_joints_differ_by_their_tokens_alone():
    head = build(JOINT_TOKEN).eval()
    nn.init.normal_(head.joint_tokens)
    x = features(height=6, width=4)
    before = head((x,))
    head.joint_tokens[:] = head.joint_tokens[[1, 0, 2]]
    torch.testing.assert_close(head((x,)), before[:, [1, 0, 2]], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before[:, 0], before[:, 1], atol=1e-3)


def test_a_codec_without_heatmaps_is_refused():
    codec = {'type': 'RegressionLabel', 'input_size': (32, 48)}
    with pytest.raises(InputError, match=r'JointTokenHead decoder=RegressionLabel: .* no heatmap_size'):
        build({**JOINT_TOKEN, 'decoder': codec})
