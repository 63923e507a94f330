import numpy as np

from posescope.capture.store.sample import order
from tests.capture.store.drawn_samples import draw_sample


def test_ids_of_numpy_are_plain_in_the_key() -> None:
    key = draw_sample(np.int64(3), np.str_('a')).key
    assert key == (3, 'a')
    assert [type(part) for part in key] == [int, str]
    assert draw_sample('x', None).key == ('x', None)


def test_order() -> None:
    keys = [(2, None), (2, 0), (2, 10), (2, 'a'), (10, 1), ('10', 1), ('9', None)]
    shuffled = [keys[i] for i in (4, 0, 6, 3, 5, 1, 2)]
    assert sorted(shuffled, key=order) == keys
