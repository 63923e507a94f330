import pytest

from posescope.study.host import workers_of


@pytest.mark.parametrize(
    ('threads', 'trials', 'gpus', 'expected'),
    [
        (None, 10, 0, 1),
        (1, 10, 0, 8),
        (3, 10, 0, 2),
        (8, 10, 0, 1),
        (16, 10, 0, 1),
        (1, 5, 0, 5),
        (1, 0, 0, 1),
        (1, 10, 2, 2),
        (8, 10, 2, 1),
        (None, 10, 2, 1),
    ],
)
def test_as_many_at_a_time_as_have_room(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, trials: int, gpus: int, expected: int
) -> None:
    """On eight cores."""
    monkeypatch.setattr('posescope.study.host.available_cores', lambda: 8)
    monkeypatch.setattr('torch.cuda.device_count', lambda: gpus)
    assert workers_of(threads, trials) == expected
