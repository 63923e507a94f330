import json
from functools import cache

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attention_trial.key_plan import PlanSettings
from posescope.explain.attention_trial.trial import AttentionTrial
from posescope.explain.attention_trial.trial_run import try_attention
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import SIZE
from tests.explain.attention_trial.planted_attention import AREA, BASE, LEFT_WRIST, POINTED, people, pointing
from tests.explain.small_models import function

FEW = {'permutations': 99, 'resamples': 50}


@cache
def joint_tokens() -> PoseFunction:
    codec = {'type': 'UDPHeatmap', 'input_size': SIZE, 'heatmap_size': (24, 32), 'sigma': 2}
    head = {'type': 'JointTokenHead', 'in_channels': 32, 'out_channels': 17, 'decoder': codec, 'depth': 2}
    backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'num_stages': 3}
    backbone |= {'strides': (1, 2, 2), 'dilations': (1, 1, 1), 'out_indices': (2,)}
    torch.manual_seed(0)
    model = MODELS.build({'type': 'TopdownPoseEstimator', 'backbone': backbone, 'head': head})
    return PoseFunction(model, skeleton_of_file('coco'))


@cache
def planted(used: bool) -> AttentionTrial:
    return try_attention(pointing(used), people(), joints=['nose', 'left_wrist'], **FEW)


def test_the_key_that_rows_point_at_is_masked() -> None:
    trial = planted(True)
    (layer,) = trial.layers
    assert layer == 'backbone.attn'
    expected = np.zeros(48, bool)
    expected[POINTED] = True
    assert (trial.plans[layer].variants[0] == expected).all()
    np.testing.assert_allclose(trial.mass, 0.9, atol=1e-5)
    assert trial.keys.tolist() == [1, 1]
    np.testing.assert_allclose(trial.rows[layer].weights.sum((2, 3)), 1, atol=1e-5)


def test_attention_that_explains() -> None:
    trial = planted(True)
    assert trial.agreement('left_wrist').value == 1
    assert trial.agreement('nose').value == 0
    assert trial.agreement('left_wrist').images == 6
    assert trial.agreement().value == 1  # means over joints, of which the wrist moves
    assert trial.agreement('left_wrist', 'ks').value == 1
    assert trial.effects['displacement'].effect[1] > 0.15
    assert trial.effects['displacement'].effect[0] == pytest.approx(0, abs=1e-6)
    # One group in six holds the key; the ranks of the five others, whose weights are alike, are chance.
    assert trial.ranks['displacement'].value[1] > 0.3
    assert np.isnan(trial.ranks['displacement'].value[0])


def test_what_is_measured_is_what_attention_without_the_key_gives() -> None:
    """Without the key, a token gathers the mean of all others; with it, a tenth of that and 0.9 of its value."""
    trial, someone = planted(True), people()
    seen = someone.inputs.unfold(2, 16, 16).unfold(3, 16, 16).mean((1, 4, 5)).flatten(1).numpy()
    others = np.delete(1 + seen, POINTED, 1).mean(1)
    before = 0.9 * 2 * seen[:, POINTED] + 0.1 * others
    moved = trial.measured['displacement'][0, :, 1]
    np.testing.assert_allclose(moved, 20 * np.abs(others - before) / AREA**0.5, atol=1e-4)
    sigma = pointing(True).sigmas[LEFT_WRIST]
    ks = [np.exp(-((20 * x) ** 2) / (2 * AREA * (2 * sigma) ** 2)) for x in (before, others)]
    np.testing.assert_allclose(trial.measured['ks'][0, :, 1], ks[0] - ks[1], atol=1e-3)
    assert people().truth[0, LEFT_WRIST].tolist() == list(BASE)


def test_attention_that_explains_nothing() -> None:
    """Rows point at a key whose value is zero, and without it the others add up to zero as well."""
    trial = planted(False)
    assert trial.mass[1] == pytest.approx(0.9, abs=1e-5)
    assert abs(trial.agreement('left_wrist').value) < 0.05
    assert abs(trial.effects['displacement'].value[1]) < 1e-3
    # All joints are at one place, from which none lies outward: the target means nothing.
    assert trial.agreement('left_wrist', 'target').value is None


def test_a_vision_transformer() -> None:
    """All layers together, and one; the numbers are JSON."""
    someone = people(3).take([0, 1])
    settings = PlanSettings(controls=2, groups=3)
    both = try_attention(function('vit'), someone, joints=['left_wrist', 'nose'], settings=settings, **FEW)
    assert both.layers == ('backbone.layers.0.attn', 'backbone.layers.1.attn')
    assert both.measured['target'].shape == (6, 2, 2)
    assert np.abs(both.measured['target'][0]).min() > 0
    one = try_attention(function('vit'), someone, '*.1.attn', joints=['left_wrist', 'nose'], settings=settings, **FEW)
    assert one.layers == ('backbone.layers.1.attn',)
    np.testing.assert_array_equal(
        one.plans['backbone.layers.1.attn'].variants, both.plans['backbone.layers.1.attn'].variants
    )
    assert np.abs(one.measured['target'][0] - both.measured['target'][0]).max() > 0
    content = both.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content['target'] == 'value'


def test_tokens_of_joints_can_be_named() -> None:
    """Another token's row, which nothing reads, moves nothing."""
    trial = try_attention(
        pointing(True), people(2), joints=['left_wrist'], queries=[0], settings=PlanSettings(groups=0), **FEW
    )
    assert trial.rows['backbone.attn'].query.tolist() == [[0], [0]]
    assert (trial.rows['backbone.attn'].own == -1).all()
    assert trial.agreement('left_wrist').value == 0
    assert trial.ranks == {}


def test_a_token_for_each_joint() -> None:
    """JointTokenHead's joints are asked by their own tokens, before the map's, which are all that is masked."""
    trial = try_attention(
        joint_tokens(),
        people(2),
        '*.1.attention',
        joints=['right_wrist', 'nose'],
        settings=PlanSettings(groups=0),
        **FEW,
    )
    (rows,) = trial.rows.values()
    assert rows.query.tolist() == [[10, 0]] * 2
    assert (rows.prefix, rows.keys, rows.queries, rows.size) == (17, 17 + 48, 17, (8, 6))
    assert np.abs(trial.measured['target'][0]).min() > 0


def test_people_without_labels() -> None:
    someone = people(2)
    someone.truth[:] = np.nan
    trial = try_attention(pointing(True), someone, joints=['left_wrist'], settings=PlanSettings(groups=0), **FEW)
    assert trial.agreement('left_wrist').value == 1
    assert np.isnan(trial.effects['ks'].value[0])
    assert trial.agreement('left_wrist', 'ks').value is None


@pytest.mark.parametrize(
    ('name', 'layers', 'what'),
    [
        ('resnet', '*', 'matches no attention'),
        ('rtmpose', '*', 'has no softmax to mask keys in'),
        ('vit', 'backbone.layer.0.attn', r'nearest: backbone\.layers\.0\.attn'),
    ],
)
def test_what_cannot_be_tested_is_refused(name: str, layers: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as error:
        try_attention(function(name), people(1), layers)
    assert '\n' not in str(error.value)


def test_wrong_names_are_refused() -> None:
    with pytest.raises(InputError, match='left_wrist'):
        try_attention(pointing(True), people(1), joints=['left_wrisst'])
    with pytest.raises(InputError, match='nearest: displacement'):
        planted(True).agreement('nose', 'displacemnt')
    with pytest.raises(InputError, match='2 queries for 1 joints'):
        try_attention(pointing(True), people(1), joints=['nose'], queries=[0, 1])
    with pytest.raises(InputError, match='KS above 1'):
        try_attention(pointing(True), people(1), joints=['left_wrist'], good=1.0)
