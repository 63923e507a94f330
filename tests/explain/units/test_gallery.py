from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.units.gallery import Gallery
from tests.explain.small_models import HEIGHT, WIDTH, crops, function, photograph

LAYER = 'backbone.layer2'


def people(first: int, count: int, folder: Path | None = None) -> Crops:
    """Random inputs, which all lie at the same place of pictures of their own."""
    samples = []
    for number in range(first, first + count):
        information = {'img_id': number}
        if folder is not None:
            information['img_path'] = str(folder / f'{number}.png')
            cv2.imwrite(information['img_path'], photograph(seed=number))
        samples.append(PoseDataSample(metainfo=information))
    to_image = np.tile([[1.0, 0, 20], [0, 1.0, 10]], (count, 1, 1))
    inputs = crops(first + count)[first:]
    return Crops(inputs, np.zeros((count, 2)), np.ones((count, 2)), (WIDTH, HEIGHT), to_image, samples)


def test_the_strongest_over_all_batches() -> None:
    made = function('resnet')
    gallery = Gallery(made, [5, 1], LAYER, count=3, batch_size=2)
    for batch in (people(0, 3), people(3, 4)):
        gallery.add(batch)
    kept: list[torch.Tensor] = []
    handle = made.model.backbone.layer2.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    inputs = torch.cat([people(0, 3).inputs, people(3, 4).inputs])
    with torch.no_grad():
        pose = made.decode(made(inputs))
    handle.remove()
    for channel in (5, 1):
        largest = kept[0][:, channel].amax((1, 2))
        order = largest.argsort(descending=True)[:3].tolist()
        entries = gallery.entries(channel)
        assert [entry.name for entry in entries] == [f'image {place}' for place in order]
        np.testing.assert_allclose([entry.activation for entry in entries], largest[order], atol=1e-5)
        np.testing.assert_allclose(entries[0].values, kept[0][order[0], channel], atol=1e-5)
        np.testing.assert_allclose(entries[0].keypoints, pose.places[order[0]] + torch.tensor([20, 10]), atol=1e-2)
    assert gallery.people == 7


def test_ranked_by_what_is_on_the_person() -> None:
    made, everyone = function('resnet'), people(0, 6)
    bodies = np.zeros((6, HEIGHT, WIDTH), bool)
    bodies[:5, 40:80, 30:60] = True  # of the last person nothing is seen
    gallery = Gallery(made, [5], LAYER, count=6)
    gallery.add(everyone, bodies)
    kept: list[torch.Tensor] = []
    handle = made.model.backbone.layer2.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    with torch.no_grad():
        made(everyone.inputs)
    handle.remove()
    # The cells of 8 pixels have their centres at 0, 8, 16, …
    largest = kept[0][:5, 5, 5:10, 4:8].amax((1, 2))
    assert [entry.name for entry in gallery.entries(5)] == [f'image {row}' for row in largest.argsort(descending=True)]
    np.testing.assert_allclose(gallery.entries(5)[0].activation, largest.max(), atol=1e-5)


def test_drawn_with_and_without_photographs(tmp_path: Path) -> None:
    gallery = Gallery(function('resnet'), [5], LAYER, count=2)
    gallery.add(people(0, 3, tmp_path))
    with_pictures, without = gallery.draw(5), gallery.draw(5, photographs=False)
    assert [len(panel.images) for panel in with_pictures.axes[:2]] == [2, 2]
    assert [len(panel.images) for panel in without.axes[:2]] == [1, 1]
    np.testing.assert_array_equal(without.axes[0].images[0].get_array(), gallery.entries(5)[0].values)
    assert 'the 2 of 3 people who drive it most' in without.get_suptitle().replace('\n', ' ')
    (tmp_path / f'{gallery.entries(5)[0].path.name}').unlink()
    with pytest.raises(InputError, match='does not exist'):
        gallery.draw(5)


def test_refusals() -> None:
    gallery = Gallery(function('resnet'), [99], LAYER)
    with pytest.raises(InputError, match='add'):
        gallery.draw(99)
    with pytest.raises(InputError, match='channels 0 to'):
        gallery.add(people(0, 1))
    with pytest.raises(InputError, match='which has 99'):
        gallery.entries(1)
    with pytest.raises(InputError, match='count=0'):
        Gallery(function('resnet'), [0], count=0)
