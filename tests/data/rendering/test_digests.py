"""Hashes change with every pixel and label, and with nothing else."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posescope.data.rendering.annotations import describe_image, describe_people
from posescope.data.rendering.digests import check_digests, digest_file, picture_digests, pixel_digest
from posescope.errors import InputError
from tests.data.rendering.flat_scenes import flat_scene


@pytest.fixture
def coco() -> dict[str, Any]:
    scenes = [(100 + index, flat_scene(0, index)) for index in range(4)]
    return {
        'images': [describe_image(scene, image_id, 0) for image_id, scene in scenes],
        'annotations': [person for image_id, scene in scenes for person in describe_people(scene, image_id)],
    }


def test_pixel_digest_is_sha256_of_what_is_stated() -> None:
    image, part_map = np.arange(24, dtype=np.uint8).reshape(2, 4, 3), np.arange(8, dtype=np.uint8).reshape(2, 4)
    assert (
        pixel_digest(image, part_map) == hashlib.sha256(b'(2, 4, 3)' + bytes(range(24)) + bytes(range(8))).hexdigest()
    )
    assert pixel_digest(image[:, ::-1][:, ::-1], part_map) == pixel_digest(image, part_map)
    turned = pixel_digest(image.reshape(4, 2, 3), part_map.reshape(4, 2))
    assert turned != pixel_digest(image, part_map)


def test_order_does_not_matter_and_every_value_does(coco: dict[str, Any]) -> None:
    before = picture_digests(coco)
    assert list(before) == [100, 101, 102, 103]
    shuffled = {key: entries[::-1] for key, entries in coco.items()}
    assert picture_digests(shuffled) == before
    assert digest_file(shuffled) == digest_file(coco)
    changed = copy.deepcopy(coco)
    changed['images'][1]['rendered']['sha256'] = '0' * 64
    changed['annotations'][5]['keypoints'][0] += 0.01
    after = picture_digests(changed)
    assert [image_id for image_id in before if before[image_id] != after[image_id]] == [101, 102]


def test_differing_pictures_are_named(coco: dict[str, Any], tmp_path: Path) -> None:
    reference = tmp_path / 'x.sha256'
    with pytest.raises(InputError, match=r'x\.sha256 does not exist'):
        check_digests(coco, reference)
    reference.write_text(digest_file(coco))
    lines = reference.read_text().splitlines()
    assert [len(line) for line in lines] == [64, 8, 8, 8, 8]
    assert check_digests(coco, reference) == lines[0]
    coco['annotations'][2]['area'] += 1
    coco['images'][3]['width'] += 1
    with pytest.raises(InputError, match=r'2 of 4 pictures differ from .*x\.sha256, first 000000101, 000000103'):
        check_digests(coco, reference)
    with pytest.raises(InputError, match=r'3 pictures were rendered, .* is of 4'):
        check_digests({**coco, 'images': coco['images'][:3]}, reference)
