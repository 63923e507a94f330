"""Grids of pose models against their gradients, see test_grid."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import torch
from mmpose.models.backbones.pvt import PVTEncoderLayer
from mmpose.models.utils.transformer import PatchEmbed
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import nn

from posescope.capture.geometry import GeometryWatch, Grid, codec_grid, grid_for, grid_of_tokens
from posescope.capture.interception import Interception
from posescope.capture.outputs import tensors_in
from posescope.capture.taps import Taps
from posescope.models.layers.token_encoder import TokenEncoder
from tests.capture.pose_models import BACKBONES, HEIGHT, SIZE, WIDTH, build, msra, pictures, predict
from tests.capture.test_grid import centre_of_gravity

RESNET = {'type': 'ResNet', 'depth': 18, 'base_channels': 4, 'stem_channels': 4}
PVT = {'type': 'PyramidVisionTransformerV2', 'embed_dims': 4, 'num_layers': [1, 1, 1, 1]}
# Backbone, and one layer for each of its resolutions.
LAYERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    'ResNet': (RESNET, ('conv1', 'maxpool', 'layer2', 'layer3', 'layer4')),
    'ResNet-D': (
        {'type': 'ResNetV1d', 'depth': 50, 'base_channels': 4, 'stem_channels': 4},
        ('stem.0', 'layer1', 'layer2.0.conv2'),  # after which shortcuts that pool look half a cell further
    ),
    'HRNet': (
        BACKBONES['hrnet'],
        ('conv1', 'layer1', 'transition1.1.0', 'transition2.2.0', 'stage3.0[1]', 'stage4.0[2]', 'stage4.0[3]'),
    ),
    'Hourglass': (
        BACKBONES['stacked_hourglass'],
        ('stem.0', 'stem', 'hourglasses.0.low1', 'hourglasses.0.low2.low1', 'hourglasses.0.low2.low2.low1'),
    ),
    'ViT': (BACKBONES['vit'], ('patch_embed.projection',)),
    'MoveNet': (
        {'type': 'MoveNetBackbone', 'widen_factor': 0.25, 'last_channels': 16, 'fpn_channels': (8, 8, 8)},
        ('conv1', 'layer2', 'layer3', 'layer4', 'layer6', 'conv2'),
    ),
    'YOLOX': (
        {'type': 'CSPDarknet', 'deepen_factor': 0.1, 'widen_factor': 0.125, 'out_indices': (2, 3, 4)},
        ('stem.conv', 'stage1.0', 'stage2.0', 'stage3.0', 'stage4.0'),
    ),
    'CSPNeXt': (BACKBONES['rtmpose'], ('stem.0', 'stage1.0', 'stage2.0', 'stage3.0', 'stage4.0')),
    # Both have branches that go down to the resolution of later stages by larger steps, and lie elsewhere.
    'SCNet': (
        {'type': 'SCNet', 'depth': 50, 'base_channels': 4, 'stem_channels': 4},
        ('conv1', 'maxpool', 'layer2', 'layer3', 'layer4'),
    ),
    'PVTv2': (PVT, tuple(f'layers.{i}.0.projection' for i in range(4))),
}
LARGE = (384, 448)


def averaging(config: dict[str, Any]) -> nn.Module:
    """A backbone whose convolutions take means, so that every cell depends evenly on what it sees."""
    model = MODELS.build(config).double()
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in model.modules():  # HRNet's finer maps, without what is scaled up into them
        if isinstance(module, nn.Sequential) and len(module) and isinstance(module[-1], nn.Upsample):
            nn.init.zeros_(module[0].weight)
    for module in model.modules():  # PVT's tokens, which only pass
        if isinstance(module, PatchEmbed):
            module.norm = nn.Identity()
        elif isinstance(module, PVTEncoderLayer):
            for weight in (*module.attn.attn.out_proj.parameters(), *module.ffn.layers[-2].parameters()):
                nn.init.zeros_(weight)
    if hasattr(model, 'layers'):
        for stage in model.layers:
            if isinstance(stage, nn.ModuleList):
                stage[-1] = nn.Identity()
    if hasattr(model, 'maxpool'):
        model.maxpool = nn.AvgPool2d(3, 2, 1)  # of equal pixels the maximum would always take the first
    return model


@pytest.mark.parametrize('name', LAYERS)
def test_cells_of_backbones_look_where_their_gradient_is(name: str) -> None:
    config, layers = LAYERS[name]
    backbone = averaging(config)
    size = (HEIGHT, WIDTH) if name == 'ViT' else LARGE
    picture = torch.full((1, 3, *size), 1e-4, dtype=torch.float64, requires_grad=True)  # far below ReLU6's end
    with GeometryWatch(backbone) as watch, Taps(backbone, layers) as taps:
        backbone(picture)
    assert len(taps.outputs) == len(layers)
    resolutions = set()
    for layer, (output,) in ((layer, taps.outputs[layer]) for layer in taps.outputs):
        height, width = output.shape[2:]
        resolutions.add((height, width))
        grid = grid_for(output.shape, watch, backbone, f'backbone.{layer}')
        cell = height // 2, width // 2 - 1
        (gradient,) = torch.autograd.grad(output[0, :, cell[0], cell[1]].sum(), picture, retain_graph=True)
        expected = [grid.scale[i] * cell[i] + grid.offset[i] for i in (0, 1)]
        # The largest windows touch the border by a corner; half a pixel is the least that a wrong grid would be off,
        # and six pixels with SCNet.
        few = 0.5 if name == 'SCNet' else 0.05
        assert centre_of_gravity(gradient[0].sum(0)).tolist() == pytest.approx(expected, abs=few), layer
    assert name in ('ViT', 'ResNet-D') or {height for height, _ in resolutions} >= {384 // s for s in (4, 8, 16)}


def test_known_grids() -> None:
    def grids(name: str, **options: Any) -> dict[tuple[int, int], Grid]:
        model = build(name, True, **options)
        with GeometryWatch(model) as watch:
            predict(model)
        assert watch.input_size == (HEIGHT, WIDTH)
        return watch.grids

    def even(scale: float, offset: float) -> Grid:
        return Grid((scale, scale), (offset, offset))

    by_halving = {(HEIGHT // s, WIDTH // s): even(s, 0) for s in (1, 2, 4, 8, 16, 32)}
    assert grids('resnet') == grids('hrnet') == grids('stacked_hourglass') == by_halving
    whole = {(1, 1): Grid((128.0, 96.0), (63.5, 47.5))}  # channel attention averages over the map
    assert grids('rtmpose') == by_halving | whole
    patches = {(128, 96): even(1, 0), (8, 6): even(16, 5.5), (16, 12): even(8, 1.5), (32, 24): even(4, -0.5)}
    assert grids('vit') == patches
    unpadded = grids('vit', patch_cfg={})
    assert unpadded[8, 6] == even(16, 7.5)


def test_watching_changes_nothing() -> None:
    model = build('hrnet', True)
    expected = predict(model)
    with GeometryWatch(model):
        found = predict(model)
    for one, other in zip(expected, found, strict=True):
        assert (one.pred_instances.keypoints == other.pred_instances.keypoints).all()
    assert 'forward' not in vars(model.backbone)


def test_a_compiled_model_is_followed() -> None:
    model = build('resnet')
    compiled = torch.compile(model, backend='eager')
    with GeometryWatch(compiled) as watch:
        predict(compiled)
    assert watch.grids[4, 3] == Grid((32.0, 32.0), (0.0, 0.0))


def test_watches_may_be_left_in_any_order() -> None:
    model = build('resnet')
    first, second = GeometryWatch(model), GeometryWatch(model)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    predict(model)
    second.__exit__(None, None, None)
    assert first.grids == {}
    assert len(second.grids) == 6
    with GeometryWatch(model) as third, pytest.raises(RuntimeError):
        model(torch.zeros(1, 5, 8, 8), None)
    predict(model)  # not watched any more
    assert third.input_size == (8, 8)


def test_an_input_of_another_size_starts_anew() -> None:
    model = build('resnet')
    with torch.no_grad(), GeometryWatch(model) as watch:
        model(pictures(), None)
        model(pictures()[..., :64], None)
        assert watch.input_size == (128, 64)
        assert set(watch.grids) == {(128 // s, 64 // s) for s in (1, 2, 4, 8, 16, 32)}


def test_grids_of_shapes() -> None:
    model = build('vit')
    with GeometryWatch(model) as watch:
        predict(model)
    patches = watch.grids[8, 6]
    for shape in [(2, 32, 8, 6), (2, 8, 6, 32), (2, 48, 32)]:
        assert grid_for(shape, watch, model) == patches
    assert grid_of_tokens(48, watch, model) == ((8, 6), 0)
    assert grid_of_tokens(49, watch, model) is None  # no token goes before the map's
    model.backbone.cls_token = nn.Parameter(torch.zeros(1, 1, 32))
    assert grid_of_tokens(49, watch, model) == ((8, 6), 1)
    assert grid_for((2, 49, 32), watch, model) == patches
    model.backbone.num_extra_tokens = 5
    assert grid_of_tokens(53, watch, model) == ((8, 6), 5)
    for shape in [(2, 17, 192), (2, 32), (2, 2, 48, 48), (2, 2, 3), (2, 1, 256, 192)]:
        assert grid_for(shape, watch, model) is None
    assert grid_for((2, 3, 64, 48), watch, model) == Grid((2.0, 2.0), (0.5, 0.5))  # never seen: aligned by halves
    assert grid_for((2, 32, 8, 6), GeometryWatch(model), model) is None


@pytest.mark.parametrize(
    'codec',
    [
        msra(4),
        {**msra(4), 'type': 'UDPHeatmap'},
        {'type': 'MegviiHeatmap', 'input_size': SIZE, 'heatmap_size': (24, 32), 'kernel_size': 3},
        {'type': 'CategoricalHeatmap', 'input_size': SIZE, 'heatmap_size': (24, 32), 'person_size': 50.0},
    ],
    ids=lambda codec: codec['type'],
)
def test_heatmaps_lie_where_their_codec_decodes_them(codec: dict[str, Any]) -> None:
    model = build('resnet')
    model.head.decoder = KEYPOINT_CODECS.build(codec)
    grid = codec_grid(model, (32, 24))
    row, column = 14, 9
    maps = torch.zeros(17, 32, 24)
    maps[:, row, column] = 1
    keypoints, _ = model.head.decoder.decode(maps.numpy())
    found = keypoints[0, 0]
    if codec['type'] == 'UDPHeatmap':  # decodes to places that MMPose divides by the input's size, not by that less one
        found = found * (np.array(SIZE) - 1) / SIZE
    expected = [grid.scale[1] * column + grid.offset[1], grid.scale[0] * row + grid.offset[0]]
    assert found.tolist() == pytest.approx(expected, abs=1e-3)


def test_only_heatmaps_ask_the_codec() -> None:
    model = build('vit')  # UDP: the first and last cells are the first and last pixels
    with GeometryWatch(model) as watch:
        predict(model)
    udp = Grid((127 / 31, 95 / 23), (0.0, 0.0))
    for layer in ('head', 'head.final_layer', 'head[0]'):
        grid = grid_for((2, 17, 32, 24), watch, model, layer)
        assert grid.scale == pytest.approx(udp.scale)
        assert grid.offset == udp.offset
    assert grid_for((2, 17, 16, 12), watch, model, 'head.deconv_layers.0') == watch.grids[16, 12]
    assert grid_for((2, 17, 32, 24), watch, model, 'backbone.x') == watch.grids[32, 24]
    assert codec_grid(build('rtmpose'), (4, 3)) is None
    assert codec_grid(nn.Identity(), (4, 3)) is None


def test_movenets_cells_hold_what_lies_in_them() -> None:
    codec = {'type': 'MoveNetCodec', 'input_size': (192, 192), 'heatmap_size': (48, 48)}
    model = build('resnet')
    model.head.decoder = KEYPOINT_CODECS.build(codec)
    grid = codec_grid(model, (48, 48))
    assert grid == Grid((4.0, 4.0), (2.0, 2.0))


def test_rows_of_joints_are_no_map() -> None:
    """As many joints as a map has cells, or one more: tokens of joints and SimCC's axes lie nowhere."""
    model = build('rtmpose')
    with GeometryWatch(model) as watch:
        predict(model)
    assert watch.grids[4, 3] == Grid((32.0, 32.0), (0.0, 0.0))
    for joints in (12, 13):
        for layer in ('head', 'head[0]', 'head.mlp', 'head.gau@mirrored'):
            assert grid_for((2, joints, 192), watch, model, layer) is None
    assert grid_for((2, 13, 192), watch, model, 'backbone') is None
    assert grid_for((2, 12, 192), watch, model, 'backbone') == watch.grids[4, 3]
    model.head.encoder = TokenEncoder(channels=8, heads=2, hidden_channels=8, depth=1)
    for layer in ('head.encoder', 'head.encoder.layers.0#2'):
        assert grid_for((2, 12, 8), watch, model, layer) == watch.grids[4, 3]


class Branched(nn.Module):
    """Two ways from 64 to 8 rows: by a window of 8 pixels, and by three convolutions."""

    def __init__(self, order: str) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(8)
        self.steps = nn.Sequential(*(nn.Conv2d(1, 1, 3, 2, 1) for _ in range(3)))
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.order == 'pooled first':
            pooled = self.pool(x)
            steps = self.steps(x)
        else:
            steps = self.steps(x)
            pooled = self.pool(x)
        return steps * pooled.mean(1, keepdim=True).sigmoid().clone()


@pytest.mark.parametrize('order', ['pooled first', 'pooled last'])
@pytest.mark.parametrize('inference', [False, True])
def test_maps_of_one_size_on_two_grids(order: str, inference: bool) -> None:
    network = Branched(order)
    found = {}

    def note(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def after(output: torch.Tensor) -> torch.Tensor:
            found[name] = watch.origin(output.detach().flatten(2).transpose(1, 2))
            return output

        return after

    picture = torch.rand(1, 1, 64, 64)
    mode = torch.inference_mode if inference else torch.enable_grad
    with mode(), GeometryWatch(network) as watch, ExitStack() as stack:
        for name, module in (('pool', network.pool), ('steps', network.steps), ('all', network)):
            stack.enter_context(Interception(module, after=note(name)))
        network(picture)
    pooled, steps = Grid((8.0, 8.0), (3.5, 3.5)), Grid((8.0, 8.0), (0.0, 0.0))
    assert {name: origin.grid for name, origin in found.items()} == {'pool': pooled, 'steps': steps, 'all': steps}
    assert watch.grids[8, 8] == steps  # that of what went on
    assert grid_for((1, 1, 8, 8), watch, network, origin=found['pool']) == pooled
    assert grid_for((1, 64, 1), watch, network, origin=found['pool']) == pooled
    assert grid_for((1, 1, 8, 8), watch, network) == steps


@pytest.mark.parametrize('name', ['resnet', 'vit', 'rtmpose', 'hrnet'])
def test_grids_are_the_same_in_inference_mode(name: str) -> None:
    """There convolutions and poolings reach a mode as operators that are made of others."""
    grids = []
    model = build(name)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), GeometryWatch(model) as watch:
            heads = model(pictures(), None)
        grids.append((watch.grids, tensors_of(heads)))
    assert grids[0][0] == grids[1][0]
    for plain, inferred in zip(grids[0][1], grids[1][1], strict=True):
        assert torch.equal(plain, inferred)


def tensors_of(output: Any) -> list[torch.Tensor]:
    return [tensor for _, tensor in tensors_in(output)]
