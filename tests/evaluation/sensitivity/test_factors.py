"""What can be typed after --factor."""

import pytest

from posescope.errors import InputError
from posescope.evaluation.sensitivity.factors import FACTORS, read_factors


def test_everything_by_default_and_always_no_change() -> None:
    chosen, mirror = read_factors([])
    assert list(chosen) == list(FACTORS)
    assert mirror
    for name, amounts in chosen.items():
        assert 0.0 in amounts
        assert list(amounts) == sorted(set(amounts))
        low, high = FACTORS[name].limits
        assert low <= amounts[0]
        assert amounts[-1] <= high


def test_what_was_typed() -> None:
    chosen, mirror = read_factors(['rotation=30,-30', 'blur'])
    assert chosen == {'rotation': (-30, 0, 30), 'blur': (0, 1, 2, 4, 8)}
    assert not mirror
    assert read_factors(['mirror']) == ({}, True)


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (['blurr'], "there is no 'blurr' \\(nearest: blur"),
        (['blur=1,x'], "'x' is no number"),
        (['blur='], "'' is no number"),
        (['jpeg=100'], '100 is outside of 0 to 99'),
        (['noise=inf'], 'inf is outside of 0 to 255'),
        (['darkness=nan'], 'nan is outside'),
        (['blur=1', 'blur=2'], 'given twice'),
        (['mirror=1'], 'mirror takes no values'),
    ],
)
def test_bad_input(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_factors(texts)
