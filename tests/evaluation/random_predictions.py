"""Small random data sets and model outputs that visit the corners of COCO's evaluation protocol."""

import random
from typing import Any, NamedTuple

import numpy as np

SIDES = (6, 32, 32.5, 44, 60, 96, 97, 131.9, 140, 200)
"""Edges of the area ranges, exactly and nearly: 32² and 96², also after the factor for boxes."""
PARTS = {'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68, 'lefthand_kpts': 21, 'righthand_kpts': 21}


class Case(NamedTuple):
    """What one evaluation needs.

    Attributes:
        content: Decoded annotations.
        samples: Model outputs as MMPose's metrics get them.
        meta: The data set's metainfo.
        options: Arguments of the metric.
    """

    content: dict[str, Any]
    samples: list[dict[str, Any]]
    meta: dict[str, Any]
    options: dict[str, Any]


def draw_case(seed: int, joints: int = 17, whole_body: bool = False) -> Case:
    """Draw a data set, predictions for it and arguments of a metric.

    Args:
        seed: Decides everything.
        joints: Joints of a person.
        whole_body: Spread 133 joints over the five fields of COCO-WholeBody.
    """
    draw = random.Random(seed)
    generator = np.random.default_rng(seed)
    images = [
        {
            'id': 10 * i + draw.randint(0, 9),
            'width': 400,
            'height': 400,
            'crowdIndex': draw.choice((0, 0.1, 0.2, 0.8, 1)),
        }
        for i in range(draw.choice((1, 2, 4, 8)))
    ]
    draw.shuffle(images)
    categories = [{'id': i, 'name': str(i)} for i in range(1, draw.choice((2, 2, 2, 3)))]
    people = []
    for image in images:
        for _ in range(draw.choice((0, 1, 2, 3, 6))):
            person = _person(draw, joints, whole_body)
            person |= {'id': len(people), 'image_id': image['id'], 'category_id': draw.choice(categories)['id']}
            people.append(person)
            if draw.random() < 0.1:  # labelled twice: equal similarities
                people.append({**person, 'id': len(people)})
    precision = draw.choice((np.float32, np.float32, np.float64))
    samples = [
        _sample(draw, generator, number, draw.choice(people) if people else None, images, categories, joints, precision)
        for number in range(draw.choice((0, 1, 8, 20, 45)))
    ]
    if samples and draw.random() < 0.3:  # as a distributed sampler does
        samples.append(dict(samples[0]))
    sigmas = generator.choice([0.025, 0.05, 0.08, 0.1], joints).astype(np.float32)
    options = {
        'use_area': draw.random() < 0.7,
        'score_mode': draw.choice(('bbox', 'bbox_keypoint', 'bbox_keypoint', 'bbox_rle', 'keypoint')),
        'nms_mode': draw.choice(('oks_nms', 'oks_nms', 'soft_oks_nms', 'none')),
        'nms_thr': draw.choice((0.9, 0.9, 0.5, 0.05)),
        'keypoint_score_thr': draw.choice((0.2, 0.0, 0.5)),
    }
    if not options['use_area']:
        for person in people[::2]:
            del person['area']
    content = {'images': images, 'annotations': people, 'categories': categories}
    return Case(content, samples, {'sigmas': sigmas, 'num_keypoints': joints, 'dataset_name': 'drawn'}, options)


def draw_whole_images(seed: int, joints: int = 17) -> Case:
    """Draw what a bottom-up model gives: several people or nobody a sample, ids of the labelled, sometimes no boxes."""
    case = draw_case(seed, joints)
    draw = random.Random(seed)
    with_boxes, with_scores = draw.random() < 0.5, draw.random() < 0.5
    by_image: dict[int, list[dict[str, Any]]] = {image['id']: [] for image in case.content['images']}
    for sample in case.samples:
        by_image[sample['img_id']].append(sample['pred_instances'])
    samples = []
    for image_id, found in by_image.items():
        ids = [person['id'] for person in case.content['annotations'] if person['image_id'] == image_id]
        empty = {
            'keypoints': np.zeros((0, joints, 2), np.float32),
            'keypoint_scores': np.zeros((0, joints), np.float32),
        }
        empty |= {'bboxes': np.zeros((0, 4), np.float32), 'bbox_scores': np.zeros(0, np.float32)}
        merged = {name: np.concatenate([one[name] for one in found]) if found else empty[name] for name in empty}
        if not with_boxes:
            del merged['bboxes']
        if not with_scores:
            del merged['bbox_scores']
        samples.append({'id': ids, 'img_id': image_id, 'pred_instances': merged, 'gt_instances': {}})
    return case._replace(samples=samples if any(by_image.values()) else [])


def _person(draw: random.Random, joints: int, whole_body: bool) -> dict[str, Any]:
    width, height = draw.choice(SIDES), draw.choice(SIDES)
    x, y = draw.uniform(0, 150), draw.uniform(0, 150)
    unlabelled = draw.random() < 0.15
    values: list[float] = []
    for _ in range(joints):
        v = 0 if unlabelled else draw.choice((0, 1, 2, 2))
        values += [x + draw.random() * width, y + draw.random() * height, v] if v else [0, 0, 0]
    person: dict[str, Any] = {
        'bbox': [x, y, width, height],
        'area': width * height * draw.choice((1, 0.53, 0.5)),
        'iscrowd': int(draw.random() < 0.15),
        'num_keypoints': draw.choice((0, 1, 4)),  # on purpose not the number of labelled joints
    }
    if not whole_body:
        return person | {'keypoints': values}
    start = 0
    for field, count in PARTS.items():
        person[field] = values[3 * start : 3 * (start + count)]
        start += count
    return person


def _sample(draw, generator, number, person, images, categories, joints, precision) -> dict[str, Any]:
    if person is None or draw.random() < 0.15:
        person = _person(draw, joints, whole_body=False) | {
            'image_id': draw.choice(images)['id'],
            'category_id': draw.choice(categories)['id'],
        }
    triples = np.concatenate([np.reshape(person[f], (-1, 3)) for f in PARTS if f in person and len(person[f])])
    spread = draw.choice((0, 0, 0.5, 2, 5, 10, 60))
    places = triples[:, :2] + generator.uniform(-spread, spread, (joints, 2)) if spread else triples[:, :2]
    kind = draw.choice(('none', 'mixed', 'same', 'same', 'threshold'))
    scores = {
        'none': np.zeros(joints),
        'mixed': generator.uniform(0, 1, joints),
        'same': np.full(joints, 0.75),
        'threshold': generator.choice([0.2, 0.5, 0.9], joints),
    }[kind]
    x, y, width, height = person['bbox']
    box = np.array([[x, y, x + width, y + height * draw.choice((1, 1, 0.9, 1.2))]], precision)
    box_score = np.array([draw.choice((1, 1, 0.9, 0.5, 0.5, 0.3, 0))], precision)
    return {
        'id': number,
        'img_id': person['image_id'],
        'category_id': person['category_id'],
        'pred_instances': {
            'keypoints': places[None].astype(precision),
            'keypoint_scores': scores[None].astype(np.float32),
            'bboxes': box,
            'bbox_scores': box_score,
        },
        'gt_instances': {'bbox_scales': (box[:, 2:] - box[:, :2]) * precision(1.25)},
    }
