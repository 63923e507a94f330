import pytest
import torch
from captum.attr import NoiseTunnel
from captum.attr import Saliency as CaptumSaliency

from posescope.errors import InputError
from posescope.explain.attribution.captum_method import TargetModule
from posescope.explain.attribution.smoothgrad import SmoothGrad
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, explained

SAMPLES = 5


@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_captum_with_the_same_noise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs, bound = explained(name)
    method = SmoothGrad(batch_size=3, samples=SAMPLES, noise=0.2)
    drawn = method.draw(tuple(inputs.shape[1:]))
    monkeypatch.setattr(torch, 'normal', lambda mean, deviation: mean + drawn * deviation)
    tunnel = NoiseTunnel(CaptumSaliency(TargetModule(made, bound)))
    expected = [
        tunnel.attribute(
            inputs[row : row + 1].clone().requires_grad_(),
            nt_samples=SAMPLES,
            stdevs=float(0.2 * (inputs[row].max() - inputs[row].min())),
            target=joint,
            additional_forward_args=(torch.tensor([row]),),
            abs=False,
        )
        for row in range(2)
        for joint in JOINTS
    ]
    wanted = torch.cat(expected).detach().sum(1).unflatten(0, (2, 2))
    assert_close(method.attribute(made, inputs, bound, JOINTS), wanted)


def test_a_persons_map_does_not_depend_on_the_others() -> None:
    made, inputs, bound = explained('resnet')
    both = SmoothGrad(samples=2).attribute(made, inputs, bound, [4])
    alone = SmoothGrad(samples=2, batch_size=1).attribute(made, inputs[1:], bound.of_people(torch.tensor([1])), [4])
    torch.testing.assert_close(both[1:], alone)


def test_noise_has_to_be_positive() -> None:
    with pytest.raises(InputError, match='noise=0'):
        SmoothGrad(noise=0)
