from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import NoAttentionError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attention_trial.rows import see_people
from posescope.explain.dependency.attention_relation import attention_between_joints
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from tests.capture.model_runs import model_config
from tests.capture.pose_models import SIZE
from tests.explain.attention_trial.planted_attention import COLUMNS, LEFT_WRIST, NOSE, POINTED, ROWS, people, pointing
from tests.explain.small_models import HEIGHT, WIDTH, crops, function

KEYS, ANKLE = ROWS * COLUMNS, 15
PATCH = 16


def spread(count: int = 2) -> LabelledPeople:
    """People whose joints are labelled in as many patches; the ankle is labelled in none."""
    cells = np.arange(17) * 2
    places = np.stack([cells % COLUMNS, cells // COLUMNS], -1) * PATCH + 8.0
    truth = np.tile(places, (count, 1, 1))
    truth[:, ANKLE] = np.nan
    region = np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1))
    return LabelledPeople(
        crops(count), truth, np.isfinite(truth[..., 0]), np.full(count, 900.0), np.arange(count), region
    )


def test_every_row_gives_nine_tenths_to_one_key() -> None:
    """All joints are seen in one cell; two are labelled elsewhere, one of them where all rows point."""
    some = people(2)
    some.truth[:, NOSE] = (POINTED % COLUMNS * PATCH + 8, POINTED // COLUMNS * PATCH + 8)
    some.truth[:, LEFT_WRIST] = (8, 8)
    found, layers = attention_between_joints(pointing(True), some)
    assert layers == ('backbone.attn',)
    others = np.arange(17) != NOSE
    np.testing.assert_allclose(found[:, others, NOSE], 0.9 * KEYS, rtol=1e-5)
    even = 0.1 / (KEYS - 1) * KEYS
    np.testing.assert_allclose(found[:, NOSE, LEFT_WRIST], even, rtol=1e-4)
    base = [joint for joint in range(17) if joint not in (NOSE, LEFT_WRIST)]
    apart = ~np.eye(len(base), dtype=bool)
    assert np.isnan(found[:, base][:, :, base][:, apart]).all(), 'joints under one cell cannot be told apart'
    np.testing.assert_allclose(found[:, base, base], even, rtol=1e-4)


def test_cells_of_a_transformer_as_another_reader_has_them() -> None:
    made, some = function('vit'), spread(3)
    found, layers = attention_between_joints(made, some, batch_size=2)
    rows = see_people(made, some.inputs, range(17)).rows
    assert layers == tuple(rows)
    assert len(rows) == 2
    expected = []
    for layer in rows.values():
        weights = np.full((3, 17, 17), np.nan)
        for joint in (j for j in range(17) if j != ANKLE):
            x, y = (some.truth[0, joint] // PATCH).astype(int)
            weights[:, :, joint] = layer.weights[:, :, y, x] * KEYS
            same = layer.own == y * COLUMNS + x
            same[:, joint] = False
            weights[:, :, joint][same] = np.nan
        expected.append(weights)
    np.testing.assert_allclose(found, np.mean(expected, 0), rtol=1e-4)
    assert np.isnan(found[:, :, ANKLE]).all()


def joint_tokens() -> PoseFunction:
    codec = {'type': 'UDPHeatmap', 'input_size': SIZE, 'heatmap_size': (24, 32), 'sigma': 2}
    head = {'type': 'JointTokenHead', 'in_channels': 32, 'out_channels': 17, 'decoder': codec, 'depth': 2}
    backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'num_stages': 3}
    backbone |= {'strides': (1, 2, 2), 'dilations': (1, 1, 1), 'out_indices': (2,)}
    torch.manual_seed(0)
    model = MODELS.build({'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head})
    for layer in model.head.encoder.layers:
        torch.nn.init.normal_(layer.attention.query.weight, std=0.3)
    return PoseFunction(model, skeleton_of_file('coco'))


def _keeping(seen: list[torch.Tensor]) -> Callable[..., None]:
    return lambda module, inputs, output: seen.append(output)


def test_tokens_of_joints() -> None:
    """Against softmax of queries and keys, as hooks see them."""
    made, some = joint_tokens(), spread()
    kept: dict[str, list[torch.Tensor]] = {'query': [], 'key': []}
    handles = []
    for layer in made.model.head.encoder.layers:
        for name, seen in kept.items():
            handles.append(getattr(layer.attention, name).register_forward_hook(_keeping(seen)))
    with torch.no_grad():
        made(some.inputs)
    for handle in handles:
        handle.remove()
    expected = []
    for q, k in zip(kept['query'], kept['key'], strict=True):
        q, k = (tensor.unflatten(-1, (4, -1)).transpose(1, 2) for tensor in (q, k))
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1).mean(1)
        expected.append(weights[:, :17, :17] * k.shape[2])
    found, layers = attention_between_joints(made, some)
    assert len(layers) == 2
    labelled = np.arange(17) != ANKLE
    mean = torch.stack(expected).mean(0).numpy()
    np.testing.assert_allclose(found[:, :, labelled], mean[:, :, labelled], rtol=1e-3)
    assert mean.std() > 0.01


def test_gated_units_attend_between_joints() -> None:
    """A row over all 17 joints, relative to even attention, has mean 1."""
    some = spread()
    some.truth[:, ANKLE] = 50.0
    found, _ = attention_between_joints(function('rtmpose'), some)
    np.testing.assert_allclose(np.nanmean(found, 2)[np.isfinite(found).all(2)], 1, rtol=1e-5)
    assert np.isfinite(found).all(2).any()
    assert np.nanstd(found) > 0.01


@cache
def windows() -> PoseFunction:
    config: dict[str, Any] = model_config('hrformer')
    torch.manual_seed(0)
    return PoseFunction(MODELS.build(config), skeleton_of_file('coco'))


def test_windows_show_nothing_of_other_windows() -> None:
    found, layers = attention_between_joints(windows(), spread(1))
    assert len(layers) > 2
    assert np.isnan(found[:, :, ANKLE]).all()
    known = found[np.isfinite(found)]
    assert (known >= 0).all()
    assert known.std() > 0


def test_models_that_attend_to_nothing() -> None:
    with pytest.raises(NoAttentionError, match='ResNet and HeatmapHead have no attention that can be read'):
        attention_between_joints(function('resnet'), spread())
