import pytest
import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution.attention_relevance import AttentionRelevance
from posescope.explain.attribution.attention_rollout import AttentionRollout, cells_under
from posescope.explain.attribution.method import Method
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.models.layers.token_attention import TokenAttention
from tests.explain.attribution.explained import JOINTS, bind, explained
from tests.explain.small_models import crops, fresh

SCALE, HEADS, TOKENS = 16, 2, (8, 6)


def test_equals_attention_multiplied_by_hand() -> None:
    made, inputs, bound = explained('vit')
    projected: list[Tensor] = []
    handles = [
        layer.attn.qkv.register_forward_hook(lambda _, __, output: projected.append(output))
        for layer in made.model.backbone.layers
    ]
    with torch.no_grad():
        made(inputs)
    for handle in handles:
        handle.remove()
    rolled = torch.eye(48)
    for qkv in projected:
        q, k, _ = qkv.unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1).mean(1)
        rolled = (0.5 * attention + 0.5 * torch.eye(48)) @ rolled
    # The patches of 16 pixels are padded by 2 on each side.
    grid = Grid((SCALE, SCALE), (7.5 - 2, 7.5 - 2))
    cells = ((bound.places[:, JOINTS].flip(-1) - 5.5) / SCALE).round()
    rows, columns = cells[..., 0].clamp(0, 7).long(), cells[..., 1].clamp(0, 5).long()
    people = torch.arange(2)[:, None]
    expected = to_pixels(rolled[people, rows * 6 + columns].unflatten(2, TOKENS), grid, (128, 96))
    found = AttentionRollout(batch_size=1).attribute(made, inputs, bound, JOINTS)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


def attention_of(made: PoseFunction, inputs: Tensor) -> list[Tensor]:
    """(N, L, L) of each layer of a head with tokens, mean over heads, written out from what its modules are given."""
    found: list[Tensor] = []

    def look(module: TokenAttention, given: tuple[Tensor, Tensor], _: Tensor) -> None:
        tokens, positions = given
        q, k = (layer(tokens + positions).unflatten(2, (2, 8)).mT for layer in (module.query, module.key))
        scores = torch.einsum('nldh,nmdh->nhlm', q, k) / 8**0.5
        found.append((scores.exp() / scores.exp().sum(-1, keepdim=True)).mean(1))

    handles = [layer.attention.register_forward_hook(look) for layer in made.model.head.encoder.layers]
    with torch.no_grad():
        made(inputs)
    for handle in handles:
        handle.remove()
    return found


def rolled_out(attention: list[Tensor]) -> Tensor:
    identity = torch.eye(attention[0].shape[-1])
    first, second = ((each + identity) / 2 for each in attention)
    return second @ first


@pytest.mark.parametrize('name', ['joint_tokens', 'transpose'])
def test_a_joint_has_the_row_of_its_own_token_or_of_the_cell_under_it(name: str) -> None:
    made, inputs, bound = explained(name)
    rolled = rolled_out(attention_of(made, inputs))
    if name == 'joint_tokens':
        rows = rolled[:, JOINTS, 17:]
    else:
        x, y = ((bound.places[:, JOINTS] / 8).round().long()).unbind(-1)
        rows = rolled[torch.arange(2)[:, None], y.clamp(0, 15) * 12 + x.clamp(0, 11)]
    expected = to_pixels(rows.unflatten(2, (16, 12)), Grid((8.0, 8.0), (0.0, 0.0)), (128, 96))
    found = AttentionRollout(batch_size=1).attribute(made, inputs, bound, JOINTS)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    assert [layer.attention.joint_tokens for layer in made.model.head.encoder.layers] == [
        17 if name == 'joint_tokens' else 0
    ] * 2


def test_tokens_of_joints_are_followed_on_through_the_backbone() -> None:
    made, inputs, bound = explained('vit_joint_tokens')
    projected: list[Tensor] = []
    handles = [
        layer.attn.qkv.register_forward_hook(lambda _, __, output: projected.append(output))
        for layer in made.model.backbone.layers
    ]
    of_head = attention_of(made, inputs)
    for handle in handles:
        handle.remove()
    of_backbone = []
    for qkv in projected:
        q, k, _ = qkv.unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        of_backbone.append((q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1).mean(1))
    # One sequence of 17 joints and 48 cells, in whose first layers joints stay as they are.
    whole = torch.eye(65).repeat(2, 1, 1)
    whole[:, 17:, 17:] = rolled_out(of_backbone)
    rows = (rolled_out(of_head) @ whole)[:, JOINTS, 17:]
    expected = to_pixels(rows.unflatten(2, TOKENS), Grid((SCALE, SCALE), (5.5, 5.5)), (128, 96))
    found = AttentionRollout().attribute(made, inputs, bound, JOINTS)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)


class Pooling(nn.Module):
    """A neck that mixes cells."""

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(nn.functional.avg_pool2d(each, 3, 1, 1) for each in feats)


@pytest.mark.parametrize('method', [AttentionRollout(), AttentionRelevance()])
def test_a_neck_between_attention_of_backbone_and_of_joints_is_refused_by_name(method: Method) -> None:
    made, inputs = fresh('vit_joint_tokens'), crops()
    made.model.neck = Pooling()
    with pytest.raises(InputError, match=r'from JointTokenHead .* into VisionTransformer .*: Pooling is between them'):
        method.attribute(made, inputs, bind(made, inputs), JOINTS)


def test_cells_under_places() -> None:
    places = torch.tensor([[[10.0, 20.0], [torch.nan, 0.0]]])
    found = cells_under(places, Grid((4.0, 2.0), (0.0, 2.0)))
    assert found[0, 0].tolist() == [5.0, 4.0]
    assert found.isfinite().all()


@pytest.mark.parametrize(('name', 'what'), [('resnet', 'ResNet has none'), ('rtmpose', 'CSPNeXt has none')])
def test_models_without_attention_between_cells_are_refused(name: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        AttentionRollout().attribute(*explained(name), JOINTS)


def test_a_backbone_of_which_only_a_part_attends_between_cells_is_refused() -> None:
    """In PVT's first stages a cell looks at patches, and only in the last one at the others."""
    backbone = {
        'type': 'PyramidVisionTransformer', 'embed_dims': 8, 'num_heads': [1, 2, 4, 8], 'num_layers': [1, 1, 1, 2],
        'out_indices': (3,),
    }  # fmt: skip
    codec = {'type': 'MSRAHeatmap', 'input_size': (96, 128), 'heatmap_size': (12, 16), 'sigma': 1.0}
    head = {
        'type': 'HeatmapHead', 'in_channels': 64, 'out_channels': 17, 'deconv_out_channels': (8, 8),
        'deconv_kernel_sizes': (4, 4), 'loss': {'type': 'KeypointMSELoss'}, 'decoder': codec,
    }  # fmt: skip
    config = {'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head}
    config['data_preprocessor'] = {'type': 'PoseDataPreprocessor'}
    made, inputs = PoseFunction(MODELS.build(config), skeleton_of_file('coco')), torch.rand(1, 3, 128, 96)
    with pytest.raises(InputError, match=r'all attention of the backbone .* 3 of 5 calls of PyramidVisionTransformer'):
        AttentionRollout().attribute(made, inputs, bind(made, inputs), JOINTS)
