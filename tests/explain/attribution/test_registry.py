import pytest

from posescope.errors import InputError
from posescope.explain.attribution import METHODS, Method, build_method


@pytest.mark.parametrize('name', METHODS)
def test_every_method_is_built_by_its_name(name: str) -> None:
    method = build_method(name, batch_size=3)
    assert isinstance(method, Method)
    assert method.name == name
    assert method.batch_size == 3


def test_a_typo_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'hirescan' does not exist \(nearest: hirescam"):
        build_method('hirescan')


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(InputError, match=r"method 'saliency': .*stepps"):
        build_method('saliency', stepps=3)
