import numpy as np

from posescope.capture.store.reader import open_store
from posescope.capture.store.writer import StoreWriter
from tests.capture.store.drawn_samples import IDENTITY, content, draw_sample


def test_kept_beside_the_shards(tmp_path) -> None:
    arrays = dict(basis=np.arange(6.0).reshape(2, 3), mean=np.float32([1, 2, 3]))
    for rank in range(2):
        with StoreWriter(tmp_path, IDENTITY, rank, 2) as writer:
            writer.save_fitted('a/b[0]@mirrored', arrays)
            assert writer.fitted('other') == {}
            writer.write([draw_sample(rank)], {'a/b[0]@mirrored': np.zeros((1, 3))})
    found = open_store(tmp_path).fitted('a/b[0]@mirrored')
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert [name for name in content(tmp_path) if 'fitted' in name] == ['fitted-a%2Fb[0]@mirrored.safetensors']
