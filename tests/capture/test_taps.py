import copy
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel
from torch import Tensor, nn

from posescope.capture.outputs import path_name, tensors_in
from posescope.capture.passes import passes_of
from posescope.capture.taps import Output, Taps
from posescope.errors import CaptureError, InputError
from tests.capture.pose_models import TOPDOWN, build, pictures, predict


def hooked(model: nn.Module, run) -> dict[str, list[Tensor]]:
    """What PyTorch's own hooks see of a copy of the model."""
    model = copy.deepcopy(model)
    seen: dict[str, list[Tensor]] = defaultdict(list)

    def hook(name: str):
        def keep(module: nn.Module, args: object, output: object) -> None:
            for path, tensor in tensors_in(output):
                seen[name + path_name(path)].append(tensor.detach().clone())

        return keep

    for name, module in model.named_modules():
        if name:
            module.register_forward_hook(hook(name))
    run(model)
    return dict(seen)


def assert_same(found: dict[str, list[Tensor]], expected: dict[str, list[Tensor]]) -> None:
    for name, tensors in found.items():
        assert len(tensors) == len(expected[name]), name
        for one, other in zip(tensors, expected[name], strict=True):
            assert one.dtype == other.dtype
            assert one.stride() == other.stride()
            assert torch.equal(one, other), name


@pytest.mark.parametrize(
    ('name', 'flip'),
    [
        *((name, True) for name in TOPDOWN),
        ('resnet', False),
        ('rtmpose', False),
        ('bottomup', True),
        ('onestage', False),
    ],
)
def test_pose_models_give_what_hooks_and_a_plain_run_see(name: str, flip: bool) -> None:
    model, inputs = build(name, flip), pictures()
    if name == 'hourglass':  # 256 channels
        inputs = inputs[:1, :, :32, :32]
    expected = hooked(model, lambda net: predict(net, inputs))
    plain = predict(model, inputs)
    with Taps(model, [layer for layer in expected if '[' not in layer and not layer.startswith('head')]) as taps:
        watched = predict(model, inputs)
    taps.finish(len(passes_of(model)))
    assert len(taps.modules) > 10
    assert_same({key: taps.outputs[key] for key in taps.outputs}, expected)
    for one, other in zip(plain, watched, strict=True):
        assert (one.pred_instances.keypoints == other.pred_instances.keypoints).all()
    # The head is called by .forward, which hooks do not see.
    with Taps(model, ['head', 'backbone']) as taps:
        predict(model, inputs)
    taps.finish(len(passes_of(model)))
    with torch.no_grad():
        for call in range(len(passes_of(model))):
            output = model.head.forward(model.extract_feat(inputs.flip(-1) if call else inputs))
            for path, tensor in tensors_in(output):
                assert torch.equal(taps.outputs[f'head{path_name(path)}'][call], tensor)
    assert not any('forward' in vars(module) for module in model.modules())


def test_outputs_are_chosen_by_brackets() -> None:
    model = build('hrnet')
    with Taps(model, ['backbone[1]', 'backbone[3]', 'backbone:forward[0]']) as taps:
        predict(model)
    assert taps.modules == ('backbone',)
    assert set(taps.outputs) == {'backbone[0]', 'backbone[1]', 'backbone[3]'}
    assert taps.outputs['backbone[3]'][0].shape[1] == 64
    missing = r'backbone\[4\] is none of its outputs.*backbone\[3\]'
    with pytest.raises(InputError, match=missing), Taps(model, ['backbone[4]']):
        predict(model)
    assert 'forward' not in vars(model.backbone)


def test_methods_other_than_forward() -> None:
    model = build('hourglass', True)
    with Taps(model, [':extract_feat[1]', 'backbone[1]']) as taps:
        predict(model, pictures()[:1, :, :32, :32])
    taps.finish(2)
    for one, other in zip(taps.outputs[':extract_feat[1]'], taps.outputs['backbone[1]'], strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match='head:predict gives no tensors'), Taps(model, ['head:predict']):
        predict(model)


def test_what_is_received_is_the_models_own_memory() -> None:
    model, received = build('resnet'), []

    def receive(output: Output) -> None:
        assert not output.tensor.requires_grad
        received.append((output.layer, output.call, output.tensor, output.tensor.clone()))

    with Taps(model, ['backbone.bn1', 'backbone.relu', 'backbone.layer1.0.bn*'], receive) as taps:
        predict(model)
    assert len(taps.outputs) == 0
    # An in-place ReLU follows the first norm: its output is what the norm's memory now holds.
    assert [layer for layer, *_ in received] == [
        'backbone.bn1',
        'backbone.relu',
        'backbone.layer1.0.bn1',
        'backbone.layer1.0.bn2',
    ]
    (_, _, norm, copied), (_, _, relu, _) = received[:2]
    assert norm.data_ptr() == relu.data_ptr()
    assert torch.equal(copied.relu(), relu)
    assert not torch.equal(copied, norm)


class InPlace(nn.Module):
    """A norm, an in-place ReLU, and the norm's output changed through another name."""

    def __init__(self, spoil: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.relay = nn.Identity()
        self.spoil = spoil

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        same = self.relay(normed)
        y = self.relu(same)
        if self.spoil:
            normed.mul_(2)
        return (y**2).sum()


@pytest.mark.parametrize('mode', ['graph', 'no_grad', 'inference'])
def test_in_place_operations_do_not_reach_what_is_kept(mode: str) -> None:
    model, x = InPlace(), torch.randn(2, 3, 4, 4)
    expected = copy.deepcopy(model).norm(x)
    context = {'graph': torch.enable_grad, 'no_grad': torch.no_grad, 'inference': torch.inference_mode}[mode]
    with context(), Taps(model, ['norm']) as taps:
        result = model(x)
    assert torch.equal(taps.outputs['norm'][0], expected)
    assert torch.equal(result, (expected.relu() ** 2).sum())
    if mode == 'graph':
        (gradient,) = torch.autograd.grad(result, taps.outputs['norm'])
        assert torch.equal(gradient, 2 * expected.relu())


def test_what_was_changed_in_place_after_all_is_refused() -> None:
    model, x = InPlace(), torch.randn(2, 3, 4, 4)
    model.eval()
    with Taps(model, ['norm']) as taps:
        model(x)
        taps.outputs['norm'][0].data.abs_()  # through .data nobody can notice
        assert len(taps.outputs['norm']) == 1
        with torch.no_grad():
            taps.outputs['norm'][0].abs_()
        with pytest.raises(CaptureError, match='norm was changed in place after it was read'):
            _ = taps.outputs['norm']
    with pytest.raises(KeyError, match='relu was not read; read were norm'):
        _ = taps.outputs['relu']


def test_gradients_equal_autograd() -> None:
    model, x = build('hrnet'), pictures()
    layers = ['backbone.bn1', 'backbone.stage2.0', 'backbone[0]', 'backbone[3]', 'head.final_layer']
    with Taps(model, layers, gradients=True) as taps:
        target = model(x, None)[:, 3].square().sum()
    names = list(taps.outputs)
    assert names == [
        'backbone.bn1',
        'backbone.stage2.0[0]',
        'backbone.stage2.0[1]',
        'backbone[0]',
        'backbone[3]',
        'head.final_layer',
    ]
    reached = [name for name in names if name != 'backbone[3]']  # only the first map enters the head
    expected = torch.autograd.grad(target, [taps.outputs[name][0] for name in reached], retain_graph=True)
    assert taps.gradients['head.final_layer'][0] is not None  # autograd.grad tells hooks too
    taps.gradients.clear()
    with Taps(model, layers, receive=lambda output: None, gradients=True) as taps:  # no copies in the model's way
        model(x, None)[:, 3].square().sum().backward(retain_graph=True)
    for name, gradient in zip(reached, expected, strict=True):
        assert torch.equal(taps.gradients[name][0], gradient), name
    assert taps.gradients['backbone[3]'] == [None]


def test_gradients_add_up_over_backward_passes() -> None:
    layer, x = nn.Linear(3, 2), torch.randn(5, 3)
    with Taps(nn.Sequential(layer), ['0'], gradients=True) as taps:
        y = layer(x)
    y[:, 0].sum().backward(retain_graph=True)
    y[:, 1].sum().backward(retain_graph=True)
    y[:, 1].sum().backward()
    assert torch.equal(taps.gradients['0'][0], torch.tensor([1.0, 2.0]).expand(5, 2))
    taps.clear()
    assert not taps.gradients
    with torch.no_grad(), taps:
        layer(x)
    assert taps.gradients['0'] == [None]


def test_gradient_checkpointing_is_read_once() -> None:
    plain, again = build('resnet'), build('resnet', with_cp=True)
    again.load_state_dict(plain.state_dict())
    taps = {}
    for name, model in (('plain', plain), ('again', again)):
        x = pictures().requires_grad_()
        with Taps(model, ['backbone.layer3', 'backbone.layer3.0.conv1'], gradients=True) as taps[name]:
            model(x, None).square().sum().backward()
            taps[name].finish(1)
            assert taps[name].calls_per_pass == {'backbone.layer3': 1, 'backbone.layer3.0.conv1': 1}
    for name in taps['plain'].outputs:
        assert torch.equal(taps['plain'].outputs[name][0], taps['again'].outputs[name][0])
    gradients = [taps[name].gradients['backbone.layer3'][0] for name in taps]
    torch.testing.assert_close(*gradients)


def test_taps_on_one_module_and_inside_each_other() -> None:
    model, x = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True)), nn.Linear(2, 1)), torch.randn(3, 2)
    first, second = Taps(model, ['0', '0.0']), Taps(model, ['0.0', '1'])
    first.__enter__()
    second.__enter__()
    result = model(x)
    first.__exit__(None, None, None)
    model(x)
    second.__exit__(None, None, None)
    model(x)
    assert {name: len(first.outputs[name]) for name in first.outputs} == {'0.0': 1, '0': 1}
    assert {name: len(second.outputs[name]) for name in second.outputs} == {'0.0': 2, '1': 2}
    hidden = x @ model[0][0].weight.T + model[0][0].bias
    for taps in (first, second):
        torch.testing.assert_close(taps.outputs['0.0'][0], hidden)
    torch.testing.assert_close(first.outputs['0'][0], hidden.relu())
    assert torch.equal(second.outputs['1'][0], result)


def test_a_module_that_is_called_repeatedly() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = self.alias = nn.Linear(2, 2)

        def forward(self, x: Tensor, times: int = 2) -> Tensor:
            for _ in range(times):
                x = self.alias(x)
            return x

    model, x = Twice(), torch.randn(3, 2)
    with Taps(model, ['step']) as taps:
        y = model(x)
        taps.finish(1)
        assert taps.calls_per_pass == {'step': 2}
        assert torch.equal(taps.outputs['step'][0], model.alias(x))
        assert torch.equal(taps.outputs['step'][1], y)
        taps.clear()
        model(x, 3)
        with pytest.raises(CaptureError, match='step was called 3 times in a batch, expected 2 as before'):
            taps.finish(1)


def test_a_layer_that_does_not_run_is_told() -> None:
    model = build('resnet')
    with Taps(model, ['head.*']) as taps:
        predict(model)
        with pytest.raises(
            CaptureError, match=r"head.loss_module was called 0 times in a batch, expected 1: .*'!head.loss"
        ):
            taps.finish(1)
        predict(model)
        assert taps.drop_silent() == ('head.loss_module',)
        taps.finish(1)
        assert 'head.loss_module' not in taps.modules


def test_an_exception_in_the_model_restores_it() -> None:
    model = build('resnet')
    expected = predict(model)[0].pred_instances.keypoints
    with pytest.raises(RuntimeError), Taps(model, ['**']):
        model(torch.zeros(1, 4, 8, 8), None)
    assert not any('forward' in vars(module) for module in model.modules())
    assert (predict(model)[0].pred_instances.keypoints == expected).all()


def test_channels_last_and_autocast() -> None:
    model = build('hrnet').to(memory_format=torch.channels_last)
    x = pictures().contiguous(memory_format=torch.channels_last)

    def run(net: nn.Module) -> Tensor:
        with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
            return net(x, None)

    expected, result = hooked(model, run), run(model)
    with Taps(model, ['backbone**', 'head.final_layer']) as taps:
        assert torch.equal(run(model), result)
    assert_same({name: taps.outputs[name] for name in taps.outputs}, expected)
    assert taps.outputs['backbone.conv1'][0].dtype == torch.bfloat16
    assert taps.outputs['backbone.layer1'][0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('how', ['wrapped', 'in place', 'mmengine', 'part'])
def test_compiled_models(how: str) -> None:
    torch._dynamo.reset()
    model = build('resnet')
    expected, plain = hooked(model, predict), predict(model)[0].pred_instances.keypoints
    compiled = model
    if how == 'wrapped':
        compiled = torch.compile(model, backend='eager')
    elif how == 'in place':
        model.compile(backend='eager')
    elif how == 'mmengine':  # as its Runner does under cfg.compile
        model.forward = torch.compile(model.forward, backend='eager')
    else:
        model.backbone = torch.compile(model.backbone, backend='eager')
    if how == 'part':
        predict(compiled)  # what was compiled before must not be run either
    with Taps(compiled, ['backbone', 'backbone.layer*', 'head']) as taps:
        assert (predict(compiled)[0].pred_instances.keypoints == plain).all()
    taps.finish(1)
    assert taps.modules == (
        'backbone',
        *(f'backbone.layer{stage}' for stage in (1, 2, 3, 4)),
        'head',
    )
    assert_same({name: taps.outputs[name] for name in taps.outputs if name != 'head'}, expected)
    assert hasattr(vars(model).get('forward'), '_torchdynamo_orig_callable') == (how == 'mmengine')


def test_the_fast_path_of_transformer_layers() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    model, x = nn.TransformerEncoder(layer, 2), torch.randn(2, 5, 8)
    with torch.no_grad(), Taps(model, ['layers.**', '!**out_proj', '!**dropout*']) as taps:
        y = model(x)
    taps.finish(1)
    first = model.layers[0]
    with torch.enable_grad():  # keeps PyTorch from its fast path
        attended = first.self_attn(x, x, x, need_weights=False)[0]
        hidden = first.norm1(x + attended)
        expected = first.linear1(hidden)
    torch.testing.assert_close(taps.outputs['layers.0.self_attn[0]'][0], attended)
    torch.testing.assert_close(taps.outputs['layers.0.linear1'][0], expected)
    assert torch.equal(taps.outputs['layers.1'][0], y)
    with torch.no_grad():
        torch.testing.assert_close(y, model(x))


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/group', rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures('one_process')
def test_distributed_model() -> None:
    model = build('hrnet', True)
    expected = hooked(model, predict)
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    with Taps(wrapped, ['backbone', 'head']) as taps:
        predict(wrapped)
    taps.finish(len(passes_of(wrapped)))
    assert_same({name: taps.outputs[name] for name in taps.outputs if name.startswith('backbone')}, expected)
    assert 'forward' not in vars(model.backbone)


def train_one(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/group', rank=rank, world_size=2)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 1))
    model = nn.parallel.DistributedDataParallel(net)
    x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))[rank]
    with Taps(model, ['0'], gradients=True) as taps:
        model(x).square().sum().backward()
        taps.finish(1)
    weights = net[0].weight.grad
    torch.save((taps.outputs['0'][0].detach(), taps.gradients['0'][0], weights, x), Path(folder) / f'{rank}.pt')
    dist.destroy_process_group()


@pytest.mark.long
def test_two_processes_that_train(tmp_path: Path) -> None:
    mp.spawn(train_one, (str(tmp_path),), nprocs=2)
    ranks = [torch.load(tmp_path / f'{rank}.pt') for rank in range(2)]
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    products = []
    for output, gradient, _, x in ranks:
        hidden = net[0](x).detach().requires_grad_()
        (expected,) = torch.autograd.grad(net[2](net[1](hidden)).square().sum(), hidden)
        torch.testing.assert_close(output, hidden.detach())
        torch.testing.assert_close(gradient, expected)
        products.append(gradient.T @ x)
    for _, _, weights, _ in ranks:  # the mean over processes, which DistributedDataParallel makes
        torch.testing.assert_close(weights, (products[0] + products[1]) / 2)
