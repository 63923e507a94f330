from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models.utils.attention import MultiheadAttention
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from posescope.capture.attention import AttentionTaps, WindowedCall, attention_layers
from posescope.capture.attention.readers import registry
from posescope.capture.attention.readers.mmpretrain_attention import MMPretrainReader
from posescope.errors import CaptureError, InputError
from tests.capture.attention.attending import CLOSE, drawn, heads, shaken, softmax
from tests.capture.pose_models import JOINTS, build, pictures, predict

NAMES = ('backbone.layers.0.attn', 'backbone.layers.1.attn')


def listened(model: nn.Module, name: str) -> list[Tensor]:
    """What a module gives from now on, by a hook of PyTorch."""
    given: list[Tensor] = []
    model.get_submodule(name).register_forward_hook(lambda module, args, output: given.append(output.clone()))
    return given


def eager(qkv: Tensor, count: int) -> Tensor:
    q, k, _ = (heads(t, count) for t in qkv.chunk(3, -1))
    return softmax(q @ k.mT / q.shape[-1] ** 0.5)


def test_both_passes_of_a_flip_test_with_a_vision_transformer() -> None:
    model = build('vit', flip=True)
    given = [listened(model, f'{name}.qkv') for name in NAMES]
    plain = predict(model)
    for outputs in given:
        outputs.clear()
    with AttentionTaps(model) as taps:
        watched = predict(model)
        taps.finish(2)
    assert taps.names == NAMES
    places = torch.tensor([[[7.2, 0.1], [0.0, 5.0]], [[3.0, 3.0], [4.4, 2.6]]])
    cells = torch.tensor([[42, 5], [21, 27]])  # of 8 rows and 6 columns
    for name, outputs in zip(NAMES, given, strict=True):
        assert len(taps.calls[name]) == 2
        for call, qkv in zip(taps.calls[name], outputs, strict=True):
            assert (call.tokens, call.grid, call.prefix) == ('grid', (8, 6), 0)
            expected = eager(qkv, 2)
            torch.testing.assert_close(call.full(), expected, **CLOSE)
            wanted = torch.stack([expected[n][:, cells[n]] for n in range(2)]).unflatten(-1, (8, 6))
            torch.testing.assert_close(call.rows_at(places), wanted, **CLOSE)
        assert not torch.equal(*(call.q for call in taps.calls[name]))
    for one, other in zip(plain, watched, strict=True):
        assert (one.pred_instances.keypoints == other.pred_instances.keypoints).all()
        assert (one.pred_instances.keypoint_scores == other.pred_instances.keypoint_scores).all()


def test_joints_of_rtmpose() -> None:
    model = build('rtmpose', flip=True)
    given = listened(model, 'head.gau.ln')
    with AttentionTaps(model) as taps:
        predict(model)
        taps.finish(2)
    assert taps.names == ('head.gau',)
    unit = model.head.gau
    for call, tokens in zip(taps.calls['head.gau'], given, strict=True):
        assert (call.tokens, call.q.shape) == ('joints', (2, 1, JOINTS, 16))
        with torch.no_grad():
            base = F.silu(unit.uv(tokens))[..., -16:]
            q, k = (base * unit.gamma[i] + unit.beta[i] for i in range(2))
        torch.testing.assert_close(call.full()[:, 0], (q @ k.mT / 4).relu() ** 2, **CLOSE)


class Operations(TorchDispatchMode):
    """Counts PyTorch's kernels that run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def test_the_fused_kernel_stays_and_nothing_but_copies_is_added() -> None:
    model = build('vit')
    with torch.no_grad():
        with Operations() as plain:
            expected = model.backbone(pictures())[0]
        with AttentionTaps(model) as taps:
            model.backbone(pictures())
            taps.finish(1)
            taps.clear()
            with Operations() as watched:
                found = model.backbone(pictures())[0]
    assert torch.equal(found, expected)
    fused = [name for name in plain.seen if name.startswith('_scaled_dot_product')]
    assert [plain.seen[name] for name in fused] == [2]
    added = watched.seen - plain.seen
    assert added.pop('clone') == 4  # q and k of two layers
    views = {'detach', 'permute', 'select', 'unbind', 'view', '_unsafe_view', 'transpose', 'unsqueeze', 'squeeze'}
    assert set(added) <= views
    assert not plain.seen - watched.seen


def test_only_queries_and_keys_are_kept() -> None:
    model = build('vit')
    with AttentionTaps(model) as taps:
        for _ in range(2):
            predict(model)
            taps.finish(1)
            (call,) = taps.calls[NAMES[0]]
            assert (call.v, call.output, call.mixed) == (None, None, None)
            for kept in (call.q, call.k):
                assert kept.untyped_storage().nbytes() == 2 * 48 * 32 * 4  # people, tokens, channels, bytes
            taps.clear()
            assert taps.calls == {}


def test_kept_values_are_not_changed_by_the_model_afterwards() -> None:
    model = nn.Sequential(shaken(MultiheadAttention(16, 2)))
    given, memory = listened(model, '0.qkv'), []
    model[0].qkv.register_forward_hook(lambda module, args, output: memory.append(output))
    with AttentionTaps(model, keep_values=True) as taps, torch.no_grad():
        model(drawn(2, 5, 16))
        memory[0].zero_()
    (call,) = taps.calls['0']
    assert call.check() < 1e-5
    torch.testing.assert_close(call.full(), eager(given[0], 2), **CLOSE)


@pytest.mark.parametrize('mode', ['training', 'inference'])
def test_gradients_and_inference_mode(mode) -> None:
    model = build('vit')
    results = []
    for watched in (False, True):
        model.zero_grad()
        with torch.inference_mode(mode == 'inference'):
            if not watched:
                output = model.backbone(pictures())[0]
            else:
                with AttentionTaps(model) as taps:
                    output = model.backbone(pictures())[0]
                    taps.finish(1)
        if mode == 'training':
            output.square().sum().backward()
            results.append(model.backbone.layers[0].attn.qkv.weight.grad.clone())
        results.append(output)
    assert torch.equal(results[len(results) // 2 - 1], results[-1])
    assert torch.equal(results[0], results[len(results) // 2])
    call = taps.calls[NAMES[1]][0]
    assert not call.full().requires_grad
    torch.testing.assert_close(call.full().sum(-1), torch.ones(2, 2, 48))


def test_gradient_checkpointing_is_not_read_twice() -> None:
    attention = MultiheadAttention(16, 2)
    tokens = drawn(2, 5, 16).requires_grad_()
    with AttentionTaps(nn.ModuleDict({'attn': attention})) as taps:
        torch.utils.checkpoint.checkpoint(attention, tokens, use_reentrant=False).sum().backward()
        taps.finish(1)
    assert len(taps.calls['attn']) == 1


def test_autocast() -> None:
    model = build('vit')
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        expected = model.backbone(pictures())[0]
        with AttentionTaps(model) as taps:
            found = model.backbone(pictures())[0]
            taps.finish(1)
    assert torch.equal(found, expected)
    assert taps.calls[NAMES[0]][0].q.dtype == torch.bfloat16


def test_a_compiled_model_runs_eagerly() -> None:
    model = build('vit')
    compiled = torch.compile(model.backbone, backend='eager')
    with torch.no_grad(), AttentionTaps(compiled) as taps:
        compiled(pictures())
        taps.finish(1)
    assert taps.names == ('layers.0.attn', 'layers.1.attn')


def test_a_wrong_reader_is_found_out(monkeypatch) -> None:
    class Wrong(MMPretrainReader):
        def read(self, name, module, seen):
            call = super().read(name, module, seen)
            call.scale = 1.0
            return call

    name = 'mmpretrain.models.utils.attention.MultiheadAttention'
    monkeypatch.setitem(registry._READERS, name, Wrong())
    model = build('vit')
    with (
        pytest.raises(CaptureError, match=r'backbone.layers.0.attn: rebuilt attention times v differs'),
        AttentionTaps(model),
    ):
        predict(model)
    assert 'forward' not in model.backbone.layers[0].attn.__dict__
    with AttentionTaps(model, tolerance=10.0):  # a tolerance that everything passes
        predict(model)


class Own(nn.Module):
    """Attention of a class that nobody knows, in a function that it holds, called by a method's name."""

    def __init__(self, size: int = 16) -> None:
        super().__init__()
        self.qkv = nn.Linear(size, 3 * size)
        self.attend = F.scaled_dot_product_attention

    def look(self, tokens: Tensor) -> Tensor:
        q, k, v = self.qkv(tokens).chunk(3, -1)
        return through(lambda: self.attend(heads(q, 2), heads(k, 2), heads(v, 2), scale=0.4)).transpose(1, 2).flatten(2)


def through(function):
    """A function between a module and its attention."""
    return function()


class Mixed(nn.Module):
    """One attention with a reader, one without, which may be called more than once or later."""

    def __init__(self) -> None:
        super().__init__()
        self.known = MultiheadAttention(16, 2)
        self.parts = nn.ModuleList([Own(), Own()])
        self.times = [1, 1]

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.known(tokens)
        for part, times in zip(self.parts, self.times, strict=True):
            for _ in range(times):
                tokens = part.look(tokens)
        return tokens


def test_attention_without_a_reader_is_found_and_named_by_the_module_that_ran() -> None:
    model = shaken(Mixed())
    model._modules = dict(sorted(model._modules.items(), reverse=True))  # parts before known
    given = listened(model, 'parts.1.qkv')
    tokens = drawn(2, 6, 16)
    with torch.no_grad():
        expected = model(tokens)
        given.clear()
        with AttentionTaps(model, grid=(2, 3)) as taps:
            assert taps.names == ('known',)
            for _ in range(3):
                taps.clear()
                assert torch.equal(model(tokens), expected)
                taps.finish(1)
    assert taps.names == ('parts.0', 'parts.1', 'known')
    (call,) = taps.calls['parts.1']
    q, k, _ = (heads(t, 2) for t in given[-1].chunk(3, -1))
    torch.testing.assert_close(call.full(), softmax(0.4 * q @ k.mT), **CLOSE)
    assert call.maps(torch.zeros(2, 1, dtype=torch.long)).shape == (2, 2, 1, 2, 3)


@pytest.mark.parametrize(
    ('layers', 'names'),
    [
        ('known', ('known',)),
        (['parts.0'], ('parts.0',)),
        ('parts.*', ('parts.0', 'parts.1')),
        (['k*', '*.1'], ('known', 'parts.1')),
        (['*', '!parts.0'], ('known', 'parts.1')),
        (['*', '!k*', '!*.0'], ('parts.1',)),
    ],
)
def test_patterns_choose(layers, names) -> None:
    model = shaken(Mixed())
    with torch.no_grad(), AttentionTaps(model, layers) as taps:
        for _ in range(2):
            model(drawn(2, 6, 16))
            taps.finish(1)
    assert taps.names == names
    assert tuple(taps.calls) == names
    assert {len(calls) for calls in taps.calls.values()} == {2}  # nothing was cleared


def test_patterns_that_match_nothing() -> None:
    model = Mixed()
    with pytest.raises(InputError, match=r"layers=\['knwon'\] matches no attention; nearest: known"):
        AttentionTaps(model, ['known', 'knwon'])
    with pytest.raises(InputError, match=r"'known.qkv'\] matches no attention; nearest: known"):
        AttentionTaps(model, 'known.qkv')
    with pytest.raises(InputError, match=r"'!knwon'\] matches no attention; nearest: known"):
        AttentionTaps(model, ['*', '!knwon'])
    with pytest.raises(InputError, match=r"takes nothing in: '\*' takes in all"):
        AttentionTaps(model, '!known')
    with AttentionTaps(model, ['known', 'parts.0.qkv']) as taps:
        model(drawn(2, 6, 16))
        with pytest.raises(InputError, match=r"'parts.0.qkv'\] matches no attention.*of this model: known"):
            taps.finish(1)
    with AttentionTaps(build('resnet')) as taps, pytest.raises(InputError, match=r'none; classes with .*RTMCCBlock'):
        taps.finish(1)


def test_calls_are_counted() -> None:
    model = shaken(Mixed())
    tokens = drawn(2, 6, 16)
    model.times = [0, 2]
    with torch.no_grad(), AttentionTaps(model) as taps:
        model(tokens)
        taps.finish(1)
        assert len(taps.calls['parts.1']) == 2
        model.times = [0, 1]
        model(tokens)
        with pytest.raises(CaptureError, match=r'parts.1 was called 1 times in a batch, expected 2'):
            taps.finish(1)
        model.times = [1, 2]
        model(tokens)
        with pytest.raises(CaptureError, match=r'parts.0 was called in this batch and not in the first'):
            taps.finish(1)
        with pytest.raises(CaptureError, match=r'known was called 0 times'):
            taps.finish(1)


def test_attention_that_is_not_called_is_an_error_or_left_out() -> None:
    model = shaken(nn.ModuleDict({'used': MultiheadAttention(16, 2), 'unused': MultiheadAttention(16, 2)}))
    with torch.no_grad(), AttentionTaps(model) as taps:
        model['used'](drawn(2, 6, 16))
        with pytest.raises(CaptureError, match=r"unused was called 0 times.*'!unused' leaves it out"):
            taps.finish(1)
    with torch.no_grad(), AttentionTaps(model) as taps:
        model['used'](drawn(2, 6, 16))
        assert taps.drop_silent() == ('unused',)
        taps.finish(1)
        assert taps.names == ('used',)


@pytest.mark.parametrize('first_leaves_first', [True, False])
def test_taps_that_overlap_leave_in_any_order(first_leaves_first) -> None:
    model = shaken(Mixed())
    one, other = AttentionTaps(model), AttentionTaps(model, 'parts.*')
    order = [one, other] if first_leaves_first else [other, one]
    with torch.no_grad():
        for taps in (one, other):
            taps.__enter__()
        model(drawn(2, 6, 16))
        order[0].__exit__(None, None, None)
        model(drawn(2, 6, 16))
        order[1].__exit__(None, None, None)
        model(drawn(2, 6, 16))
    lengths = {taps: [len(calls) for calls in taps.calls.values()] for taps in order}
    assert lengths[order[0]] == [1] * len(order[0].names)
    assert lengths[order[1]] == [2] * len(order[1].names)
    assert not torch.overrides._get_current_function_mode_stack()
    assert not any('forward' in module.__dict__ for module in model.modules())


def test_everything_is_undone_after_an_exception() -> None:
    model = shaken(Mixed())
    with pytest.raises(ValueError, match='mine'), AttentionTaps(model):
        raise ValueError('mine')
    assert not torch.overrides._get_current_function_mode_stack()
    assert not any('forward' in module.__dict__ for module in model.modules())
    with torch.no_grad(), AttentionTaps(model) as taps:
        with pytest.raises(RuntimeError):
            model(drawn(2, 6, 15))
        taps.clear()
        model(drawn(2, 6, 16))
        taps.finish(1)


def test_a_module_that_stands_in_two_places_is_one() -> None:
    attention = MultiheadAttention(16, 2)
    model = shaken(nn.Sequential(attention, attention))
    with torch.no_grad(), AttentionTaps(model) as taps:
        model(drawn(2, 6, 16))
        taps.finish(1)
    assert taps.names == ('0',)
    assert len(taps.calls['0']) == 2


def test_windows_of_hrformer_in_a_backbone() -> None:
    from mmpose.models.backbones.hrformer import HRFormerBlock

    model = shaken(nn.Sequential(HRFormerBlock(8, 8, 2, window_size=3, norm_cfg={'type': 'BN'})))
    with torch.no_grad(), AttentionTaps(model) as taps:
        model(drawn(2, 8, 7, 5))
        taps.finish(1)
    assert taps.names == ('0.attn',)
    (call,) = taps.calls['0.attn']
    assert isinstance(call, WindowedCall)
    assert call.rows_at(torch.zeros(2, 1, 2)).shape == (2, 2, 1, 7, 5)


def test_keys_of_a_reduced_map() -> None:
    """PVT's attention looks from each cell at a map that a strided convolution made smaller."""
    from mmpose.models.backbones.pvt import SpatialReductionAttention

    model = shaken(
        nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ModuleDict({'attn': SpatialReductionAttention(8, 2, sr_ratio=2)}))
    )
    with torch.no_grad(), AttentionTaps(model) as taps:
        tokens = model[0](drawn(2, 3, 32, 24)).flatten(2).mT
        model[1]['attn'](tokens, (8, 6))
        taps.finish(1)
    assert taps.names == ('1.attn.attn',)
    (call,) = taps.calls['1.attn.attn']
    assert (call.query_grid, call.grid) == ((8, 6), (4, 3))
    maps = call.rows_at(torch.tensor([[[7.0, 5.0]]]).expand(2, -1, -1))
    torch.testing.assert_close(maps[:, :, 0].flatten(2), call.full()[:, :, 47], **CLOSE)


def test_class_tokens_stay_off_the_map() -> None:
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    model = VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=3).eval()
    with torch.no_grad(), AttentionTaps(model) as taps:
        model(drawn(2, 3, 32, 32))
        taps.finish(1)
    (call,) = taps.calls['encoder.layers.encoder_layer_0.self_attention']
    assert (call.grid, call.prefix) == ((4, 4), 1)
    maps = call.rows_at(torch.tensor([[[1.0, 2.0]]]).expand(2, -1, -1))
    torch.testing.assert_close(maps[:, :, 0].flatten(2), call.full()[:, :, 1 + 6, 1:], **CLOSE)


def test_models_of_mmpose_have_readers() -> None:
    assert tuple(attention_layers(build('vit'))) == NAMES
    assert tuple(attention_layers(build('rtmpose'))) == ('head.gau',)
    assert not attention_layers(build('hrnet'))
