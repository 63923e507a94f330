"""Probes of a network built by hand, in which the nose becomes linear at a known layer."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.depth import LayerMaps, ProbeSettings, fit_probes, read_probes
from posescope.explain.depth.joint_maps import JointMaps
from tests.explain.depth.hand_built import EYE, JOINTS, NOSE, hidden, people

LAYERS = ['backbone.first', 'backbone.second']


def test_a_probe_is_a_ridge_regression_of_cells_on_gaussians() -> None:
    linear_model = pytest.importorskip('sklearn.linear_model')
    preprocessing = pytest.importorskip('sklearn.preprocessing')
    made, some = hidden(), people(30)
    source = LayerMaps(made, some.inputs, LAYERS)
    probes = fit_probes(source, [some.take(range(13)), some.take(range(13, 30))], ProbeSettings(lambdas=[0.01]))
    features = source.of(some.inputs)['backbone.second']
    known = np.isfinite(some.truth[:, EYE, 0])
    flat = features.permute(0, 2, 3, 1)[known].reshape(-1, 3).double().numpy()
    wanted = JointMaps(source.layers['backbone.second'], made.input_size, 4.0).encode(torch.from_numpy(some.truth))
    scaler = preprocessing.StandardScaler().fit(flat)
    theirs = linear_model.Ridge(alpha=0.01 * len(flat)).fit(scaler.transform(flat), wanted[known, EYE].flatten())
    found = probes['backbone.second']
    np.testing.assert_allclose(found.weight[:, EYE], theirs.coef_ / scaler.scale_, atol=1e-6)
    np.testing.assert_allclose(
        found.bias[EYE], theirs.intercept_ - theirs.coef_ @ (scaler.mean_ / scaler.scale_), atol=1e-6
    )
    assert found.people[[NOSE, EYE]].tolist() == [30, 24]
    assert found.lambdas[EYE] == 0.01


def test_joints_are_found_where_they_are_linear() -> None:
    made, train, dev = hidden(), people(60), people(40, seed=1)
    source = LayerMaps(made, train.inputs, LAYERS)
    probes = fit_probes(source, [train])
    found = read_probes(source, probes, dev.inputs)
    distance = {name: np.linalg.norm(places - dev.truth, axis=-1) for name, places in found.items()}
    assert np.nanmax(distance['backbone.first'][:, EYE]) < 1
    assert np.nanmax(distance['backbone.second'][:, EYE]) < 1
    assert np.nanmax(distance['backbone.second'][:, NOSE]) < 1
    assert np.nanmedian(distance['backbone.first'][:, NOSE]) > 16
    others = [joint for joint in range(JOINTS) if joint not in (NOSE, EYE)]
    assert np.isnan(found['backbone.first'][:, others]).all()


def test_people_of_one_image_are_in_one_fold() -> None:
    made, some = hidden(), people(12, per_image=3)
    source = LayerMaps(made, some.inputs, LAYERS)
    with pytest.raises(InputError, match='5 folds of the probes take as many images, and the people to fit are on 4'):
        fit_probes(source, [some])
    fit_probes(source, [some], ProbeSettings(folds=4))


@pytest.mark.parametrize(
    ('options', 'message'),
    [({'folds': 1}, 'folds=1'), ({'lambdas': [-1.0]}, 'lambdas='), ({'spread': 0.0}, 'spread=0')],
)
def test_bad_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ProbeSettings(**options)
