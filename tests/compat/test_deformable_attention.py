"""Multi-scale deformable attention through mmcv.ops: the path for GPUs, run on a CPU, against its definition."""

import numpy as np
import pytest
import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmcv.ops import multi_scale_deform_attn as module
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

from tests.compat.bilinear_reference import zero_padded_sample

SHAPES, STARTS = torch.tensor([[7, 6], [3, 2]]), torch.tensor([0, 42])
BATCH, HEADS, CHANNELS, QUERIES, POINTS = 2, 2, 3, 5, 4


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    value = torch.from_numpy(rng.normal(size=(BATCH, 48, HEADS, CHANNELS)))
    locations = torch.from_numpy(rng.uniform(-0.2, 1.2, (BATCH, QUERIES, HEADS, 2, POINTS, 2)))
    weights = torch.from_numpy(rng.uniform(size=(BATCH, QUERIES, HEADS, 2, POINTS)))
    return value, locations, weights


def attend(value, locations, weights):
    return MultiScaleDeformableAttnFunction.apply(value, SHAPES, STARTS, locations, weights, 64)


def reference(value, locations, weights):
    out = np.zeros((BATCH, QUERIES, HEADS, CHANNELS))
    for n, q, h, level, p in np.ndindex(*weights.shape):
        height, width = SHAPES[level].tolist()
        start = STARTS[level].item()
        planes = value[n, start : start + height * width, h].reshape(height, width, CHANNELS).numpy()
        x, y = locations[n, q, h, level, p].tolist()
        for c in range(CHANNELS):
            sample = zero_padded_sample(planes[..., c], y * height - 0.5, x * width - 0.5)
            out[n, q, h, c] += weights[n, q, h, level, p].item() * sample
    return torch.from_numpy(out).flatten(2)


def test_values_and_gradients(inputs):
    torch.testing.assert_close(attend(*inputs), reference(*inputs))
    assert torch.autograd.gradcheck(attend, [tensor.requires_grad_() for tensor in inputs])


def test_strided_input_and_narrow_formats(inputs):
    expected = reference(*inputs)
    strided = [tensor.transpose(0, 1).contiguous().transpose(0, 1) for tensor in inputs]
    torch.testing.assert_close(attend(*strided), expected)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float16, 5e-2), (torch.bfloat16, 3e-1)):
        value = inputs[0].to(dtype).requires_grad_()
        output = attend(value, *inputs[1:])
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), expected, rtol=tolerance, atol=tolerance)
        output.sum().backward()
        assert value.grad.dtype == dtype


def test_layer_gives_the_same_on_both_paths(monkeypatch):
    torch.manual_seed(0)
    layer = MultiScaleDeformableAttention(embed_dims=16, num_heads=4, num_levels=2, num_points=3, dropout=0.0)
    torch.nn.init.normal_(layer.sampling_offsets.weight)
    torch.nn.init.normal_(layer.attention_weights.weight)
    value, query = torch.randn(48, 2, 16), torch.randn(5, 2, 16)
    arguments = {'reference_points': torch.rand(2, 5, 2, 2), 'spatial_shapes': SHAPES, 'level_start_index': STARTS}

    def run():
        layer.zero_grad()
        output = layer(query, value=value, **arguments)
        output.square().sum().backward()
        return output, [parameter.grad.clone() for parameter in layer.parameters()]

    output, gradients = run()
    calls = []

    def as_on_a_gpu(value, shapes, locations, weights):
        calls.append(value.shape)
        return MultiScaleDeformableAttnFunction.apply(value, shapes, STARTS, locations, weights, 64)

    # mmcv chooses by the device; this sends its CPU branch through the function for GPUs, once, not its inner call.
    original = module.multi_scale_deformable_attn_pytorch

    def switch(*tensors):
        monkeypatch.setattr(module, 'multi_scale_deformable_attn_pytorch', original)
        return as_on_a_gpu(*tensors)

    monkeypatch.setattr(module, 'multi_scale_deformable_attn_pytorch', switch)
    output_gpu, gradients_gpu = run()
    assert len(calls) == 1
    torch.testing.assert_close(output_gpu, output)
    torch.testing.assert_close(gradients_gpu, gradients)
