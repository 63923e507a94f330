"""With ``legacy`` the numbers are those of the code that Ronchi and Perona published.

The numbers below were printed by coco-analyze (github.com/matteorr/coco-analyze), made to run on numpy 1.26 by
replacing ``np.float`` and counts that were no integers, and with COCO's area range for all people in place of its own,
on the people and detections that :func:`scene` makes.
"""

import numpy as np
import pytest

from posescope.evaluation.detections import Detections, detections_from_coco
from posescope.evaluation.diagnosis.error_classes import ErrorClass, classify
from posescope.evaluation.diagnosis.headroom import headroom
from posescope.evaluation.matching import match
from posescope.evaluation.people import People, people_from_coco
from tests.evaluation.diagnosis.planted import random_scene

SIGMAS = np.repeat([0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089], [1, *[2] * 8])
FLIP = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
COUNTED = (ErrorClass.GOOD, ErrorClass.JITTER, ErrorClass.INVERSION, ErrorClass.SWAP, ErrorClass.MISS)
PUBLISHED = [
    (
        [160, 27, 40, 40, 85],
        [
            0.117590221755,
            0.251158795001,
            0.371630692278,
            0.533861964219,
            0.568482177587,
            0.891459017697,
            0.89504950495,
            1.0,
        ],
    ),
    (
        [138, 36, 32, 48, 89],
        [
            0.129543726729,
            0.285437436164,
            0.43883766614,
            0.615182025653,
            0.651095620497,
            0.855091937765,
            0.855445544554,
            1.0,
        ],
    ),
    (
        [124, 42, 26, 29, 96],
        [
            0.06974803777,
            0.323219500734,
            0.408005931933,
            0.536498146569,
            0.592171912091,
            0.83988956588,
            0.840594059406,
            1.0,
        ],
    ),
    (
        [105, 27, 26, 28, 74],
        [
            0.075713365637,
            0.222951351653,
            0.342924821402,
            0.473226588525,
            0.518301796466,
            0.873267326733,
            0.873267326733,
            1.0,
        ],
    ),
]
"""By seed: joints of each class in :data:`COUNTED`, and AP: measured, then without miss, swap, inversion and jitter,
with optimal scores, without false positives and without false negatives, each with all before it."""


def scene(seed: int) -> tuple[People, Detections]:
    """Draw people, of whom crowds and those without labels are left out, and detections of different scores."""
    people, detections, _, _ = random_scene(seed)
    annotations = [
        {
            'id': one + 1,
            'image_id': int(people.image[one]),
            'category_id': 1,
            'keypoints': people.keypoints[one].ravel().tolist(),
            'area': float(people.areas[one]),
            'bbox': people.boxes[one].tolist(),
            'iscrowd': 0,
        }
        for one in np.flatnonzero(~people.ignored)
    ]
    images = [{'id': image} for image in people.image_ids.tolist()]
    truth = people_from_coco({'images': images, 'annotations': annotations, 'categories': [{'id': 1}]})
    results = [
        {
            'image_id': int(detections.image[row]),
            'category_id': 1,
            'keypoints': detections.keypoints[row].ravel().tolist(),
            'score': float(detections.scores[row]) + row * 1e-6,
        }
        for row in range(len(detections))
    ]
    return truth, detections_from_coco(results, truth)


@pytest.mark.parametrize('seed', range(len(PUBLISHED)))
def test_published_numbers(seed: int) -> None:
    people, detections = scene(seed)
    errors = classify(people, detections, SIGMAS, FLIP, legacy=True)
    room = headroom(people, detections, match(people, detections, SIGMAS), errors, SIGMAS, legacy=True)
    counts, values = PUBLISHED[seed]
    assert errors.counts().sum(1)[list(COUNTED)].tolist() == counts
    found = [room.measured['AP'], *(step['AP'] for step in room.sequence.values())]
    assert found == pytest.approx(values, abs=1e-9)
