import pytest

from posescope.capture.call_counts import CallCounts
from posescope.errors import CaptureError


def batch(counts: CallCounts, **calls: int) -> None:
    for name, number in calls.items():
        assert [counts.next_call(name) for _ in range(number)] == list(range(number))


def test_the_first_batch_tells_how_often_a_layer_is_called_in_a_pass() -> None:
    counts = CallCounts(['once', 'thrice'])
    for _ in range(2):
        batch(counts, once=2, thrice=6)
        counts.finish(2)
        assert counts.calls_per_pass == {'once': 1, 'thrice': 3}
    batch(counts, once=1, thrice=3)
    counts.finish(1)


@pytest.mark.parametrize(
    ('calls', 'passes', 'message'),
    [
        (0, 2, "backbone was called 0 times in a batch, expected 2: .*'!backbone' leaves it out"),
        (1, 2, 'backbone was called 1 times in a batch, expected a multiple of 2 passes'),
        (3, 2, 'backbone was called 3 times in a batch, expected a multiple of 2 passes'),
    ],
)
def test_a_first_batch_that_cannot_be(calls: int, passes: int, message: str) -> None:
    counts = CallCounts(['backbone'])
    batch(counts, backbone=calls)
    with pytest.raises(CaptureError, match=message):
        counts.finish(passes)


@pytest.mark.parametrize('calls', [0, 2, 3, 5, 8])
def test_a_later_batch_that_differs(calls: int) -> None:
    counts = CallCounts(['backbone'])
    batch(counts, backbone=4)
    counts.finish(2)
    batch(counts, backbone=calls)
    with pytest.raises(CaptureError, match=f'backbone was called {calls} times in a batch, expected 4'):
        counts.finish(2)
    batch(counts, backbone=4)  # the batch that failed is forgotten
    counts.finish(2)


def test_silent_layers_can_be_dropped() -> None:
    counts = CallCounts(['backbone', 'loss'])
    batch(counts, backbone=1)
    assert counts.drop_silent() == ('loss',)
    counts.finish(1)
    assert counts.calls_per_pass == {'backbone': 1}


def test_a_batch_that_was_broken_off_is_forgotten() -> None:
    counts = CallCounts(['backbone'])
    batch(counts, backbone=1)
    counts.restart()
    batch(counts, backbone=2)
    counts.finish(1)
    assert counts.calls_per_pass == {'backbone': 2}
