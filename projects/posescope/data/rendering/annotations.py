"""From a rendered scene to the entries of a COCO-format annotation file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from posescope.data.body_parts import part_pixels
from posescope.data.rendering.body import COCO_JOINTS
from posescope.data.rendering.composition import SECTORS
from posescope.data.rendering.digests import pixel_digest
from posescope.data.rendering.visibility import NOT_HIDDEN, OUTSIDE

if TYPE_CHECKING:
    from posescope.data.rendering.render_folder import RenderSettings
    from posescope.data.rendering.scene import RenderedPerson, RenderedScene

# As COCO's file has it, joints counted from 1.
SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
    (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
CATEGORY = {
    'id': 1,
    'name': 'person',
    'supercategory': 'person',
    'keypoints': list(COCO_JOINTS),
    'skeleton': [list(line) for line in SKELETON],
}
V_VISIBLE, V_HIDDEN, V_OUTSIDE = 2, 1, 0
PEOPLE_PER_PICTURE = 10
"""Annotation ids of one picture are this number apart from those of the next."""
_MEDIUM, _LARGE = 32**2, 96**2
_DESCRIPTION = (
    'Rendered people. Keypoints: v = 2 the joint is to be seen, 1 it is within the picture and hidden, by the depth '
    'buffer, 0 it is outside. (0, 0) is the centre of the first pixel. area, segmentation and bbox are of visible '
    'pixels. rendered.heading: degrees, 0 faces the camera, 90 the right of the picture. rendered.occlusion: 0 none, '
    '1 own body, 2 object, 3 other person, 4 outside. rendered.joints: x, y in pixels, depth in metres.'
)


def describe_image(scene: 'RenderedScene', image_id: int, seed: int) -> dict[str, Any]:
    """Write the ``images`` entry of a picture.

    Args:
        scene: The rendered scene.
        image_id: Id of the picture.
        seed: Seed of its split.

    Returns:
        A COCO image with the extra object ``rendered``.
    """
    height, width = scene.part_map.shape
    camera = scene.camera
    return {
        'id': image_id,
        'file_name': f'{image_id:09d}.jpg',
        'width': width,
        'height': height,
        'rendered': {
            'seed': seed,
            'camera': {
                'focal': _rounded(camera.focal, 3),
                'position': _rounded(camera.position, 4),
                'rotation': _rounded(camera.rotation, 6),
            },
            'background_id': scene.background_id,
            'light': _rounded(scene.light, 4),
            'sha256': pixel_digest(scene.image, scene.part_map),
        },
    }


def describe_people(scene: 'RenderedScene', image_id: int) -> list[dict[str, Any]]:
    """Write the ``annotations`` entries of a picture.

    Args:
        scene: The rendered scene.
        image_id: Id of the picture.

    Returns:
        A COCO annotation with the extra object ``rendered`` for everyone of whom a pixel is visible.
    """
    masks = [part_pixels(scene.part_map, index) for index in range(len(scene.people))]
    return [
        _describe_person(person, index, mask, image_id)
        for index, (person, mask) in enumerate(zip(scene.people, masks, strict=True))
        if mask.any()
    ]


def _describe_person(person: 'RenderedPerson', index: int, mask: NDArray[np.bool_], image_id: int) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    area = int(coco_mask.area(rle))
    keypoints = _keypoints(person.joints, person.occlusion)
    heading = round(float(person.heading), 2) % 360
    return {
        'id': image_id * PEOPLE_PER_PICTURE + index,
        'image_id': image_id,
        'category_id': CATEGORY['id'],
        'iscrowd': 0,
        'bbox': [float(value) for value in coco_mask.toBbox(rle)],
        'area': area,
        'segmentation': {'size': list(rle['size']), 'counts': rle['counts'].decode('ascii')},
        'num_keypoints': sum(visibility > 0 for visibility in keypoints[2::3]),
        'keypoints': keypoints,
        'rendered': {
            'person_index': index,
            'heading': heading,
            'sector': round(heading / (360 / SECTORS)) % SECTORS,
            'pose_class': person.pose_class,
            'body_id': person.body_id,
            'outfit_id': person.outfit_id,
            'occlusion': [int(code) for code in person.occlusion],
            'truncated': bool(person.truncated),
            'unoccluded': bool(person.unoccluded),
            'joints': _rounded(person.joints, 2),
            'size': 'small' if area < _MEDIUM else 'medium' if area < _LARGE else 'large',
        },
    }


def _keypoints(joints: NDArray[np.float64], occlusion: Sequence[int] | NDArray[Any]) -> list[float]:
    """Flatten joints, (17, 3) image x, y and depth, to COCO's triples of x, y and v."""
    triples: list[float] = []
    for (x, y, _), code in zip(joints, occlusion, strict=True):
        if code == OUTSIDE:
            triples += [0, 0, V_OUTSIDE]
        else:
            triples += [*_rounded([x, y], 2), V_VISIBLE if code == NOT_HIDDEN else V_HIDDEN]
    return triples


def _rounded(value: Any, digits: int) -> Any:
    """Make plain lists of arrays and tuples, and round, so that the last bits of another processor do not show."""
    if isinstance(value, dict):
        return {key: _rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(entry, digits) for entry in value]
    return round(float(value), digits) + 0.0 if isinstance(value, float) else value  # + 0.0 makes 0 of -0


def assemble(settings: 'RenderSettings', records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the entries of all pictures of a split into one file.

    Args:
        settings: What the split was rendered with.
        records: For each picture its ``image`` and ``annotations``.

    Returns:
        A COCO-format annotation file.
    """
    return {
        'info': {
            'rendered': True,
            'description': _DESCRIPTION,
            'generator': 'posescope tools/render_people.py',
            'version': settings.version,
            'split': settings.split,
            'seed': settings.seed,
            'num': settings.num,
        },
        'licenses': [],
        'categories': [CATEGORY],
        'images': [record['image'] for record in records],
        'annotations': [person for record in records for person in record['annotations']],
    }
