import pytest
import torch

from posescope.errors import InputError
from posescope.explain.device import find_device


def test_what_is_there() -> None:
    assert find_device('cpu') == find_device(torch.device('cpu')) == torch.device('cpu')
    expected = 'cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() else 'cpu'
    assert find_device().type == expected


@pytest.mark.parametrize('name', ['gpu', 'cuda:999', 'xpu:0', ''])
def test_what_is_not_there(name: str) -> None:
    if not name:
        assert find_device(name) == find_device()
        return
    with pytest.raises(InputError, match=f"device '{name}' cannot be used .here there are: cpu") as raised:
        find_device(name)
    assert '\n' not in str(raised.value)
