"""Masks of people, in the pixels of crops that show every second pixel of the picture."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample
from pycocotools import mask as coco_mask

from posescope.data.body_parts import BODY_PARTS, PEOPLE_STRIDE, part_map_path, write_part_map
from posescope.explain.crops import Crops
from posescope.explain.person_mask import NO_MASK, PersonMask, labelled_mask

WIDTH, HEIGHT = 30, 40
SHAPE = (100, 80, 3)
LEFT, TOP = 10, 6
"""Pixel of the picture under the first of the input."""


def crops(annotation: Any = None, path: str | None = None) -> Crops:
    meta = {'ori_shape': SHAPE, **({} if annotation is None else {'raw_ann_info': annotation})}
    sample = PoseDataSample(metainfo=meta | ({} if path is None else {'img_path': path}))
    to_image = np.array([[[2.0, 0, LEFT], [0, 2.0, TOP]]])
    nothing = np.zeros((1, 2))
    return Crops(torch.zeros(1, 3, HEIGHT, WIDTH), nothing, nothing, (WIDTH, HEIGHT), to_image, [sample])


RECTANGLE = np.zeros(SHAPE[:2], bool)
RECTANGLE[20:60, 30:50] = True
EXPECTED = RECTANGLE[TOP : TOP + 2 * HEIGHT : 2, LEFT : LEFT + 2 * WIDTH : 2]
RUNS = {'size': [100, 80], 'counts': [30 * 100 + 20, *[40, 60] * 19, 40, 29 * 100 + 100 - 60]}
"""Down the columns: 30 empty ones, 20 with 40 pixels from row 20 on, and the rest."""


@pytest.mark.parametrize('compressed', [True, False])
def test_run_lengths(compressed: bool) -> None:
    runs = {**coco_mask.encode(np.asfortranarray(RECTANGLE.astype(np.uint8)))} if compressed else RUNS
    if compressed:
        runs['counts'] = runs['counts'].decode()  # as JSON files have them
    found = labelled_mask(crops({'segmentation': runs}), 0)
    assert (found.source, found.missing) == ('segmentation', None)
    np.testing.assert_array_equal(found.pixels, EXPECTED)
    assert found.content()['share_of_crop'] == EXPECTED.mean()


def test_polygons_in_two_pieces() -> None:
    upper, lower = ([30, top, 50, top, 50, top + 20, 30, top + 20] for top in (20, 40))
    found = labelled_mask(crops({'segmentation': [upper, lower]}), 0)
    np.testing.assert_array_equal(found.pixels, EXPECTED)


def test_a_part_map_of_a_rendered_person(tmp_path: Path) -> None:
    picture = tmp_path / 'people' / 'one.jpg'
    parts = np.zeros(SHAPE[:2], np.uint8)
    parts[RECTANGLE] = PEOPLE_STRIDE + BODY_PARTS['torso']
    parts[:10] = BODY_PARTS['head']  # another person's
    part_map_path(picture).parent.mkdir(parents=True)
    write_part_map(part_map_path(picture), parts)
    annotation = {'rendered': {'person_index': 1}}
    found = labelled_mask(crops(annotation, str(picture)), 0)
    assert found.source == 'part map'
    np.testing.assert_array_equal(found.pixels, EXPECTED)
    lost = labelled_mask(crops(annotation, str(tmp_path / 'people' / 'two.jpg')), 0)
    assert lost.pixels is None
    assert 'two.png does not exist' in str(lost.missing)


def test_a_turned_crop_turns_the_mask() -> None:
    """By a quarter: the input's x is the picture's y."""
    turned = crops({'segmentation': RUNS})
    turned.to_image[0] = [[0, 1, 20], [1, 0, 10]]
    found = labelled_mask(turned, 0).pixels
    np.testing.assert_array_equal(found, RECTANGLE[10:40, 20:60].T)


@pytest.mark.parametrize(
    ('annotation', 'complaint'),
    [
        (None, NO_MASK),
        ({}, NO_MASK),
        ({'segmentation': []}, NO_MASK),
        ({'segmentation': None}, NO_MASK),
        ({'rendered': {'person_index': 0}}, NO_MASK),  # of a picture that nobody knows
        ({'segmentation': [[1, 2, 3, 4]]}, 'segmentation is neither polygons nor run lengths'),
        ({'segmentation': {'size': [100, 80], 'counts': '!!!!'}}, 'segmentation is neither'),
        ({'segmentation': {'size': [100, 80]}}, 'segmentation is neither'),
        ({'segmentation': 'here'}, 'segmentation is neither'),
        (
            {'segmentation': {'size': [10, 10], 'counts': [10, 90]}},
            'segmentation is of 10 × 10 pixels, the picture of 80 × 100',
        ),
        ({'segmentation': [[0, 0, 4, 0, 4, 4]]}, 'segmentation shows nothing of the person in the crop'),
    ],
)
def test_why_there_is_none(annotation: Any, complaint: str) -> None:
    found = labelled_mask(crops(annotation), 0)
    assert (found.pixels, found.source) == (None, None)
    assert str(found.missing).startswith(complaint)
    assert found.content() == {'source': None, 'share_of_crop': None, 'missing': found.missing}


def test_a_picture_of_a_mask_is_cut_as_the_crop() -> None:
    noise = np.random.default_rng(0).random(SHAPE[:2]) < 0.3
    found = PersonMask.of_picture(noise, 'mask', crops(), 0)
    expected = cv2.resize(noise[TOP : TOP + 80, LEFT : LEFT + 60].astype(np.uint8), (WIDTH, HEIGHT), interpolation=0)
    np.testing.assert_array_equal(found.pixels, expected.astype(bool))
