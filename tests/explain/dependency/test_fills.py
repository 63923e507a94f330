import numpy as np
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from posescope.errors import InputError
from posescope.explain.dependency.fills import Blur, MeanColour, Noise, build_fills
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.dependency.planted_people import people
from tests.explain.small_models import crops, fresh


def some(count: int = 2) -> LabelledPeople:
    made = people(count)
    made.inputs.copy_(2 * crops(count) + 3)
    return made


def test_mean_colour_is_zero() -> None:
    assert not MeanColour().surface(some(), torch.tensor([4.0, 4.0])).any()


def test_mean_colour_is_not_black_where_nothing_is_taken_off() -> None:
    people = some()
    found = MeanColour(normalised=False).surface(people, torch.tensor([4.0, 4.0]))
    assert found.shape == people.inputs.shape
    for person in range(2):
        for channel, plane in enumerate(people.inputs[person].numpy()):
            np.testing.assert_allclose(found[person, channel], plane.astype(np.float64).mean(), rtol=1e-4)
    made = fresh('resnet')
    assert build_fills('mean_colour', made)[0].normalised
    made.model.data_preprocessor._enable_normalize = False
    assert not build_fills('mean_colour', made)[0].normalised


def test_blur_as_torchvision_does_it() -> None:
    found = Blur().surface(some(), torch.tensor([3.0, 5.0]))
    for person, radius in enumerate((3, 5)):
        expected = gaussian_blur(some().inputs[person], 8 * radius + 1, float(radius))
        inner = slice(4 * radius, -4 * radius)  # torchvision mirrors the picture at its edge
        torch.testing.assert_close(found[person][:, inner, inner], expected[:, inner, inner], atol=2e-3, rtol=0)


def test_noise_has_the_moments_of_the_crop_and_is_the_same_again() -> None:
    found = Noise().surface(some(), torch.ones(2))
    torch.testing.assert_close(found.mean((2, 3)), some().inputs.mean((2, 3)), atol=0.1, rtol=0)
    torch.testing.assert_close(found.std((2, 3)), some().inputs.std((2, 3)), atol=0.1, rtol=0)
    torch.testing.assert_close(Noise().surface(some(3), torch.ones(3))[:2], found)
    assert (Noise(seed=1).surface(some(), torch.ones(2)) != found).any()
    neighbours = np.corrcoef(found[0, 0, :, 1:].ravel(), found[0, 0, :, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.05


def test_by_name() -> None:
    noise = Noise(3)
    assert [fill.name for fill in build_fills(['blur', noise])] == ['blur', 'noise']
    assert build_fills(['blur', noise])[1] is noise
    assert [fill.name for fill in build_fills('blur')] == ['blur']
    with pytest.raises(InputError, match=r"fill 'blurr' does not exist \(nearest: blur"):
        build_fills(['blurr'])
    with pytest.raises(InputError, match=r"'rendered_oclcuder' does not exist \(nearest: rendered_occluder"):
        build_fills(['rendered_oclcuder'])
    with pytest.raises(InputError, match="fill 'rendered_occluder' needs objects out of rendered pictures"):
        build_fills(['blur', 'rendered_occluder'])
    with pytest.raises(InputError, match=r'fills=\[\]'):
        build_fills([])
