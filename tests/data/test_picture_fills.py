from pathlib import Path

import mmcv
import numpy as np
import pytest
from mmpose.datasets import CocoDataset

from posescope.data.picture_fills import another_texture, filling
from posescope.errors import InputError
from tests.explain.small_models import photograph


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_noise_has_mean_and_spread_of_each_channel():
    image = photograph(200, 300) // 4 + np.array([40, 70, 100], np.uint8)
    everything = np.ones(image.shape[:2], bool)
    found = filling('noise', image, everything, {}, generator()).reshape(image.shape)
    assert found.mean((0, 1)) == pytest.approx(image.mean((0, 1)), abs=1)
    assert found.std((0, 1)) == pytest.approx(image.std((0, 1)), rel=0.05)
    neighbours = np.corrcoef(found[:, 1:, 0].ravel(), found[:, :-1, 0].ravel())[0, 1]
    assert abs(neighbours) < 0.02, 'pixels are independent'


def test_mean_is_that_of_the_whole_picture():
    image = photograph()
    hidden = np.zeros(image.shape[:2], bool)
    hidden[3:5, 4] = True
    found = filling('mean', image, hidden, {}, generator())
    assert found == pytest.approx(np.tile(image.mean((0, 1)), (2, 1)), abs=1e-3)


@pytest.mark.parametrize('shape', [(60, 50, 3), (160, 200, 3), (320, 210, 3)])
def test_texture_is_a_piece_of_a_picture_of_the_data_set(drawn_coco: Path, shape):
    data = CocoDataset(ann_file=str(drawn_coco), data_prefix={'img': str(drawn_coco.parent)}, pipeline=[])
    found = another_texture(shape, {'dataset': data}, generator())
    assert found.shape == shape
    assert found.std() > 5
    hidden = np.arange(shape[0] * shape[1]).reshape(shape[:2]) % 7 == 0
    filled = filling('texture', np.zeros(shape), hidden, {'dataset': data}, generator())
    assert (filled == found[hidden]).all()
    with pytest.raises(InputError, match="'texture' takes pieces of other pictures"):
        another_texture(shape, {}, generator())


def test_it_is_another_picture(drawn_coco: Path):
    data = CocoDataset(ann_file=str(drawn_coco), data_prefix={'img': str(drawn_coco.parent)}, pipeline=[])
    own = mmcv.imread(data.get_data_info(0)['img_path'])
    results = {'dataset': data, 'img_path': data.get_data_info(0)['img_path']}
    for seed in range(20):
        assert (another_texture(own.shape, results, np.random.default_rng(seed)) != own).any()


def test_a_piece_is_cut_and_not_squeezed(drawn_coco: Path):
    data = CocoDataset(ann_file=str(drawn_coco), data_prefix={'img': str(drawn_coco.parent)}, pipeline=[], indices=1)
    whole = another_texture((160, 200, 3), {'dataset': data}, generator())
    piece = another_texture((40, 30, 3), {'dataset': data}, generator())
    windows = np.lib.stride_tricks.sliding_window_view(whole, (40, 30, 3))[:, :, 0]
    assert (windows == piece).all((2, 3, 4)).sum() == 1
