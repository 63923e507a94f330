"""Attention of posescope's encoders: alone, and in models with the two heads that have them."""

from typing import Any

import pytest
import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.capture.attention import AttentionTaps, attention_layers
from posescope.capture.attention_recorder import AttentionRecorder
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution.attention_relevance import AttentionRelevance
from posescope.explain.attribution.attention_rollout import AttentionRollout
from posescope.explain.attribution.gradients import backward_each
from posescope.explain.pose_function import PoseFunction
from posescope.models.layers.token_attention import TokenAttention
from tests.capture import pose_models as small
from tests.capture.attention.attending import asked_and_all, attend, drawn, heads, shaken, softmax
from tests.explain.attribution.explained import bind

LAYERS = ('head.encoder.layers.0.attention', 'head.encoder.layers.1.attention')
ROWS, COLUMNS, JOINTS, HEADS = 16, 12, 17, 2


def weights(module: TokenAttention, tokens: Tensor, positions: Tensor) -> Tensor:
    """(N, heads, L, L) attention written out."""
    q, k = (heads(layer(tokens + positions), module.heads) for layer in (module.query, module.key))
    return softmax(q @ k.mT / q.shape[-1] ** 0.5)


@torch.no_grad()
def test_rows_are_softmax_of_scaled_products() -> None:
    module = shaken(TokenAttention(12, 3))
    tokens, positions = drawn(3, 10, 12), drawn(10, 12, seed=1)
    call = attend(module, tokens, positions)
    asked_and_all(call, weights(module, tokens, positions), [0, 4, 9, 4])


@torch.no_grad()
def test_rows_of_joints_are_those_of_their_tokens() -> None:
    module = shaken(TokenAttention(8, 2, joint_tokens=3))
    tokens, positions = drawn(2, 10, 8), drawn(10, 8, seed=1)
    call = attend(module, tokens, positions)
    assert call.queries == 3
    asked_and_all(call, weights(module, tokens, positions)[:, :, :3], [0, 2])


def build(kind: str) -> Any:
    """A small model with a head of tokens, in evaluation mode."""
    torch.manual_seed(0)
    backbone = {
        'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'num_stages': 2, 'strides': (1, 2),
        'dilations': (1, 1), 'out_indices': (1,),
    }  # fmt: skip
    head: dict[str, Any] = {
        'type': kind, 'in_channels': 16, 'out_channels': JOINTS, 'embed_channels': 16, 'depth': 2, 'num_heads': HEADS,
        'decoder': small.msra(4),
    }  # fmt: skip
    head |= {'deconv_out_channels': (8,), 'deconv_kernel_sizes': (4,)} if kind == 'TransPoseHead' else {}
    model = MODELS.build({'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head})
    for part in model.head.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, std=2 * part.weight[0].numel() ** -0.5)
    return model.eval()


@pytest.fixture(scope='module', params=['TransPoseHead', 'JointTokenHead'])
def model(request: pytest.FixtureRequest) -> Any:
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmpose'):
        return build(request.param)


def openly(model: Any, inputs: Tensor) -> list[Tensor]:
    """Attention of both layers, written out."""
    found: list[Tensor] = []

    def look(module: Any, given: tuple[Tensor, Tensor], output: Tensor) -> None:
        found.append(weights(module, *given))

    handles = [model.get_submodule(name).register_forward_hook(look) for name in LAYERS]
    model.head.forward(model.extract_feat(inputs))
    for handle in handles:
        handle.remove()
    return found


@torch.no_grad()
def test_layers_are_known_before_the_model_runs_and_so_are_their_maps(model: Any) -> None:
    assert tuple(attention_layers(model)) == LAYERS
    inputs = small.pictures()
    with AttentionTaps(model) as taps:
        model.head.forward(model.extract_feat(inputs))
        taps.finish(1)
    of_joints = type(model.head).__name__ == 'JointTokenHead'
    for name, expected in zip(LAYERS, openly(model, inputs), strict=True):
        (call,) = taps.calls[name]
        assert call.tokens == 'grid'
        assert (call.grid, call.prefix) == ((ROWS, COLUMNS), JOINTS if of_joints else 0)
        assert call.query_grid == (None if of_joints else (ROWS, COLUMNS))
        rows = expected[:, :, :JOINTS] if of_joints else expected
        torch.testing.assert_close(call.full(), rows, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_joint_has_the_row_of_its_token_or_of_the_cell_under_it(model: Any) -> None:
    batch = small.samples(2)
    for number, sample in enumerate(batch):
        sample.set_metainfo({'id': number, 'img_id': number})
    inputs = small.pictures()
    with AttentionRecorder(model, dtype=torch.float32) as recorder:
        samples = model(inputs, batch, mode='predict')
        arrays = recorder.collect(samples)
    for name, expected in zip(LAYERS, openly(model, inputs), strict=True):
        assert arrays[name].shape == (2, HEADS, JOINTS, ROWS, COLUMNS)
        for person, sample in enumerate(samples):
            rows = torch.arange(JOINTS)
            if type(model.head).__name__ == 'TransPoseHead':
                x, y = torch.as_tensor(sample.pred_instances.keypoints[0]).T
                cell_x, cell_y = ((place / 8).add(0.5).floor().long() for place in (x, y))
                rows = cell_y.clamp(0, ROWS - 1) * COLUMNS + cell_x.clamp(0, COLUMNS - 1)
            wanted = expected[person][:, rows, -ROWS * COLUMNS :].unflatten(-1, (ROWS, COLUMNS))
            torch.testing.assert_close(arrays[name][person], wanted, rtol=0, atol=1e-5)


def test_joints_are_explained_by_gradients_of_their_heatmaps(model: Any) -> None:
    made = PoseFunction(model, skeleton_of_file('coco'))
    assert made.kind == 'heatmap'
    inputs = small.pictures()
    outputs = made(inputs.requires_grad_())
    bound = bind(made, inputs, 'log_probability')
    scores = bound.score(outputs)
    assert outputs.heatmap is not None
    flat = outputs.heatmap.flatten(2)
    torch.testing.assert_close(scores, (flat - flat.logsumexp(2, keepdim=True)).amax(2), rtol=1e-4, atol=1e-4)
    for (gradient,) in backward_each(scores, [inputs], [0, 9]):
        assert gradient is not None
        assert (gradient.abs().sum(1).flatten(1) > 0).any(1).all()


def test_attention_between_cells_is_followed_and_weighed_by_gradients() -> None:
    transposed = PoseFunction(build('TransPoseHead'), skeleton_of_file('coco'))
    inputs = small.pictures()
    bound = bind(transposed, inputs)
    for method in (AttentionRollout(), AttentionRelevance()):
        maps = method.attribute(transposed, inputs, bound, [0, 9])
        assert maps.shape == (2, 2, small.HEIGHT, small.WIDTH)
        assert (maps.amax((2, 3)) > 0).all()
