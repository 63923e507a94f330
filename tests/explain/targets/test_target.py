import pytest
import torch

from posescope.errors import InputError
from posescope.explain.targets import TARGETS, build_target
from tests.explain.small_models import KINDS, crops, function
from tests.explain.targets.binding import bound, slope

MODELS = {'heatmap': 'resnet', 'simcc': 'simcc', 'regression': 'rle', 'centre_guided': 'movenet'}


@pytest.mark.parametrize(
    ('name', 'kind'), [(name, kind) for name, target in TARGETS.items() for kind in MODELS if kind not in target.kinds]
)
def test_a_target_refuses_heads_for_which_it_means_nothing(name: str, kind: str) -> None:
    made = function(MODELS[kind])
    outputs = made(crops(1))
    places = made.decode(outputs).places
    head = type(made.readout.head).__name__
    with pytest.raises(
        InputError, match=f"target '{name}' means nothing for the {kind} head {head}; for it there are "
    ):
        bound(build_target(name), made, outputs, truth=places, other=places)


@pytest.mark.filterwarnings('ignore:target .likelihood.')
@pytest.mark.parametrize(
    ('name', 'kind'), [(name, kind) for name, target in TARGETS.items() for kind in MODELS if kind in target.kinds]
)
def test_gradients_are_those_of_finite_differences(name: str, kind: str) -> None:
    assert KINDS[MODELS[kind]] == kind
    generator = torch.Generator().manual_seed(2)
    places = torch.rand(1, 17, 2, generator=generator) * torch.tensor([90, 120])
    by_autograd, by_differences = slope(
        build_target(name), function(MODELS[kind]), crops(1), truth=places, other=places.flip(1)
    )
    assert by_differences != 0
    assert by_autograd == pytest.approx(by_differences, rel=1e-4)


@pytest.mark.parametrize(('name', 'what'), [('against_truth', 'truth'), ('against_person', 'other')])
def test_places_that_are_needed_have_to_be_given_for_all(name: str, what: str) -> None:
    made = function('resnet')
    outputs = made(crops(2))
    with pytest.raises(InputError, match=f"target '{name}' needs {what}, "):
        bound(build_target(name), made, outputs)
    with pytest.raises(InputError, match=rf"{what} for target '{name}' has to be \(2, 17, 2\), not \(1, 17, 2\)"):
        bound(build_target(name), made, outputs, **{what: torch.zeros(1, 17, 2)})
