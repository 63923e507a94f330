"""A small COCO-format data set drawn with OpenCV: coloured stick figures whose joints are known exactly."""

import json
from pathlib import Path

import cv2
import numpy as np

JOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder', 'left_elbow',
    'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
    'right_ankle',
)  # fmt: skip
SKELETON = (
    (16, 14),
    (14, 12),
    (17, 15),
    (15, 13),
    (12, 13),
    (6, 12),
    (7, 13),
    (6, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (9, 11),
)
# A standing body in units of its height, (x, y) from the top centre of its box.
REST = np.array([
    [0, .08], [.03, .06], [-.03, .06], [.06, .08], [-.06, .08], [.12, .22], [-.12, .22], [.18, .36], [-.18, .36],
    [.2, .5], [-.2, .5], [.08, .52], [-.08, .52], [.09, .74], [-.09, .74], [.1, .95], [-.1, .95],
])  # fmt: skip
COLOURS = cv2.applyColorMap(np.linspace(0, 255, 17).astype(np.uint8)[:, None], cv2.COLORMAP_HSV)[:, 0].tolist()


def draw_person(image: np.ndarray, joints: np.ndarray, thickness: int) -> None:
    """Draw bones and joints of one person, joints (17, 2) in image pixels, into ``image``."""
    for a, b in SKELETON:
        cv2.line(image, *(tuple(int(v) for v in joints[i - 1]) for i in (a, b)), (220, 220, 220), thickness)
    for joint, colour in zip(joints, COLOURS, strict=True):
        cv2.circle(image, tuple(int(v) for v in joint), thickness + 1, colour, -1)


def write_drawn_coco(
    folder: Path, num_images: int = 4, people: int = 2, seed: int = 0, size: tuple[int, int] = (160, 200)
) -> Path:
    """Write ``num_images`` pictures with ``people`` people each and return the annotation file.

    Pictures lie in ``folder``, annotations in ``folder/annotations.json`` beside detections of the same boxes in
    ``folder/detections.json``. ``size`` is (height, width) in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    height, width = size
    images, annotations, detections = [], [], []
    for image_id in range(1, num_images + 1):
        image = generator.integers(20, 90, (height, width, 3), dtype=np.uint8)
        for index in range(people):
            tall = generator.uniform(0.6, 0.85) * height
            left = (index + 0.5) * width / people
            joints = (REST + generator.normal(0, 0.015, REST.shape)) * tall + [
                left,
                generator.uniform(4, height - tall),
            ]
            joints = joints.round(2)
            draw_person(image, joints, max(2, height // 80))
            (x0, y0), (x1, y1) = joints.min(0) - 4, joints.max(0) + 4
            box = [float(v) for v in (x0, y0, x1 - x0, y1 - y0)]
            visibility = np.full(17, 2)
            visibility[generator.integers(17)] = 0
            keypoints = np.where(visibility[:, None] > 0, np.c_[joints, visibility], 0)
            annotations.append({
                'id': len(annotations) + 1, 'image_id': image_id, 'category_id': 1, 'iscrowd': 0, 'bbox': box,
                'area': box[2] * box[3] * 0.6, 'num_keypoints': int((visibility > 0).sum()),
                'keypoints': keypoints.ravel().tolist(),
            })  # fmt: skip
            detections.append({'image_id': image_id, 'category_id': 1, 'bbox': box, 'score': 0.9})
        name = f'{image_id:06d}.png'
        cv2.imwrite(str(folder / name), image)
        images.append({'id': image_id, 'file_name': name, 'width': width, 'height': height})
    category = {'id': 1, 'name': 'person', 'keypoints': list(JOINTS), 'skeleton': [list(bone) for bone in SKELETON]}
    data = {'info': {}, 'images': images, 'annotations': annotations, 'categories': [category]}
    (folder / 'annotations.json').write_text(json.dumps(data))
    (folder / 'detections.json').write_text(json.dumps(detections))
    return folder / 'annotations.json'
