"""Pictures in the renderer's format without the renderer: grey people of capsules, with part maps and exact joints."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from posescope.data.body_parts import BODY_PARTS, OCCLUDER, PEOPLE_STRIDE, write_part_map
from tests.drawn_people import JOINTS, SKELETON

# A standing body in units of its height, (x, y) from the top centre; it faces the camera, so its left is at larger x.
REST = np.array([
    [0, .08], [.02, .06], [-.02, .06], [.04, .07], [-.04, .07], [.12, .19], [-.12, .19], [.17, .36], [-.17, .36],
    [.2, .5], [-.2, .5], [.07, .52], [-.07, .52], [.08, .75], [-.08, .75], [.09, .98], [-.09, .98],
])  # fmt: skip
LIMBS = (
    ('left_thigh', 11, 13), ('right_thigh', 12, 14), ('left_lower_leg', 13, 15), ('right_lower_leg', 14, 16),
    ('torso', 5, 12), ('torso', 6, 11), ('left_upper_arm', 5, 7), ('right_upper_arm', 6, 8), ('left_forearm', 7, 9),
    ('right_forearm', 8, 10),
)  # fmt: skip


@dataclass
class DrawnPicture:
    """A picture, its part map, and the annotations of its people."""

    image: np.ndarray
    part_map: np.ndarray
    annotations: list[dict[str, Any]]


def draw_picture(
    image_id: int, people: int = 1, occluder: bool = False, size: tuple[int, int] = (240, 320)
) -> DrawnPicture:
    """Draw people in grey on grey noise; ``size`` is (height, width), ``occluder`` a box in front of a left forearm."""
    generator = np.random.default_rng(image_id)
    height, width = size
    image = np.repeat(generator.integers(60, 190, (height, width, 1), dtype=np.uint8), 3, -1)
    part_map = np.zeros(size, np.uint8)
    annotations = []
    for index in range(people):
        tall = generator.uniform(0.7, 0.85) * height
        joints = REST + generator.normal(0, 0.015, REST.shape)
        joints = joints * tall + [(index + 0.5) * width / people, generator.uniform(5, height - tall - 5)]
        _draw_person(image, part_map, index, joints, tall, generator)
        annotations.append(_annotation(image_id, index, joints, int(generator.integers(8))))
    if occluder:
        elbow, wrist = np.array(annotations[0]['rendered']['joints'])[[7, 9], :2]
        x, y = (elbow + wrist).astype(int) // 2
        image[y - 40 : y + 2, x - 30 : x + 30] = 120
        part_map[y - 40 : y + 2, x - 30 : x + 30] = OCCLUDER
    return DrawnPicture(image, part_map, annotations)


def _draw_person(image, part_map, index, joints, tall, generator) -> None:
    def paint(name: str, draw) -> None:
        stencil = np.zeros(part_map.shape, np.uint8)
        draw(stencil)
        part_map[stencil > 0] = index * PEOPLE_STRIDE + BODY_PARTS[name]
        image[stencil > 0] = generator.integers(110, 150, ((stencil > 0).sum(), 1))

    def point(joint: int) -> tuple[int, int]:
        return tuple(int(v) for v in np.rint(joints[joint]))

    paint('head', lambda stencil: cv2.circle(stencil, point(0), int(0.07 * tall), 1, -1))
    for name, a, b in LIMBS:
        paint(name, lambda stencil, a=a, b=b: cv2.line(stencil, point(a), point(b), 1, max(3, int(0.05 * tall))))
    for name, joint in (('left_hand', 9), ('right_hand', 10), ('left_foot', 15), ('right_foot', 16)):
        paint(name, lambda stencil, joint=joint: cv2.circle(stencil, point(joint), int(0.025 * tall), 1, -1))


def _annotation(image_id: int, index: int, joints: np.ndarray, sector: int) -> dict[str, Any]:
    (x0, y0), (x1, y1) = joints.min(0) - 5, joints.max(0) + 5
    return {
        'id': image_id * 10 + index, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0, 'num_keypoints': 17,
        'bbox': [float(v) for v in (x0, y0, x1 - x0, y1 - y0)], 'area': float((x1 - x0) * (y1 - y0) * 0.5),
        'keypoints': np.c_[joints, np.full(17, 2)].round(3).ravel().tolist(),
        'rendered': {
            'person_index': index, 'heading': sector * 45.0, 'sector': sector,
            'joints': np.c_[joints, np.full(17, 4.0)].round(3).tolist(),
        },
    }  # fmt: skip


def write_drawn_rendered_people(
    root: Path, num_images: int = 4, people: int = 1, size: tuple[int, int] = (240, 320)
) -> Path:
    """Write pictures, part maps and annotations in the layout of rendered data sets; return the annotation file."""
    images, annotations = [], []
    for folder in (root / 'people', root / 'parts' / 'people', root / 'annotations'):
        folder.mkdir(parents=True, exist_ok=True)
    for image_id in range(100, 100 + num_images):
        picture = draw_picture(image_id, people, size=size)
        height, width = picture.part_map.shape
        cv2.imwrite(str(root / 'people' / f'{image_id:09d}.jpg'), picture.image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        write_part_map(root / 'parts' / 'people' / f'{image_id:09d}.png', picture.part_map)
        images.append({'id': image_id, 'file_name': f'{image_id:09d}.jpg', 'width': width, 'height': height})
        annotations += picture.annotations
    category = {'id': 1, 'name': 'person', 'keypoints': list(JOINTS), 'skeleton': [list(bone) for bone in SKELETON]}
    content = {
        'info': {'rendered': True}, 'images': images, 'annotations': annotations, 'categories': [category],
    }  # fmt: skip
    path = root / 'annotations' / 'people.json'
    path.write_text(json.dumps(content))
    return path
