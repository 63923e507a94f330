"""One hourglass: what its three kinds of skip connection let through."""

import torch

from posescope.models.layers.hourglass import Hourglass, SkipGate


def hourglass(skip: str, width: int = 4) -> Hourglass:
    """Two levels in evaluation mode, gates unlike their initial state."""
    torch.manual_seed(0)
    module = Hourglass(width, (1, 1, 1), skip, {'type': 'BN'})
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


def silence_the_way_through(module: Hourglass) -> None:
    """Let the coarse way of the outer level end in zero, so that only what passes it by is left."""
    module.low3.register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output))


@torch.no_grad()
def test_without_skip_nothing_passes_the_coarse_way_by():
    x = torch.randn(1, 4, 8, 12)
    plain = hourglass('none')
    assert plain(x).std() > 1e-3
    silence_the_way_through(plain)
    assert not plain(x).any()
    added = hourglass('add')
    silence_the_way_through(added)
    torch.testing.assert_close(added(x), added.up1(x), rtol=0, atol=0)
    assert added(x).std() > 1e-3


@torch.no_grad()
def test_without_skip_an_inner_level_has_none_either():
    plain = hourglass('none')
    plain.low2.low3.register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output))
    outputs = [plain(torch.randn(1, 4, 8, 12)) for _ in range(2)]
    torch.testing.assert_close(*outputs, rtol=0, atol=0)
    assert not any('up1' in name or 'gate' in name for name, _ in plain.named_parameters())


@torch.no_grad()
def test_without_skip_what_is_finer_than_the_coarsest_map_is_lost():
    """The whole hourglass then returns blocks of 2 × 2 equal cells, being enlarged from half the size."""
    maps = {skip: hourglass(skip)(torch.randn(1, 4, 8, 12)) for skip in ('add', 'none')}
    blocks = {skip: each.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2) for skip, each in maps.items()}
    assert blocks['none'].std(-1).max() == 0
    assert blocks['add'].std(-1).max() > 1e-3


@torch.no_grad()
def test_gate_weighs_the_skip_with_a_share():
    gated = hourglass('gate')
    shares = []
    gated.gate.conv.register_forward_hook(lambda layer, inputs, output: shares.append(output.sigmoid()))
    silence_the_way_through(gated)
    x = 20 * torch.randn(2, 4, 8, 12)
    torch.testing.assert_close(gated(x), shares[0] * gated.up1(x))
    assert shares[0].min() >= 0
    assert shares[0].max() <= 1
    assert shares[0].std() > 0.01


def test_gate_starts_open():
    gate = SkipGate(4)
    gate.init_weights()
    x = torch.randn(1, 4, 3, 5)
    torch.testing.assert_close(gate(x), x * 0.98201379)  # 1 / (1 + e⁻⁴)
