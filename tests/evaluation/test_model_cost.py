"""Costs against closed forms, and against mmengine's analysis where that sees all operators."""

import pytest
import torch
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmpose.datasets.transforms import BottomupResize
from mmpose.registry import MODELS
from torch import nn
from torchvision.ops import DeformConv2d

from posescope.errors import InputError
from posescope.evaluation.model_cost import input_size_of, joints_of, measure_cost, multiply_adds
from tests.conftest import ROOT

RES18 = ROOT / 'configs/selection/rendered/td-hm_res18_rendered-128x96.py'


@pytest.mark.parametrize(('stride', 'groups', 'bias'), [(1, 1, False), (2, 1, True), (1, 6, False)])
def test_one_convolution(stride, groups, bias):
    convolution = nn.Conv2d(6, 12, (3, 5), stride=stride, padding=(1, 2), groups=groups, bias=bias)
    height, width = -(-20 // stride), -(-14 // stride)
    expected = height * width * 12 * (6 // groups) * 3 * 5
    assert multiply_adds(convolution, torch.zeros(1, 6, 20, 14)) == expected


def test_one_linear_layer_and_two_pictures():
    assert multiply_adds(nn.Linear(7, 5), torch.zeros(2, 3, 7)) == 2 * 3 * 7 * 5


def test_attention_counts():
    """Heads of d dimensions over n tokens: n · n · d for the products of q and k, and as much for those with v."""
    query = torch.zeros(2, 3, 10, 8)
    module = nn.Identity()
    module.forward = nn.functional.scaled_dot_product_attention
    assert multiply_adds(module, query, query, query) == 2 * 3 * 2 * 10 * 10 * 8


def test_encoder_layers_count():
    """Which PyTorch fuses where nothing is learnt: 12 · d² for a token, and 2 · n · d for its attention."""
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True).eval()
    assert multiply_adds(layer, torch.zeros(1, 192, 64)) == 192 * (12 * 64**2 + 2 * 192 * 64)
    attention = nn.MultiheadAttention(64, 4, batch_first=True).eval()
    tokens = torch.zeros(1, 192, 64)
    assert multiply_adds(attention, tokens, tokens, tokens) == 192 * (4 * 64**2 + 2 * 192 * 64)


def test_a_deformable_convolution_counts_as_a_convolution():
    convolution = DeformConv2d(4, 6, 3, padding=1, groups=2)
    assert multiply_adds(convolution, torch.zeros(1, 4, 8, 5), torch.zeros(1, 18, 8, 5)) == 8 * 5 * 6 * 2 * 9


def test_a_residual_network_equals_mmengines_analysis():
    config = {'type': 'ResNet', 'depth': 18, 'base_channels': 8}
    picture = torch.zeros(1, 3, 64, 48)
    model = MODELS.build(config)
    model.eval()
    analysis = FlopAnalyzer(model, picture).unsupported_ops_warnings(False)
    assert multiply_adds(model, picture) == analysis.by_operator()['conv'] > 0


def test_cost_of_a_config():
    config = Config.fromfile(RES18)
    threads = torch.get_num_threads()
    cost = measure_cost(config, 'res18', repeats=3)
    assert torch.get_num_threads() == threads
    assert cost.input_size == (96, 128)
    model = MODELS.build(config.model)
    assert cost.parameters == sum(each.numel() for each in model.parameters())
    # The convolutions of a forward pass, from the shapes that they put out.
    total = 0

    def add(layer, inputs, output):
        nonlocal total
        places = inputs[0][0, 0] if isinstance(layer, nn.ConvTranspose2d) else output[0, 0]
        total += places.numel() * layer.weight.numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(add)
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 128, 96), None)
    assert cost.multiply_adds == total
    assert 0 < cost.milliseconds < 10_000


def test_a_config_without_input_size_is_refused():
    with pytest.raises(InputError, match=r'^bottom-up is no top-down model: .* LoadImage, BottomupResize$'):
        # Bottom-up models have an input_size too, but of whole pictures.
        steps = [{'type': 'LoadImage'}, {'type': BottomupResize, 'input_size': (512, 512)}]
        input_size_of(Config({'test_dataloader': {'dataset': {'pipeline': steps}}}), 'bottom-up')


def test_a_joint_of_udps_combined_maps_has_three_channels():
    codec = {'type': 'UDPHeatmap', 'input_size': (48, 64), 'heatmap_size': (12, 16), 'heatmap_type': 'combined'}
    head = {'type': 'HeatmapHead', 'in_channels': 64, 'out_channels': 3 * 5, 'decoder': codec}
    head |= {'deconv_out_channels': (8,) * 3, 'deconv_kernel_sizes': (4,) * 3}
    head |= {'loss': {'type': 'CombinedTargetMSELoss'}}
    backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8}
    test_cfg = {'flip_test': True, 'flip_mode': 'udp_combined', 'shift_heatmap': False}
    model = {'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head, 'test_cfg': test_cfg}
    steps = [{'type': 'mmpose.TopdownAffine', 'input_size': (48, 64), 'use_udp': True}]
    config = Config({'model': model, 'test_dataloader': {'dataset': {'pipeline': steps}}})
    assert measure_cost(config, 'combined', repeats=1).input_size == (48, 64)
    assert joints_of(MODELS.build(config.model)) == 5
