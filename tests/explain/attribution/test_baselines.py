import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.baselines import baseline_of, check_baseline
from posescope.explain.attribution.blur import blurred
from tests.explain.small_models import HEIGHT, WIDTH, crops, function


def test_black_is_what_the_model_makes_of_a_black_picture() -> None:
    made = function('resnet')
    black = made.people_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).inputs
    torch.testing.assert_close(baseline_of('black', made, black), black, atol=1e-5, rtol=1e-5)


def test_the_mean_colour_and_the_blur() -> None:
    made, inputs = function('resnet'), crops()
    assert torch.equal(baseline_of('mean', made, inputs), torch.zeros_like(inputs))
    assert torch.equal(baseline_of('blur', made, inputs), blurred(inputs, 19.0, 31))


def test_a_typo_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match='nearest: mean'):
        check_baseline('means')
