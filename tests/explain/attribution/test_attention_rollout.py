import pytest
import torch
from mmpose.registry import MODELS
from torch import Tensor

from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution.attention_rollout import AttentionRollout, cells_under
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from tests.explain.attribution.explained import JOINTS, bind, explained

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
