"""AttentionRecorder without a Runner, as in a notebook."""

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from posescope.capture.attention import AttentionTaps
from posescope.capture.attention_recorder import AttentionRecorder
from posescope.errors import CaptureError, InputError
from tests.capture import pose_models as small

LAYER = 'backbone.layers.1.attn'


def predicted(model: nn.Module, people: int = 2) -> list[PoseDataSample]:
    batch = small.samples(people)
    for number, sample in enumerate(batch):
        sample.set_metainfo({'id': number, 'img_id': number})
    with torch.no_grad():
        return model(small.pictures(people), batch, mode='predict')


def test_in_a_notebook() -> None:
    model = small.build('vit', flip=True)
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with AttentionTaps(model) as taps:
        predicted(model)
        full = [call.full() for call in taps.calls[LAYER]]
    with AttentionRecorder(model, LAYER, dtype=torch.float32) as recorder:
        samples = predicted(model)
        arrays = recorder.collect(samples)
    assert set(arrays) == {LAYER, f'{LAYER}@mirrored'}
    for turn, name in enumerate(arrays):
        for person, sample in enumerate(samples):
            xy = sample.pred_instances.keypoints[0]  # the crop is the image
            x = small.WIDTH - 1 - xy[:, 0] if turn else xy[:, 0]
            cells = np.stack([xy[:, 1], x], 1) / 16 - 5.5 / 16
            rows, columns = np.floor(cells + 0.5).astype(int).clip(0, [7, 5]).T
            expected = full[turn][person][:, rows * 6 + columns]
            torch.testing.assert_close(arrays[name][person].flatten(2), expected, rtol=0, atol=1e-6)
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before


def test_grids() -> None:
    model = small.build('vit')
    with AttentionRecorder(model) as recorder:
        recorder.collect(predicted(model))
    assert {name: (grid.scale, grid.offset) for name, grid in recorder.grids.items()} == {
        f'backbone.layers.{i}.attn': ((16, 16), (5.5, 5.5)) for i in (0, 1)
    }


def test_keys_of_a_branch_lie_where_its_steps_led() -> None:
    """A PVT's first stage attends to a map as small as the last stage's, which windows of eight cells made."""
    backbone = {'type': 'PyramidVisionTransformerV2', 'embed_dims': 4, 'num_layers': [1, 1, 1, 1], 'out_indices': (3,)}
    model = small.build('resnet')
    model.backbone = MODELS.build(backbone).eval()
    model.head = MODELS.build(small.heatmap_head(32, small.msra(32))).eval()
    with AttentionRecorder(model, 'backbone.layers.*') as recorder:
        arrays = recorder.collect(predicted(model))
    names = [f'backbone.layers.{i}.1.0.attn.attn' for i in (0, 3)]
    assert [arrays[name].shape[-2:] for name in names] == [(4, 3), (4, 3)]
    first, last = (recorder.grids[name] for name in names)
    assert (first.scale, first.offset) == ((32, 32), (4 * 3.5, 4 * 3.5))
    assert (last.scale, last.offset) == ((32, 32), (0, 0))


def test_labels_are_needed_for_labelled() -> None:
    model = small.build('vit')
    with AttentionRecorder(model, queries='labelled') as recorder:
        samples = predicted(model)
        with pytest.raises(InputError, match="queries='labelled': the data set has no labelled joints"):
            recorder.collect(samples)


def test_whole_images_are_refused() -> None:
    model = small.build('vit')
    with AttentionRecorder(model) as recorder:
        samples = predicted(model)
        samples[0].set_metainfo({'id': [1, 2]})
        with pytest.raises(CaptureError, match="choose queries='all'"):
            recorder.collect(samples)


@pytest.mark.parametrize(('options', 'near'), [({'queries': 'al'}, 'all'), ({'heads': 'means'}, 'mean')])
def test_unknown_options(options: dict[str, str], near: str) -> None:
    with pytest.raises(InputError, match=f'nearest: {near}'):
        AttentionRecorder(small.build('vit'), **options)
