import json

import numpy as np
import pytest

from posescope.capture.store.index import PREFIX, SampleIndex, index_tensors
from posescope.capture.store.sample import Sample
from posescope.errors import CaptureError
from tests.capture.store.drawn_samples import draw_sample

SAMPLES = [draw_sample(3), draw_sample('b', None, udp=True, rotation=30.0), draw_sample(1, 'x')]


def assert_same(found: Sample, expected: Sample) -> None:
    for name in expected.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_samples_come_back() -> None:
    index = SampleIndex.of(SAMPLES)
    assert index.keys == [(3, 7), ('b', None), (1, 'x')]
    for found, expected in zip(index, SAMPLES, strict=True):
        assert_same(found, expected)
    assert SampleIndex.of(index) is index
    assert len(SampleIndex.of([])) == 0


def test_some_rows() -> None:
    index = SampleIndex.of(SAMPLES)
    for rows, expected in ((slice(2), [0, 1]), (slice(1, None), [1, 2]), ([2, 0], [2, 0]), ([], [])):
        taken = index.take(rows)
        assert taken.keys == [SAMPLES[row].key for row in expected]
        for found, row in zip(taken, expected, strict=True):
            assert_same(found, SAMPLES[row])


def test_tensors_of_parts_are_those_of_the_whole() -> None:
    index = SampleIndex.of(SAMPLES)
    whole = index_tensors([index])
    parts = index_tensors([index.take(slice(1)), index.take(slice(1, None))])
    assert whole.keys() == parts.keys()
    for name, (array,) in whole.items():
        assert parts[name][0].tobytes() == array.tobytes()
        assert array.dtype == {f'{PREFIX}udp': bool, f'{PREFIX}text': np.uint8}.get(name, np.float64)
    text = json.loads(whole[f'{PREFIX}text'][0].tobytes())
    assert text[1] == ['b', None, ['plain', 'mirrored'], 'b.jpg']


def test_joints_of_different_number() -> None:
    other = draw_sample(4, keypoints=np.zeros((4, 2)))
    with pytest.raises(CaptureError, match=r'equally many keypoints and scores; found \[\(3, 3\), \(4, 3\)\]'):
        SampleIndex.of([SAMPLES[0], other])
    with pytest.raises(CaptureError, match='equally many'):
        index_tensors([SampleIndex.of(SAMPLES), SampleIndex.of([other])])
