"""StackedHourglass against closed forms, and against MMPose's HourglassNet where the two coincide."""

import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from posescope.errors import InputError
from posescope.models.layers.hourglass import SkipGate


def build(**options) -> torch.nn.Module:
    torch.manual_seed(0)
    model = MODELS.build({'type': 'StackedHourglass', **options})
    model.init_weights()
    return model


def parameters_of(stacks: int, c: int, depth: int, skip: str, blocks: int = 1) -> int:
    """The number of parameters, from the paper's drawing: convolutions without bias, each with BN (2 a channel)."""

    def block(i: int, o: int, shortcut: bool = False) -> int:
        return 9 * i * o + 9 * o * o + 4 * o + (i * o + 2 * o if shortcut else 0)

    stem = 3 * 49 * c // 2 + c + block(c // 2, c, shortcut=True)
    level = 2 * blocks * block(c, c) + c * c + 2 * c  # low1, whose stride needs a shortcut convolution, and low3
    if skip != 'none':
        level += blocks * block(c, c)
    if skip == 'gate':
        level += c * c + c
    hourglass = depth * level + blocks * block(c, c)
    between = 2 * (c * c + 2 * c) + block(c, c)
    return stem + stacks * (hourglass + 9 * c * c + 2 * c) + (stacks - 1) * between


@pytest.mark.parametrize('skip', ['add', 'none', 'gate'])
@pytest.mark.parametrize(('stacks', 'width', 'depth', 'blocks'), [(1, 8, 1, 1), (2, 16, 3, 1), (3, 6, 2, 2)])
def test_number_of_parameters(stacks, width, depth, blocks, skip):
    model = build(stacks=stacks, width=width, depth=depth, blocks=blocks, skip=skip)
    assert sum(each.numel() for each in model.parameters()) == parameters_of(stacks, width, depth, skip, blocks)


@pytest.mark.parametrize('size', [(128, 96), (64, 64), (100, 77), (33, 131)])
@pytest.mark.parametrize('depth', [1, 3, 5])
def test_one_map_of_stride_four_a_stack(size, depth):
    with torch.inference_mode():
        maps = build(stacks=3, width=4, depth=depth).eval()(torch.zeros(2, 3, *size))
    height, width = (-(-side // 4) for side in size)
    assert [each.shape for each in maps] == [(2, 4, height, width)] * 3


def weights_of_mmpose(name: str) -> str:
    """The name that MMPose's HourglassNet gives to a weight of ours."""
    for ours, theirs in {
        'hourglasses': 'hourglass_modules',
        'input_remaps': 'conv1x1s',
        'output_remaps': 'remap_convs',
    }.items():
        name = name.replace(ours, theirs)
    if name.startswith('merges.'):  # one ResLayer an interval; MMPose has one for all of them
        _, index, _, rest = name.split('.', 3)
        return f'inters.{index}.{rest}'
    return name


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('stacks', [1, 3])
def test_width_256_equals_mmpose(stacks, training):
    blocks = (2, 1, 3)
    theirs = MODELS.build({
        'type': 'HourglassNet',
        'downsample_times': 2,
        'num_stacks': stacks,
        'stage_channels': (256,) * 3,
        'stage_blocks': blocks,
    })  # fmt: skip
    ours = build(stacks=stacks, width=256, depth=2, blocks=blocks)
    state = theirs.state_dict()
    ours.load_state_dict({name: state[weights_of_mmpose(name)] for name in ours.state_dict()})
    theirs.train(training)
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        for mine, reference in zip(ours.train(training)(x), theirs(x), strict=True):
            assert mine.std() > 1e-3
            torch.testing.assert_close(mine, reference, rtol=1e-6, atol=1e-6)


def test_gates_start_open_and_closed_ones_remove_the_skip():
    model = build(skip='gate', width=4, depth=2)
    gates = [module for module in model.modules() if isinstance(module, SkipGate)]
    assert len(gates) == 4
    for gate in gates:
        assert not gate.conv.weight.any()
        assert (gate.conv.bias == 4).all()
    without = build(skip='none', width=4, depth=2)
    without.load_state_dict({name: model.state_dict()[name] for name in without.state_dict()})
    for gate in gates:
        torch.nn.init.constant_(gate.conv.bias, -1e4)
    picture = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        for closed, none in zip(model.eval()(picture), without.eval()(picture), strict=True):
            torch.testing.assert_close(closed, none, rtol=0, atol=0)


STACKS = 3


def supervised(weights: tuple[float, ...]) -> tuple[torch.nn.Module, torch.nn.Module, list[PoseDataSample]]:
    """A backbone, MMPose's head of several stages with a weight for each one's loss, and two people as targets."""
    torch.manual_seed(0)
    loss = {'type': 'KeypointMSELoss', 'use_target_weight': True}
    stages = {'num_stages': STACKS, 'loss': [{**loss, 'loss_weight': weight} for weight in weights]}
    head = MODELS.build({'type': 'CPMHead', 'in_channels': 8, 'out_channels': 5, **stages})
    head.init_weights()
    people = [PoseDataSample() for _ in range(2)]
    for person in people:
        person.gt_fields = PixelData(heatmaps=torch.rand(5, 8, 12))
        person.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 5))
    return build(stacks=STACKS, width=8, depth=2), head, people


def has_gradient(module: torch.nn.Module) -> bool:
    return any(each.grad is not None and bool(each.grad.any()) for each in module.parameters())


@pytest.mark.parametrize('supervising', range(STACKS))
def test_each_stack_learns_from_a_loss_of_its_own(supervising):
    model, head, people = supervised(tuple(float(stack == supervising) for stack in range(STACKS)))
    head.loss(model(torch.randn(2, 3, 32, 48)), people)['loss_kpt'].backward()
    expected = [stack == supervising for stack in range(STACKS)]
    assert [has_gradient(layer) for layer in head.multi_final_layers] == expected
    before = [stack <= supervising for stack in range(STACKS)]
    assert [has_gradient(hourglass) for hourglass in model.hourglasses] == before
    assert [has_gradient(out_conv) for out_conv in model.out_convs] == before
    assert [has_gradient(merge) for merge in model.merges] == before[1:]


def test_the_loss_is_the_sum_over_stacks_and_the_last_one_predicts():
    model, head, people = supervised((1.0,) * STACKS)
    features = model(torch.randn(2, 3, 32, 48))
    targets = torch.stack([person.gt_fields.heatmaps for person in people])
    stages = [layer(map_) for layer, map_ in zip(head.multi_final_layers, features, strict=True)]
    expected = sum(((stage - targets) ** 2).mean() for stage in stages)
    torch.testing.assert_close(head.loss(features, people)['loss_kpt'], expected)
    head.decode = lambda heatmaps: heatmaps
    torch.testing.assert_close(head.predict(features, people), stages[-1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'skip': 'gated'}, "skip='gated': .*'gate'.*nearest: gate"),
        ({'stacks': 0}, 'stacks=0: it has to be 1 or more'),
        ({'depth': 0}, 'depth=0'),
        ({'width': 7}, 'width=7: it has to be even, e.g. 8'),
        ({'blocks': (1, 2), 'depth': 3}, 'depth=3 takes 4 numbers'),
        ({'blocks': (1, 0), 'depth': 1}, 'blocks=0'),
    ],
)
def test_bad_arguments_are_named_in_one_line(options, message):
    with pytest.raises(InputError, match=message) as error:
        build(**options)
    assert '\n' not in str(error.value)
