"""FeatureRecorder without a Runner, as in a notebook."""

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from posescope.capture.feature_recorder import FeatureRecorder
from posescope.errors import CaptureError
from tests.capture.pose_models import build, heatmap_head, msra, pictures, predict, samples


def test_in_a_notebook() -> None:
    model = build('resnet', flip=True)
    with torch.no_grad():
        plain, mirrored = (model.backbone(batch)[0] for batch in (pictures(), pictures().flip(-1)))
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with FeatureRecorder(model, 'backbone.layer4', dtype=None) as recorder:
        arrays = recorder.collect(predict(model))
    assert set(arrays) == {'backbone.layer4', 'backbone.layer4@mirrored'}
    assert torch.equal(arrays['backbone.layer4'], plain)
    assert torch.equal(arrays['backbone.layer4@mirrored'], mirrored)
    assert recorder.passes == ('plain', 'mirrored')
    assert recorder.grids['backbone.layer4'].scale == (32, 32)
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before


def test_values_before_an_in_place_relu() -> None:
    model = build('resnet')
    expected = []
    handle = model.backbone.bn1.register_forward_hook(lambda module, inputs, output: expected.append(output.clone()))
    predict(model)
    handle.remove()
    with FeatureRecorder(model, ['backbone.bn1', 'backbone.relu']) as recorder:
        arrays = recorder.collect(predict(model))
    assert (expected[0] < 0).any()
    assert torch.equal(arrays['backbone.bn1'], expected[0].half())
    assert torch.equal(arrays['backbone.relu'], expected[0].relu().half())


def test_batches_of_several_sizes() -> None:
    model = build('vit')
    with FeatureRecorder(model) as recorder:
        lengths = [len(recorder.collect(predict(model, pictures(n)))['backbone.layers.1']) for n in (3, 1, 2)]
    assert lengths == [3, 1, 2]
    with recorder:  # once more, from the beginning
        assert len(recorder.collect(predict(model, pictures(4)))['backbone.layers.0']) == 4


def test_a_batch_that_was_not_collected() -> None:
    model = build('resnet')
    with FeatureRecorder(model) as recorder:
        recorder.collect(predict(model))
        predict(model)
        samples = predict(model)
        with pytest.raises(CaptureError, match='was called 2 times in a batch, expected 1 as before'):
            recorder.collect(samples)


def test_bfloat16_that_float16_cannot_hold() -> None:
    model = build('resnet')
    model.backbone.layer4[1].bn2.bias.data += 1e6
    with (
        FeatureRecorder(model, ['backbone.layer4']),
        torch.autocast('cpu', torch.bfloat16),
        pytest.raises(CaptureError, match=r'backbone.layer4 reaches .*, more than float16'),
    ):
        predict(model)


def test_an_exception_restores_the_model() -> None:
    model = build('vit')
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ZeroDivisionError), FeatureRecorder(model, ['backbone']):
        predict(model)
        raise ZeroDivisionError
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.utils._python_dispatch._len_torch_dispatch_stack() == 0


class SilentBackbone(nn.Module):
    """Two sequences whose entries are called one by one, as in a model that asks each for its output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for entry in (*self.first, *self.second):
            x = entry(x)
        return x


def test_stages_that_are_never_called_are_refused() -> None:
    model = nn.Module()
    model.backbone = SilentBackbone()
    with FeatureRecorder(model) as recorder:
        model.backbone(pictures())
        with pytest.raises(CaptureError, match=r'called none of backbone\.first, backbone\.second; name the layers'):
            recorder.collect(samples())


def test_a_branch_has_a_grid_of_its_own() -> None:
    """The first stage of a PVT attends to a map as small as the last stage's, whose cells lie elsewhere."""
    backbone = {'type': 'PyramidVisionTransformerV2', 'embed_dims': 4, 'num_layers': [1, 1, 1, 1], 'out_indices': (3,)}
    model = build('resnet')
    model.backbone, model.head = MODELS.build(backbone).eval(), MODELS.build(heatmap_head(32, msra(32))).eval()
    layers = ['backbone.layers.0.1.0.attn.sr', 'backbone.layers.0.1.0.attn.norm', 'backbone.layers.3.2', 'backbone']
    with FeatureRecorder(model, layers) as recorder:
        arrays = recorder.collect(predict(model))
    assert arrays['backbone.layers.0.1.0.attn.sr'].shape[2:] == arrays['backbone[0]'].shape[2:] == (4, 3)
    offsets = {name: grid.offset for name, grid in recorder.grids.items()}
    branch = 4 * (8 - 1) / 2  # a window of eight cells, four pixels each
    assert offsets == {
        'backbone.layers.0.1.0.attn.sr': (branch, branch),
        'backbone.layers.0.1.0.attn.norm': (branch, branch),
        'backbone.layers.3.2': (0.0, 0.0),
        'backbone[0]': (0.0, 0.0),
    }
    assert {grid.scale for grid in recorder.grids.values()} == {(32.0, 32.0)}
