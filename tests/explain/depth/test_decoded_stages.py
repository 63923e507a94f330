"""Stages of a stacked hourglass with a head a stack."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from posescope.errors import InputError
from posescope.explain.depth import decode_stages, draw_stages, measure_stages
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import BACKBONES, JOINTS, msra, predict
from tests.explain.depth.hand_built import NOSE, people
from tests.explain.small_models import config, crops, function


@cache
def staged() -> PoseFunction:
    torch.manual_seed(0)
    made = config('resnet')
    made.model.backbone = BACKBONES['stacked_hourglass']
    made.model.neck = None
    made.model.head = {
        'type': 'CPMHead',
        'in_channels': 16,
        'out_channels': JOINTS,
        'num_stages': 2,
        'deconv_out_channels': None,
        'decoder': msra(4),
    }
    found = PoseFunction.from_config(made, device='cpu')
    for part in found.readout.head.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
    return found


def test_every_stage_is_decoded_and_the_last_is_the_model() -> None:
    made, inputs = staged(), crops()
    first, last = decode_stages(made, inputs)
    with torch.no_grad():
        features = made.model.extract_feat(inputs)
        maps = made.model.head.multi_final_layers[0](features[0])
    cells = maps.flatten(2).argmax(2)
    expected = torch.stack([cells % 24, cells // 24], -1) * 4.0
    found = maps.flatten(2).amax(2) > 0  # MSRA's codec finds no joint where nothing is above 0
    assert found.sum() > 10
    assert (first.places - expected)[found].abs().max() <= 1  # its quarter of a cell
    predicted = [sample.pred_instances.keypoints[0] for sample in predict(made.model, inputs)]
    torch.testing.assert_close(last.places, torch.from_numpy(np.stack(predicted)).float())
    assert (first.places - last.places).abs().max() > 4


def test_similarity_and_displacement_of_stages() -> None:
    made, some = staged(), people(3)
    found = measure_stages(made, [some.take([0, 1]), some.take([2])])
    poses = decode_stages(made, some.inputs)
    assert found.stages == ('stage 1', 'stage 2')
    for place, pose in enumerate(poses):
        np.testing.assert_array_equal(found.places[place], pose.places.double().numpy())
        squared = ((pose.places[:, NOSE].double().numpy() - some.truth[:, NOSE]) ** 2).sum(-1)
        np.testing.assert_allclose(found.ks[place, :, NOSE], np.exp(-squared / (2 * 3600 * 0.052**2)), rtol=1e-5)
    moved = (poses[1].places - poses[0].places).norm(dim=-1) / 60
    np.testing.assert_allclose(found.displacement[0], moved, rtol=1e-6)
    np.testing.assert_allclose(found.oks, np.nanmean(found.ks, -1))
    assert [row[1 + NOSE].value for row in found.similarities()] == pytest.approx(found.ks[..., NOSE].mean(1))
    content = json.loads(json.dumps(found.content(), allow_nan=False))
    assert content['stages'][0]['gain'] == {}
    assert content['stages'][1]['displacement']['nose']['value'] == pytest.approx(float(moved[:, NOSE].mean()))
    line = draw_stages(found).axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), found.oks.mean(1))


def test_stages_that_were_supervised_in_training_are_decoded() -> None:
    torch.manual_seed(0)
    wanted = config('resnet')
    wanted.model.backbone.update(out_indices=(1, 3))
    wanted.model.head = {'type': 'DeepSupervisionHead', 'pose_head': wanted.model.head, 'in_channels': [16]}
    made, inputs = PoseFunction.from_config(wanted, device='cpu'), crops()
    nn.init.normal_(made.model.head.taps[0].weight)
    first, last = decode_stages(made, inputs)
    with torch.no_grad():
        maps = nn.Upsample(scale_factor=2, mode='bilinear')(made.model.head.taps[0](made.model.backbone(inputs)[0]))
    cells = maps.flatten(2).argmax(2)
    found = maps.flatten(2).amax(2) > 0
    assert found.sum() > 10
    expected = torch.stack([cells % 24, cells // 24], -1) * 4.0
    assert (first.places - expected)[found].abs().max() <= 1
    torch.testing.assert_close(last.places, made.decode(made(inputs)).places)


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'integral', 'movenet_argmax'])
def test_models_with_one_stage_are_refused(name: str) -> None:
    with pytest.raises(InputError, match='gives one stage'):
        decode_stages(function(name), crops(1))
