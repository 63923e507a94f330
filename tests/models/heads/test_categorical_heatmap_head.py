"""The head of categorical heatmaps."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from posescope.errors import InputError

FLIP = [0, 2, 1]


def build(**changes):
    codec = {
        'type': 'CategoricalHeatmap',
        'input_size': (32, 48),
        'heatmap_size': (8, 12),
        'person_size': 20.0,
        'sigmas': (0.05, 0.05, 0.05),
    }
    head = {
        'type': 'CategoricalHeatmapHead',
        'in_channels': 3,
        'out_channels': 3,
        'deconv_out_channels': None,
        'loss': {'type': 'CategoricalHeatmapLoss', 'sigma': 0.6},
        'oks_loss': {'type': 'ExpectedOKSLoss'},
        'decoder': codec,
    }
    built = MODELS.build({**head, **changes})
    built.init_weights()
    torch.nn.init.dirac_(built.final_layer.weight)  # logits are the features
    return built


def sample():
    return PoseDataSample(metainfo={'flip_indices': FLIP})


def features(seed=0, count=2):
    return 3 * torch.randn(count, 3, 12, 8, generator=torch.Generator().manual_seed(seed))


def test_predicts_probabilities_and_what_the_codec_makes_of_them():
    head, logits = build(), features()
    with torch.no_grad():
        instances, maps = head.predict((logits,), [sample()] * 2, {'output_heatmaps': True})
    for one, field, raw in zip(instances, maps, logits, strict=True):
        assert torch.allclose(field.heatmaps, raw.flatten(1).softmax(1).view(3, 12, 8), atol=1e-6)
        keypoints, scores = head.decoder.decode(field.heatmaps.numpy())
        assert np.allclose(one.keypoints, keypoints, atol=1e-3)
        assert np.allclose(one.keypoint_scores, scores, atol=1e-5)


def test_flip_test_of_a_mirrored_map_changes_nothing():
    """A network that is equivariant to mirrors gives the same joints with and without flip_test."""
    head, logits = build(), features()
    mirrored = logits[:, FLIP].flip(-1)
    with torch.no_grad():
        once = head.predict((logits,), [sample()] * 2)
        twice = head.predict([(logits,), (mirrored,)], [sample()] * 2, {'flip_test': True})
    for one, two in zip(once, twice, strict=True):
        assert np.allclose(one.keypoints, two.keypoints, atol=1e-3)


def test_losses_are_those_of_the_labels():
    head, logits = build(), features()
    samples = []
    for _ in range(2):
        one = sample()
        one.gt_instance_labels = InstanceData(
            keypoint_labels=torch.full((1, 3, 2), 4.0),
            keypoint_scales=torch.full((1, 3), 0.5),
            keypoint_weights=torch.ones(1, 3),
        )
        samples.append(one)
    losses = head.loss((logits,), samples)
    places, scales, weights = torch.full((2, 3, 2), 4.0), torch.full((2, 3), 0.5), torch.ones(2, 3)
    assert losses['loss_kpt'].item() == head.loss_module(logits, places, scales, weights).item()
    assert losses['loss_oks'].item() == head.oks_loss_module(logits, places, scales, weights).item()
    assert list(build(oks_loss=None).loss((logits,), samples)) == ['loss_kpt']


def test_upscaling_lays_channels_beside_each_other():
    head = build(upscale=2)
    assert head.final_layer.out_channels == 3 * 2**2
    logits = head((features(),))
    assert logits.shape == (2, 3, 24, 16)
    flat = torch.nn.functional.conv2d(features(), head.final_layer.weight, head.final_layer.bias)
    for joint, down, across in ((0, 0, 0), (1, 0, 1), (2, 1, 0), (2, 1, 1)):
        channel = flat[:, joint * 4 + down * 2 + across]
        assert torch.allclose(logits[:, joint, down::2, across::2], channel, atol=1e-5)


def test_maps_of_another_size_than_the_labels_are_refused():
    head = build(upscale=2)
    torch.nn.init.normal_(head.final_layer.weight)
    with pytest.raises(InputError, match=r'makes maps of 16 × 24 cells, and heatmap_size of its codec is 8 × 12'):
        head.predict((features(),), [sample(), sample()])


def test_maps_that_mirror_as_they_lie_are_not_shifted():
    with pytest.raises(InputError, match='shift_heatmap=True'):
        build().predict([(features(),)] * 2, [sample()] * 2, {'flip_test': True, 'shift_heatmap': True})
