"""The TransPose-like head: what it computes, and that losses, prediction and flip test work."""

import numpy as np
import pytest
import torch

from posescope.models.layers.sine_positions import sine_positions
from tests.models.heads.small_heads import CODEC, FLIP, JOINT_TOKEN, TRANSPOSE, build, features, people


@torch.no_grad()
def test_cells_are_tokens_with_positions():
    head = build(TRANSPOSE).eval()
    x = features(height=6, width=4)
    tokens = torch.stack([head.project(x[:, :, i, j]) for i in range(6) for j in range(4)], 1)
    encoded = head.encoder(tokens, sine_positions(6, 4, 8))
    maps = torch.zeros(2, 8, 6, 4)
    for number in range(24):
        maps[:, :, number // 4, number % 4] = encoded[:, number]
    expected = head.final_layer(head.deconv_layers(maps))
    found = head((torch.zeros(1), x))
    assert found.shape == (2, 3, 12, 8)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_every_heatmap_cell_sees_the_whole_map():
    """Which no head of convolutions does."""
    head = build(TRANSPOSE).eval()
    x = features(height=6, width=4)
    changed = x.clone()
    changed[:, :, 5, 3] += 3
    assert ((head((changed,)) - head((x,)))[..., :2, :2].abs() > 1e-6).all()


@pytest.mark.parametrize('config', [TRANSPOSE, JOINT_TOKEN], ids=lambda config: config['type'])
def test_loss_backward_and_predict(config):
    head = build(config)
    x, samples = features(height=6, width=4), people(CODEC)
    losses = head.loss((x,), samples)
    losses['loss_kpt'].backward()
    targets = torch.stack([sample.gt_fields.heatmaps for sample in samples])
    expected = ((head((x,)) - targets) ** 2 * torch.tensor([1.0, 1, 0])[:, None, None]).mean()
    torch.testing.assert_close(losses['loss_kpt'], expected, rtol=1e-4, atol=1e-7)
    assert [name for name, each in head.named_parameters() if each.grad is None or not each.grad.any()] == []
    head.eval()
    with torch.no_grad():
        instances, fields = head.predict((x,), samples, {'output_heatmaps': True})
        twice = head.predict([(x,), (x.flip(-1),)], samples, {'flip_test': True, 'output_heatmaps': True})[1]
    for instance, field, heatmaps in zip(instances, fields, head((x,)), strict=True):
        assert torch.equal(field.heatmaps, heatmaps)
        assert instance.keypoints.shape == (1, 3, 2)
        assert np.isfinite(instance.keypoints).all()
    mean = (head((x,)) + head((x.flip(-1),))[:, FLIP].flip(-1)) / 2
    torch.testing.assert_close(torch.stack([field.heatmaps for field in twice]), mean, rtol=1e-5, atol=1e-6)
