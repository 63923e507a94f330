import numpy as np
import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from posescope.models.backbones import MoveNetBackbone, MoveNetFPN

SMALL = {'widen_factor': 0.25, 'last_channels': 32}


@pytest.mark.parametrize('size', [7, 8, 9, 16])
@pytest.mark.parametrize('stride', [1, 2])
def test_convolutions_pad_as_tensorflow(size: int, stride: int) -> None:
    """SAME in closed form, in one dimension: ones under a kernel (1, 10, 100) show which taps met the picture."""
    block = MoveNetBackbone(**SMALL).layer2[0].conv[1].conv
    assert block.stride == (2, 2)
    conv = type(block)(1, 1, 3, stride=stride, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([0.0, 1, 0])[:, None] * torch.tensor([1.0, 10, 100])[None])
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + 3 - size, 0)
    padded = np.pad(np.ones(size), (total // 2, total - total // 2))
    expected = [padded[i * stride : i * stride + 3] @ [1, 10, 100] for i in range(outputs)]
    row = conv(torch.ones(1, 1, 1, size))[0, 0, 0]
    if stride == 2 and size % 2 == 0:  # no pixel before, one after
        assert expected[0] == 111
        assert expected[-1] == 11
    np.testing.assert_allclose(row.detach(), expected)


@pytest.mark.parametrize(('height', 'width'), [(64, 96), (70, 33)])
def test_output_is_one_map_of_stride_4(height: int, width: int) -> None:
    output = MoveNetBackbone(**SMALL)(torch.randn(2, 3, height, width))
    assert isinstance(output, tuple)
    assert [tuple(x.shape) for x in output] == [(2, 24, -(-height // 4), -(-width // 4))]


def test_stages_can_be_tapped_at_their_strides() -> None:
    model = MoveNetBackbone(**SMALL).eval()
    strides = {
        'conv1': 2, 'layer1': 2, 'layer2': 4, 'layer3': 8, 'layer4': 16, 'layer5': 16, 'layer6': 32, 'layer7': 32,
        'conv2': 32, 'fpn.top': 32, 'fpn.lateral.stride8': 8, 'fpn.smooth.stride16': 16, 'fpn.smooth.stride4': 4,
    }  # fmt: skip
    seen: dict[str, int] = {}
    for name in strides:
        hook = lambda module, inputs, output, name=name: seen.__setitem__(name, 64 // output.shape[-1])  # noqa: E731
        model.get_submodule(name).register_forward_hook(hook)
    model(torch.randn(1, 3, 64, 64))
    assert seen == strides


def test_parameter_counts_of_the_released_models() -> None:
    """Numbers of trained weights in the released graphs, of which the head has these many."""
    head = sum(24 * 9 + 24 * 96 + 96 + 96 * n + n for n in (17, 1, 34, 34))
    for width, total in ((1.75, 6_226_046), (1.0, 2_317_974)):
        assert sum(p.numel() for p in MoveNetBackbone(width).parameters()) == total - head


def test_pyramid_adds_levels() -> None:
    """With identity-like kernels, the output is the sum of the levels, each enlarged bilinearly."""
    fpn = MoveNetFPN((2, 2, 2, 2), (2, 2, 2))
    for module in fpn.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.dirac_(module.weight, groups=module.groups)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    maps = [torch.full((1, 2, 32 // s, 32 // s), float(s)) for s in (4, 8, 16, 32)]
    torch.testing.assert_close(fpn(maps), torch.full((1, 2, 8, 8), 4.0 + 8 + 16 + 32))


def test_random_weights_keep_the_size_of_signals() -> None:
    torch.manual_seed(0)
    model = MoveNetBackbone(1.0)
    before = model.layer2[0].conv[1].conv.weight.std()
    model.init_weights()
    assert model.layer2[0].conv[1].conv.weight.std() > 3 * before  # fan-out makes 96 depthwise channels √96 too weak
    stages: dict[str, float] = {}
    for name in ('conv1', 'layer2', 'layer4', 'layer7', 'conv2'):
        hook = lambda module, inputs, output, name=name: stages.__setitem__(name, output.std().item())  # noqa: E731
        model.get_submodule(name).register_forward_hook(hook)
    model(torch.randn(2, 3, 96, 96))
    assert all(0.2 < std < 4 for std in stages.values()), stages


def test_initialisation_that_is_asked_for_is_kept() -> None:
    model = MoveNetBackbone(**SMALL, init_cfg={'type': 'Constant', 'layer': 'Conv2d', 'val': 0.5})
    model.init_weights()
    assert (model.layer3[0].conv[0].conv.weight == 0.5).all()


def test_frozen_stages_stay_fixed() -> None:
    model = MODELS.build({'type': 'MoveNetBackbone', **SMALL, 'frozen_stages': 2, 'norm_cfg': {'type': 'BN'}})
    model.train()
    fixed = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
    free = {name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad}
    assert fixed == {'conv1', 'layer1', 'layer2'}
    assert free == {f'layer{i}' for i in range(3, 8)} | {'conv2', 'fpn'}
    assert not model.layer2.training
    assert model.layer3.training


def test_gradients_reach_the_picture() -> None:
    torch.manual_seed(0)
    model = MoveNetBackbone(**SMALL).double()
    x = torch.randn(1, 3, 32, 32, dtype=torch.double, requires_grad=True)
    weights = torch.randn(24, 8, 8, dtype=torch.double)

    def score(picture: torch.Tensor) -> torch.Tensor:
        return (model(picture)[0] * weights).sum()

    (gradient,) = torch.autograd.grad(score(x), x)
    direction = torch.randn_like(x)
    numeric = (score(x + 1e-6 * direction) - score(x - 1e-6 * direction)) / 2e-6
    assert gradient.abs().max() > 0
    torch.testing.assert_close((gradient * direction).sum(), numeric.detach(), rtol=1e-4, atol=1e-7)
