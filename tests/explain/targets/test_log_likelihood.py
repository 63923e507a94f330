import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.targets import build_target
from tests.explain.small_models import crops, function
from tests.explain.targets.binding import bound


@pytest.mark.parametrize(('distribution', 'density'), [('laplace', stats.laplace), ('gaussian', stats.norm)])
def test_it_is_the_density_of_the_loss(
    distribution: str, density: stats.rv_continuous, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = function('rle')
    monkeypatch.setattr(made.readout.head.loss_module, 'q_distribution', distribution)
    before, after = (torch.randn(2, 17, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    target = bound(build_target('log_likelihood'), made, Outputs(regression=before))
    assert target.valid.all()
    mean, spread = after[..., :2].numpy(), expit(after[..., 2:].numpy())
    expected = density.logpdf(before[..., :2].numpy(), mean, spread).sum(-1)
    np.testing.assert_allclose(target.score(Outputs(regression=after)), expected, rtol=1e-5, atol=1e-5)


def test_coordinates_alone_have_no_likelihood() -> None:
    made = function('regression')
    with pytest.raises(InputError, match='needs a head that predicts a spread, such as RLEHead; RegressionHead gives'):
        bound(build_target('log_likelihood'), made, made(crops(1)))
