from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from posescope.data.body_parts import BODY_PARTS, OCCLUDER, PEOPLE_STRIDE, part_map_path, write_part_map
from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.units.part_maps import person_parts


def crop_of(folder: Path, **annotation: Any) -> Crops:
    """A crop of 8 × 8 pixels, each two wide in the picture, whose first pixel is the picture's (4, 2)."""
    sample = PoseDataSample(metainfo={'img_path': str(folder / 'dev' / '1.jpg'), 'raw_ann_info': annotation})
    to_image = np.array([[[2.0, 0, 4], [0, 2.0, 2]]])
    empty = np.zeros((1, 2))
    return Crops(torch.zeros(1, 3, 8, 8), empty, empty, (8, 8), to_image, [sample])


def test_parts_of_the_crops_own_person(tmp_path: Path) -> None:
    codes = np.zeros((30, 30), np.uint8)
    codes[4:12, 4:30] = PEOPLE_STRIDE + BODY_PARTS['torso']
    codes[4:12, 12:16] = BODY_PARTS['head']  # another person in front
    codes[8:10, 8:10] = OCCLUDER
    path = part_map_path(tmp_path / 'dev' / '1.jpg')
    path.parent.mkdir(parents=True)
    write_part_map(path, codes)
    found = person_parts(crop_of(tmp_path, rendered={'person_index': 1}))
    expected = np.zeros((1, 8, 8), np.uint8)
    expected[0, 1:5] = BODY_PARTS['torso']
    expected[0, 1:5, 4:6] = 0
    expected[0, 3, 2] = 0
    np.testing.assert_array_equal(found, expected)


def test_people_who_are_not_rendered_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'part map .* does not exist'):
        person_parts(crop_of(tmp_path, rendered={'person_index': 0}))
    path = part_map_path(tmp_path / 'dev' / '1.jpg')
    path.parent.mkdir(parents=True)
    write_part_map(path, np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match='only rendered people'):
        person_parts(crop_of(tmp_path, id=3))
