import pytest
from captum.attr import InputXGradient as CaptumInputXGradient

from posescope.explain.attribution.input_x_gradient import InputXGradient
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, by_captum, explained


@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_captum(name: str) -> None:
    case = explained(name)
    assert_close(InputXGradient().attribute(*case, JOINTS), by_captum(CaptumInputXGradient, case).sum(2))
