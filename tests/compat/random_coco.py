"""Small random data sets and results in COCO format that visit the corners of the evaluation protocol."""

import random

import numpy as np

PART_SIZES = {'keypoints': 4, 'foot_kpts': 2, 'face_kpts': 3, 'lefthand_kpts': 2, 'righthand_kpts': 2}
SIGMAS = np.array([0.03, 0.05, 0.08, 0.1, 0.04, 0.06, 0.02, 0.03, 0.05, 0.04, 0.07, 0.05, 0.06], dtype=np.float32)
KINDS = {
    'keypoints': SIGMAS[:4],
    'keypoints_crowd': SIGMAS[:4],
    'keypoints_body': SIGMAS[:4],
    'keypoints_foot': SIGMAS[4:6],
    'keypoints_face': SIGMAS[6:9],
    'keypoints_lefthand': SIGMAS[9:11],
    'keypoints_righthand': SIGMAS[11:],
    'keypoints_wholebody': SIGMAS,
    'bbox': None,
    'segm': None,
}
"""Kind of evaluation -> sigmas of its joints; float32, as MMPose holds them."""

# Edges of the area ranges, exactly and nearly: 32² and 96², also after the factor for boxes.
SIDES = (6, 32, 32.5, 44, 60, 96, 97, 131.9, 140, 200)
SCORES = (0.9, 0.9, 0.5, 0.5, 0.3, 0.1, 0.7)


def draw_case(seed: int) -> tuple[dict, list[dict]]:
    """Draw annotations and results.

    Returns:
        The content of an annotation file and of a result file.
    """
    draw = random.Random(seed)
    images = [
        {'id': image_id, 'width': 400, 'height': 400, 'crowdIndex': draw.choice((0, 0.1, 0.2, 0.5, 0.8, 1))}
        for image_id in range(1, draw.randint(2, 5))
    ]
    categories = [{'id': category_id, 'name': str(category_id)} for category_id in range(1, draw.choice((2, 2, 3)))]
    annotations = []
    for image in images:
        for _ in range(draw.choice((0, 1, 2, 3, 5))):
            person = _draw_person(draw)
            person |= {'image_id': image['id'], 'category_id': draw.choice(categories)['id'], 'id': len(annotations)}
            annotations.append(person)
    results = []
    for _ in range(draw.choice((0, 1, 6, 15, 30))):
        if annotations and draw.random() < 0.8:
            person = draw.choice(annotations)
            result = _disturb(draw, person)
            result |= {'image_id': person['image_id'], 'category_id': person['category_id']}
        else:
            result = _disturb(draw, _draw_person(draw))
            result |= {'image_id': draw.choice(images)['id'], 'category_id': draw.choice(categories)['id']}
        results.append(result)
    if draw.random() < 0.5:
        for result in results:
            result |= {f'{part}_score': draw.choice(SCORES) for part in ('foot', 'face', 'wholebody')}
    if draw.random() < 0.5:  # results of joints alone: their box is made from the joints
        for result in results:
            del result['bbox']
    return {'images': images, 'annotations': annotations, 'categories': categories}, results


def _draw_person(draw: random.Random) -> dict:
    width, height = draw.choice(SIDES), draw.choice(SIDES)
    x, y = draw.uniform(0, 150), draw.uniform(0, 150)
    person: dict = {'bbox': [x, y, width, height], 'area': width * height * draw.choice((1, 0.53, 0.5))}
    person['segmentation'] = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    if draw.random() < 0.9:
        person['iscrowd'] = int(draw.random() < 0.15)
    if draw.random() < 0.1:
        person['ignore'] = 1
    unlabelled = draw.random() < 0.15
    for field, size in PART_SIZES.items():
        values: list[float] = []
        for _ in range(size):
            visibility = 0 if unlabelled else draw.choice((0, 1, 2, 2))
            values += [x + draw.random() * width, y + draw.random() * height, visibility] if visibility else [0, 0, 0]
        person[field] = values
    # On purpose not the number of labelled joints: only CrowdPose's kind may look at it.
    person['num_keypoints'] = draw.choice((0, 1, 4))
    return person


def _disturb(draw: random.Random, person: dict) -> dict:
    """Make a result out of a person, from exact to far off, sometimes with no joint that has a score."""
    spread = draw.choice((0, 1, 3, 10, 60))
    scores = draw.choice(((0,), (0.2, 0.9, 0, -0.1), (0.8,), (0.8,), (0.8,)))
    result: dict = {'score': draw.choice(SCORES)}
    for field in PART_SIZES:
        values = list(person[field])
        for i in range(0, len(values), 3):
            values[i] += draw.uniform(-spread, spread)
            values[i + 1] += draw.uniform(-spread, spread)
            values[i + 2] = draw.choice(scores)
        result[field] = values
    x, y, width, height = person['bbox']
    result['bbox'] = [x + draw.uniform(-spread, spread) / 4, y, width, height * draw.choice((1, 1, 0.9, 1.2))]
    return result
