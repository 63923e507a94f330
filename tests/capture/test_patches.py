import copy

import pytest
import torch
from torch import Tensor, nn

from posescope.capture.patches import Patches
from posescope.capture.taps import Taps
from posescope.errors import CaptureError, InputError
from tests.capture.pose_models import build, pictures, predict


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1), nn.ReLU())


X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def test_zero_ablation_equals_the_rest_run_on_zeros() -> None:
    model = small()
    with Patches(model, {'0': torch.zeros(())}) as patches:
        found = model(X)
    patches.finish(1)
    assert patches.modules == ('0',)
    assert torch.equal(found, model[2](torch.zeros(2, 4, 4, 4)).relu())
    assert torch.equal(found[:, :, 0, 0], model[2].bias.relu().expand(2, 2))
    assert 'forward' not in vars(model[0])


def test_ablating_a_channel_equals_cutting_its_weights() -> None:
    model = build('resnet')
    cut = copy.deepcopy(model)
    with torch.no_grad():
        cut.backbone.layer2[0].conv1.weight[:, 3] = 0
        cut.backbone.layer2[0].downsample[0].weight[:, 3] = 0

    def ablate(tensor: Tensor, call: int) -> Tensor:
        return torch.cat([tensor[:, :3], torch.zeros_like(tensor[:, 3:4]), tensor[:, 4:]], 1)

    with torch.no_grad(), Patches(model, {'backbone.layer1': ablate}):
        found = model(pictures(), None)
    torch.testing.assert_close(found, cut(pictures(), None))
    assert not torch.allclose(found, model(pictures(), None))


@pytest.mark.parametrize(
    ('name', 'layer'), [('hrnet', 'backbone.stage3'), ('vit', 'backbone.layers.0'), ('rtmpose', 'head.mlp')]
)
def test_a_twins_layer_makes_the_twins_outputs(name: str, layer: str) -> None:
    model, ours, twins = build(name), pictures(seed=1), pictures(seed=2)
    with torch.no_grad(), Taps(model, [layer]) as taps:
        expected = model(twins, None)
    given = {output: taps.outputs[output][0] for output in taps.outputs}
    with torch.no_grad(), Patches(model, given) as patches:
        found = model(ours, None)
    patches.finish(1)
    plain = model(ours, None)
    for one, other, unpatched in zip(found, expected, plain, strict=True):
        assert torch.equal(one, other)
        assert not torch.allclose(one, unpatched)


def test_one_output_of_several_is_replaced() -> None:
    model = build('hrnet')
    with Taps(model, ['backbone', 'head']) as taps, Patches(model, {'backbone[0]': torch.zeros(())}):
        predict(model)
    with Taps(model, ['backbone']) as plain:
        predict(model)
    assert not taps.outputs['backbone[0]'][0].any()  # taps see what the rest of the model sees
    for name in ('backbone[1]', 'backbone[2]', 'backbone[3]'):
        assert torch.equal(taps.outputs[name][0], plain.outputs[name][0])
    assert torch.equal(taps.outputs['head'][0][0, :, 5, 5], model.head.final_layer.bias)
    with Patches(model, {'backbone[9]': torch.zeros(())}), pytest.raises(InputError, match='is none of its outputs'):
        predict(model)


def test_functions_know_the_pass() -> None:
    model, calls = build('resnet', True), []
    plain = copy.deepcopy(model)

    def only_mirrored(tensor: Tensor, call: int) -> Tensor | None:
        calls.append(call)
        return tensor * 0 if call == 1 else None

    with Taps(model, ['head']) as taps, Patches(model, {'backbone': only_mirrored}) as patches:
        for _ in range(2):
            predict(model)
            patches.finish(2)
            taps.finish(2)
    assert calls == [0, 1, 0, 1]
    with torch.no_grad():
        expected = plain(pictures(), None)
        zeros = plain.head.forward((torch.zeros(2, 64, 4, 3),))
    for first in (0, 2):
        assert torch.equal(taps.outputs['head'][first], expected)
        assert torch.equal(taps.outputs['head'][first + 1], zeros)


def test_gradients_pass_through() -> None:
    model, value = small(), torch.randn(4, 1, 1, requires_grad=True)
    with Patches(model, {'0': value}):
        model(X).sum().backward()
    leaf = value.detach().clone().requires_grad_()
    model[3](model[2](leaf.expand(2, 4, 4, 4).relu())).sum().backward()
    torch.testing.assert_close(value.grad, leaf.grad)
    x, other = X.clone().requires_grad_(), X.clone().requires_grad_()
    with Patches(model, {'0': lambda tensor, call: 3 * tensor}):
        model(x).sum().backward()
    model[3](model[2]((3 * model[0](other)).relu())).sum().backward()
    torch.testing.assert_close(x.grad, other.grad)


def test_type_and_layout_stay_and_the_callers_tensor_is_not_written_to() -> None:
    model = small().to(memory_format=torch.channels_last)
    value = -torch.rand(2, 4, 4, 4, dtype=torch.float64)
    kept = value.clone()
    with (
        torch.no_grad(),
        torch.autocast('cpu', torch.bfloat16),
        Taps(model, ['0']) as taps,
        Patches(model, {'0': value}),
    ):
        model(X.contiguous(memory_format=torch.channels_last))
    assert torch.equal(value, kept)  # though an in-place ReLU follows
    assert taps.outputs['0'][0].dtype == torch.bfloat16
    assert taps.outputs['0'][0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(taps.outputs['0'][0], value.bfloat16())


def test_patterns_that_meet_are_applied_in_turn() -> None:
    model = nn.Sequential(nn.Identity(), nn.Identity())
    with Patches(model, {'*': lambda tensor, call: tensor + 1, '0': lambda tensor, call: tensor * 10}) as patches:
        assert model(torch.ones(1)) == 21
    patches.finish(1)
    assert patches.modules == ('0', '1')


@pytest.mark.parametrize('shape', [(3, 1, 1), (2, 4, 4, 5), (2, 2, 4, 4, 4), (1, 2, 4, 4, 4)])
def test_a_shape_that_does_not_broadcast_is_refused(shape: tuple[int, ...]) -> None:
    model = small()
    message = r'^0 is \(2, 4, 4, 4\); \(.*\) does not broadcast to that$'
    with pytest.raises(CaptureError, match=message), Patches(model, {'0': torch.zeros(shape)}):
        model(X)
    assert 'forward' not in vars(model[0])


def test_a_patch_that_is_never_applied_is_told() -> None:
    model = build('resnet')
    with Patches(model, {'head.loss_module': torch.zeros(())}) as patches:
        predict(model)
        with pytest.raises(CaptureError, match=r'head.loss_module was called 0 times'):
            patches.finish(1)
    with pytest.raises(InputError, match=r'matches nothing; nearest: backbone.layer4'):
        Patches(model, {'backbone.layer9': torch.zeros(())})


def test_gradient_checkpointing_is_refused() -> None:
    model = build('resnet', with_cp=True)
    with Patches(model, {'backbone.layer1.0.conv1': lambda tensor, call: tensor}):
        target = model(pictures().requires_grad_(), None).sum()
        with pytest.raises(CaptureError, match='set with_cp=False'):
            target.backward()


def test_compiled_models_are_patched() -> None:
    model = small()
    compiled = torch.compile(model, backend='eager')
    compiled(X)
    with Patches(compiled, {'0': torch.zeros(())}):
        found = compiled(X)
    assert torch.equal(found, model[2](torch.zeros(2, 4, 4, 4)).relu())
    assert torch.equal(compiled(X), model(X))
