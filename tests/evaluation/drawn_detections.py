"""Small COCO data sets with detections of several models, and their evaluation by xtcocotools."""

import contextlib
import copy
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.detections import detections_from_coco
from posescope.evaluation.matching import Matches, match
from posescope.evaluation.people import people_from_coco

SIGMAS = np.full(17, 0.08)


def draw(seed: int, images: int = 12, models: int = 2) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """Draw annotations and each model's detections.

    A model's scores are the negative whole numbers from -1 down in a random order, so none of them are equal.
    """
    generator = np.random.default_rng(seed)
    people, results = [], [[] for _ in range(models)]
    for image in range(images):
        for _ in range(generator.integers(0, 5)):
            width, height = generator.choice([20, 60, 150], 2)
            corner = generator.uniform(0, 150, 2)
            places = corner + generator.random((17, 2)) * [width, height]
            v = generator.choice([0, 1, 2], 17)
            person = {
                'id': len(people),
                'image_id': image,
                'category_id': 1,
                'bbox': [*corner.tolist(), float(width), float(height)],
                'area': float(width * height) * 0.6,
                'iscrowd': int(generator.random() < 0.1),
                'num_keypoints': int((v > 0).sum()),
                'keypoints': np.column_stack([places, v]).ravel().tolist(),
            }
            people.append(person)
            for found in results:
                for spread in generator.choice([2, 5, 10, 60], generator.integers(1, 3)):
                    moved = places + generator.normal(0, spread, (17, 2))
                    joints = np.column_stack([moved, np.ones(17)]).ravel().tolist()
                    found.append({'image_id': image, 'category_id': 1, 'keypoints': joints})
    for found in results:
        for result, rank in zip(found, generator.permutation(len(found)).tolist(), strict=True):
            result['score'] = -1.0 - rank
    content = {
        'images': [{'id': image, 'width': 400, 'height': 400} for image in range(images)],
        'annotations': people,
        'categories': [{'id': 1, 'name': 'person', 'keypoints': [str(i) for i in range(17)], 'skeleton': []}],
    }
    return content, results


def matched(content: dict[str, Any], results: list[dict[str, Any]]) -> Matches:
    people = people_from_coco(content)
    return match(people, detections_from_coco(results, people), SIGMAS)


def copied(entries: list[dict[str, Any]], weights: NDArray[np.integer], field: str) -> list[dict[str, Any]]:
    """Each entry as often as its image is drawn, on images with numbers of their own."""
    return [
        {**entry, field: 1000 * copy_number + entry[field]}
        for entry in entries
        for copy_number in range(weights[entry[field]])
    ]


def evaluated(content: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, float]:
    """COCO's ten statistics by xtcocotools, of people numbered anew."""
    truth = COCO()
    truth.dataset = copy.deepcopy(content)
    for number, person in enumerate(truth.dataset['annotations'], 1):
        person['id'] = number
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), 'keypoints', SIGMAS)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(STATISTICS, evaluation.stats.tolist(), strict=True))
