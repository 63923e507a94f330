"""Run one attention module under taps, and attention written out, to compare with."""

import torch
from torch import Tensor, nn

from posescope.capture.attention import AttentionCall, AttentionTaps

CLOSE = {'rtol': 0, 'atol': 5e-5}
"""What rows may differ by from eager attention, in float32."""


class Model(nn.Module):
    """A model with one attention, called ``inner.attn``."""

    def __init__(self, attn: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Module()
        self.inner.attn = attn

    def forward(self, *args, **kwargs):
        return self.inner.attn(*args, **kwargs)


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with no parameter at zero or one, where mistakes would not show; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return module.eval()


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def attend(module: nn.Module, *args, tolerance: float | None = None, **kwargs) -> AttentionCall:
    """Call a module once; its output must not change by being watched, and the self-check must pass."""
    model = Model(module)
    with torch.no_grad():
        with Unfused():
            plain = model(*args, **kwargs)
        with AttentionTaps(model, keep_values=True, tolerance=tolerance) as taps:
            output = model(*args, **kwargs)
            taps.finish(1)
    plain, output = (o[0] if isinstance(o, tuple) else o for o in (plain, output))
    assert torch.equal(output, plain)
    assert taps.names == ('inner.attn',)
    (call,) = taps.calls['inner.attn']
    call.check(1e-5 if output.dtype == torch.float32 else None)
    return call


class Unfused:
    """Leave out the fast path of ``nn.MultiheadAttention``, as taps do."""

    def __enter__(self) -> None:
        self.before = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)

    def __exit__(self, *error) -> None:
        torch.backends.mha.set_fastpath_enabled(self.before)


def softmax(scores: Tensor) -> Tensor:
    """Over keys, written out."""
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def heads(tokens: Tensor, count: int) -> Tensor:
    """(N, L, C) cut into heads one by one, (N, heads, L, d)."""
    size = tokens.shape[-1] // count
    return torch.stack([tokens[..., h * size : (h + 1) * size] for h in range(count)], 1)


def asked_and_all(call: AttentionCall, expected: Tensor, queries: list[int]) -> None:
    """Compare the rows of a few queries, other ones for each person, and all rows with what they should be."""
    people = len(expected)
    chosen = torch.tensor([[(q + n) % expected.shape[2] for q in queries] for n in range(people)])
    wanted = torch.stack([expected[n][:, chosen[n]] for n in range(people)])
    rows = call.rows(chosen)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, wanted.float(), **CLOSE)
    torch.testing.assert_close(call.full(), expected.float(), **CLOSE)
