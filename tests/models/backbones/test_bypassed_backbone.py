"""Bypassed parts, against whole networks whose residual branches are silenced."""

import pytest
import torch
from mmpose.models.backbones.resnet import BasicBlock, Bottleneck
from mmpose.registry import MODELS
from torch import nn

from posescope.errors import InputError
from tests.models.backbones.shaken_networks import DEEP, SLIM, shaken

HOURGLASS = {'type': 'StackedHourglass', 'stacks': 1, 'width': 8, 'depth': 2}


def bypassed(backbone: dict, stages: list[str], whole: nn.Module) -> nn.Module:
    """The same weights without some parts."""
    model = MODELS.build({'type': 'BypassedBackbone', 'backbone': backbone, 'stages': stages, 'input_size': (48, 64)})
    missing, _ = model.load_state_dict(whole.state_dict(), strict=False)
    assert not missing
    model.eval()
    return model


def silence(part: nn.Module) -> None:
    """Let residual branches end in zero."""
    for block in part.modules():
        if isinstance(block, BasicBlock | Bottleneck):
            last = block.norm3 if isinstance(block, Bottleneck) else block.norm2
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)


@pytest.mark.parametrize(
    ('backbone', 'stages'),
    [(SLIM, ['layer2.1']), (SLIM, ['layer3']), (SLIM, ['layer2.0', 'layer3']), (DEEP, ['layer2.2', 'layer3'])],
)
@torch.no_grad()
def test_residual_parts_leave_their_shortcuts(backbone, stages):
    whole = shaken(backbone)
    picture = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    before = whole(picture)
    found = bypassed(backbone, stages, whole)(picture)
    for name in stages:
        silence(whole.get_submodule(name))
    expected = whole(picture)
    assert (before[-1] - expected[-1]).abs().max() > 1e-3
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@torch.no_grad()
def test_what_keeps_its_shape_becomes_nothing():
    whole = shaken(HOURGLASS)
    picture = torch.randn(1, 3, 64, 48)
    stem = whole.stem(picture)
    (found,) = bypassed(HOURGLASS, ['hourglasses.0'], whole)(picture)
    torch.testing.assert_close(found, whole.out_convs[0](stem), rtol=0, atol=0)


def shortcuts(stages: list[str], backbone: dict, **more) -> set[str]:
    """Names of residual blocks in whose place a shortcut stands."""
    whole = MODELS.build(backbone)
    model = MODELS.build({'type': 'BypassedBackbone', 'backbone': backbone, 'stages': stages, **more})
    blocks = {name for name, part in whole.named_modules() if isinstance(part, BasicBlock | Bottleneck)}
    return {name for name in blocks if not isinstance(model.get_submodule(name), BasicBlock | Bottleneck)}


def test_a_placebo_is_another_block_with_such_a_shortcut():
    deep = {'type': 'SlimResNet', 'widths': (4, 6, 6, 6), 'blocks': (2, 2, 2, 2)}
    found = [shortcuts(['layer3.1', 'layer4.0'], deep, placebo=seed) for seed in range(8)]
    plain, projecting = {'layer1.0', 'layer1.1', 'layer2.1', 'layer4.1'}, {'layer2.0', 'layer3.0'}
    assert shortcuts(['layer3.1', 'layer4.0'], deep) == {'layer3.1', 'layer4.0'}
    for names in found:
        assert len(names & plain) == len(names & projecting) == 1
        assert len(names) == 2
    assert len(set(map(frozenset, found))) > 2
    assert shortcuts(['layer3.1', 'layer4.0'], deep, placebo=5) == found[5]


@pytest.mark.parametrize(
    ('stages', 'message'),
    [
        (['layer3'], 'placebo=0: layer3 is no residual block; name blocks, as layer4.1'),
        (['layer2.1', 'layer3.1'], r'placebo=0: no other block has a shortcut like that of layer3\.1'),
    ],
)
def test_placebos_that_there_are_not(stages, message):
    with pytest.raises(InputError, match=message):
        shortcuts(stages, SLIM, placebo=0)


def test_what_changes_its_shape_becomes_a_projection():
    model = MODELS.build(
        {'type': 'BypassedBackbone', 'backbone': HOURGLASS, 'stages': ['stem'], 'input_size': (48, 64)}
    )
    model.init_weights()
    picture = torch.randn(2, 3, 64, 48)
    found = model.stem(picture)
    assert found.shape == (2, 8, 16, 12)
    averages = nn.functional.avg_pool2d(picture, 4)
    values = torch.einsum('oi,bihw->bohw', model.stem.conv.conv.weight[:, :, 0, 0], averages)
    normed = (values - values.mean((0, 2, 3), keepdim=True)) / (
        values.var((0, 2, 3), False, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(found, normed, rtol=1e-3, atol=1e-3)
    assert model.training
    assert len(model(picture)) == 1


@pytest.mark.parametrize(
    ('stages', 'message'),
    [
        (['layer9'], "BypassedBackbone stages='layer9': SlimResNet has no such part; nearest: layer"),
        (['layer2.0.conv1.weight'], 'has no such part'),
    ],
)
def test_unknown_parts_are_named_with_the_nearest(stages, message):
    with pytest.raises(InputError, match=message):
        MODELS.build({'type': 'BypassedBackbone', 'backbone': SLIM, 'stages': stages})


def test_parts_that_enlarge_a_map_are_refused():
    network = {'type': 'MoveNetBackbone', 'widen_factor': 0.35}
    with pytest.raises(InputError, match='does not map one tensor to one tensor'):
        MODELS.build({'type': 'BypassedBackbone', 'backbone': network, 'stages': ['fpn'], 'input_size': (64, 64)})


SWIN = {
    'type': 'SwinTransformer', 'embed_dims': 8, 'depths': (2, 2, 1, 1), 'num_heads': (1, 2, 4, 8), 'window_size': 4,
}  # fmt: skip


@torch.no_grad()
def test_blocks_that_are_told_the_size_are_passed_by():
    whole = MODELS.build(SWIN)
    whole.eval()
    found = bypassed(SWIN, ['stages.1.blocks.1'], whole)
    picture = torch.randn(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    whole.stages[1].blocks[1].forward = lambda x, hw_shape: x
    for one, other in zip(found(picture), whole(picture), strict=True):
        torch.testing.assert_close(one, other)


def test_a_picture_on_which_the_network_does_not_run_is_named():
    deep = {'type': 'HourglassNet', 'downsample_times': 4, 'num_stacks': 1, 'stage_channels': (8,) * 5}
    deep |= {'stage_blocks': (1,) * 5, 'feat_channel': 8}
    config = {
        'type': 'BypassedBackbone',
        'backbone': deep,
        'stages': ['hourglass_modules.0.low2'],
        'input_size': (36, 44),
    }
    with pytest.raises(
        InputError, match=r'HourglassNet does not run on a picture of 36 × 44 pixels .*give it input_size='
    ):
        MODELS.build(config)
