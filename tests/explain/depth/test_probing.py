"""What layers add to what is there without them."""

import json

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth import ProbeReport, draw_probes, measure_probes
from tests.explain.depth.hand_built import EYE, NOSE, hidden, people
from tests.explain.small_models import function

LAYERS = ['backbone.first', 'backbone.second']


@pytest.fixture(scope='module')
def report() -> ProbeReport:
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmpose'):
        made = hidden()
    return measure_probes(made, [people(60), people(20, 3)], [people(40, 1), people(20, 2)], LAYERS, untrained=made)


def test_the_gain_is_there_from_the_layer_at_which_the_joint_is_linear(report: ProbeReport) -> None:
    over_pose, over_pixels = (
        [[one.value for one in row] for row in report.gains(over)] for over in ('mean_pose', 'pixels')
    )
    first, second = range(2)
    nose, eye = 1 + NOSE, 1 + EYE
    assert over_pose[first][nose] < 0.05
    assert over_pose[second][nose] > 0.8
    assert over_pixels[second][nose] > 0.8
    assert over_pose[first][eye] > 0.8
    assert abs(over_pixels[first][eye]) < 0.05, 'the eye can be seen in the pixels'
    # The network itself reads both, on a cell that MSRA's codec puts 1.5 pixels left of and above its middle.
    np.testing.assert_allclose(report.model[:, NOSE], np.exp(-(2 * 1.5**2) / (2 * 3600 * 0.052**2)), rtol=1e-5)


def test_intervals_are_over_images(report: ProbeReport) -> None:
    one = report.gains('mean_pose')[1][1 + NOSE]
    assert one.units == 60
    assert one.low is not None
    assert one.low < one.value < one.high
    assert (one.high - one.low) / 3.92 == pytest.approx(one.error, rel=0.2)
    few = report.gains('mean_pose')[1][1 + EYE]
    assert few.units == 48  # every fifth has no eye
    assert few.low is None
    assert '48 images' in few.reason


def test_nothing_is_gained_over_the_same_network(report: ProbeReport) -> None:
    assert all(one.value in (0, None) for row in report.gains('untrained') for one in row)


def test_mean_pose_is_that_of_the_people_who_were_fitted_to(report: ProbeReport) -> None:
    both, dev = np.concatenate([people(60).truth, people(20, 3).truth]), people(40, 1)
    squared = ((dev.truth[:, NOSE] - both[:, NOSE].mean(0)) ** 2).sum(-1)
    expected = np.exp(-squared / (2 * 3600 * (2 * 0.026) ** 2))
    np.testing.assert_allclose(report.baselines['mean_pose'][0, :40, NOSE], expected, rtol=1e-5)


def test_content_is_plain_and_complete(report: ProbeReport) -> None:
    content = json.loads(json.dumps(report.content(), allow_nan=False))
    assert [layer['name'] for layer in content['layers']] == LAYERS
    layer = content['layers'][1]
    assert (layer['rows'], layer['columns'], layer['channels']) == (32, 24, 3)
    assert layer['gain_over']['mean_pose']['nose']['value'] > 0.8
    assert layer['ks']['left_knee']['value'] is None
    assert content['trained_on'][:2] == [80, 64]
    assert (content['people'], content['images']) == (60, 60)


def test_curves_show_the_numbers(report: ProbeReport) -> None:
    figure = draw_probes(report)
    left, middle = figure.axes[:2]
    similarities = [row[0].value for row in report.similarities()]
    np.testing.assert_allclose(left.lines[0].get_ydata(), similarities)
    labels = [line.get_label() for line in middle.lines]
    assert labels[:3] == ['over the mean pose', 'over raw pixels', 'over the untrained network']
    np.testing.assert_allclose(middle.lines[0].get_ydata(), [row[0].value for row in report.gains('mean_pose')])


@pytest.mark.parametrize('name', ['simcc', 'regression', 'vit', 'movenet'])
def test_layers_of_every_kind_of_head_are_read(name: str) -> None:
    made = function(name)
    some = people(6)
    found = measure_probes(made, [some], [people(3, 1)], untrained=made)
    assert found.ks.shape == (len(found.layers), 3, 17)
    assert np.isfinite(found.ks[:, :, NOSE]).all()
    torch.testing.assert_close(
        torch.from_numpy(found.ks), torch.from_numpy(found.baselines['untrained']), equal_nan=True
    )


def test_nobody_is_refused(report: ProbeReport) -> None:
    made = hidden()
    with pytest.raises(InputError, match='no people to fit'):
        measure_probes(made, [], [people(3)], LAYERS)
    with pytest.raises(InputError, match='no people to test'):
        measure_probes(made, [people(6)], [], LAYERS)
    with pytest.raises(InputError, match="'random' was not measured"):
        report.gains('random')
