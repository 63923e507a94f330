"""A whole diagnosis where there is nothing to diagnose, and how it tells how far it is."""

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from posescope.evaluation.diagnosis import ErrorClass, classify, diagnose
from posescope.evaluation.diagnosis.corrections import CORRECTABLE, corrected_places
from posescope.evaluation.diagnosis.diagnosis_content import content_of
from tests.evaluation.diagnosis.planted import FLIP, SIGMAS, detections_at, people_at, random_scene

CONTENT = {'images': [{'id': 0}, {'id': 1}], 'annotations': []}
NAMES = ['nose', 'left_hand', 'right_hand']
NOBODY = people_at(np.zeros((0, 3, 2)), [], image_ids=np.arange(2))


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('joints', [0, 3])
@pytest.mark.parametrize('count', [0, 2])
def test_nobody_to_find(count: int, joints: int, legacy: bool) -> None:
    """Whoever read the annotations may not have known the number of joints."""
    people = replace(NOBODY, keypoints=np.zeros((0, joints, 3)))
    detections = detections_at(np.zeros((count, 3, 2)))
    found = diagnose(CONTENT, people, detections, SIGMAS, FLIP, NAMES, legacy=legacy, peaks=np.zeros((count, 3, 3, 2)))
    assert found.headroom.measured['AP'] == -1
    assert all(np.isnan(found.gain(kind)) for kind in found.headroom.alone)
    assert found.joint_gains is not None
    assert found.joint_gains.shape == (len(ErrorClass), 3)
    assert np.isnan(found.joint_gains).all()
    assert (found.false.background, found.false.evaluated, found.false.people) == (count, count, 0)
    content = content_of(found)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert [joint['labelled'] for joint in content['joints']] == [0, 0, 0]


@pytest.mark.parametrize('legacy', [False, True])
def test_classes_and_places_of_nobody(legacy: bool) -> None:
    for detections in (detections_at(np.zeros((0, 3, 2))), detections_at(np.zeros((2, 3, 2)))):
        errors = classify(NOBODY, detections, SIGMAS, FLIP, legacy=legacy)
        assert errors.classes.shape == errors.similarities.shape == errors.side_ambiguous.shape == (0, 3)
        assert errors.counts().shape == (len(ErrorClass), 3)
        assert corrected_places(NOBODY, detections, errors, SIGMAS, legacy=legacy).shape == (0, 3, 2)


def test_progress_passes_every_evaluation() -> None:
    people, detections, sigmas, flip = random_scene(0, 5, 8)
    content = {'images': [{'id': image} for image in range(8)], 'annotations': []}
    lengths = []

    def show(loop: Iterable[int]) -> Iterable[int]:
        steps = list(loop)
        lengths.append(len(steps))
        return steps

    given = content, people, detections, sigmas, flip, list('abcde')
    shown = diagnose(*given, progress=show)
    assert lengths == [len(CORRECTABLE), len(CORRECTABLE) * 5]
    assert content_of(shown) == content_of(diagnose(*given))
