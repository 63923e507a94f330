import pytest

from posescope.explain.completeness_reading import Completeness


@pytest.mark.parametrize(
    ('total', 'residual', 'share', 'warning', 'note'),
    [
        (1.0, 0.0, 0.0, None, None),
        (1.1, 0.1, 0.1, None, None),
        (1.25, 0.25, 0.25, "the sum is off by 25% of the target's gain", 'sum off by 25%'),
        (0.75, -0.25, 0.25, "the sum is off by 25% of the target's gain", 'sum off by 25%'),
        (-0.5, 0.5, 0.5, "the sum is off by 50% of the target's gain", 'sum off by 50%'),  # a gain of -1
        (4.5, 3.5, 3.5, "the sum is off by 3.5 times the target's gain", 'sum off by 3.5 times'),
        (0.5, 0.5, None, 'the target gains nothing over the baseline', 'no gain'),
        (0.0, 0.0, None, None, None),
    ],
)
def test_words(total: float, residual: float, share: float | None, warning: str | None, note: str | None) -> None:
    found = Completeness.of(total, residual)
    assert found.share == (None if share is None else pytest.approx(share))
    assert (found.warning, found.note) == (warning, note)
