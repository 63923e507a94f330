import json
from pathlib import Path

import numpy as np
import pytest

from posescope.engine.predicted_errors import errors_by_matches, errors_by_strata
from posescope.errors import InputError
from posescope.evaluation.detections import Detections
from posescope.evaluation.matches_file import save_matches
from posescope.evaluation.matching import match
from posescope.evaluation.people import People, people_from_coco

SIGMAS = np.full(4, 0.05)


def content() -> dict:
    """Three people: small and medium ones with hidden joints, and one of whom nothing is labelled."""
    people = []
    for number, (visible, size) in enumerate([((2, 2, 2, 2), 20), ((2, 1, 0, 2), 50), ((0, 0, 0, 0), 50)], 1):
        joints = [[10 + 3 * i, 10 + 5 * i, v] if v else [0, 0, 0] for i, v in enumerate(visible)]
        people.append({
            'id': number, 'image_id': number, 'category_id': 1, 'bbox': [5, 5, size, size], 'area': size**2,
            'keypoints': np.ravel(joints).tolist(), 'iscrowd': 0,
        })  # fmt: skip
    images = [{'id': number, 'width': 200, 'height': 200} for number in (1, 2, 3)]
    return {'images': images, 'annotations': people, 'categories': [{'id': 1, 'name': 'person'}]}


def row(family: str, population: str, error: str, count: int, of: int) -> dict:
    return {'family': family, 'population': population, 'class': error, 'count': count, 'of': of}


@pytest.fixture
def diagnosis(tmp_path: Path) -> Path:
    """A tenth of all joints are wrong; a fifth of small people's, half of hidden ones."""
    path = tmp_path / 'diagnosis.json'
    classes = {'good': 900, 'miss': 60, 'inversion': 40}
    slices = [
        row('size', 'small', 'good', 160, 200), row('size', 'small', 'miss', 10, 200),
        row('size', 'small', 'inversion', 30, 200), row('size', 'medium', 'good', 740, 800),
        row('size', 'medium', 'miss', 50, 800), row('size', 'medium', 'inversion', 10, 800),
        row('visibility', 'hidden', 'good', 50, 100), row('visibility', 'hidden', 'miss', 50, 100),
        row('visibility', 'visible', 'good', 850, 900), row('visibility', 'visible', 'miss', 50, 900),
    ]  # fmt: skip
    text = {'classes': {name: {'count': n, 'of': 1000} for name, n in classes.items()}, 'slices': slices}
    path.write_text(json.dumps(text))
    return path


def odds(count: int, of: int) -> float:
    return (count + 0.5) / (of - count + 0.5)


def chance(value: float) -> float:
    return value / (1 + value)


def people() -> People:
    return people_from_coco(content())


def test_odds_of_populations_multiply(diagnosis):
    found = errors_by_strata(diagnosis, content(), people())
    all_, small, medium, hidden, visible = (
        odds(*both) for both in ((100, 1000), (40, 200), (60, 800), (50, 100), (50, 900))
    )
    first = chance(small * visible / all_)
    second = (2 * chance(medium * visible / all_) + chance(medium * hidden / all_)) / 3
    assert found == pytest.approx([first, second, chance(all_)])
    assert first > chance(all_)


def test_families_and_classes_can_be_chosen(diagnosis):
    found = errors_by_strata(diagnosis, content(), people(), ['size'], ['inversion'])
    assert found == pytest.approx([chance(odds(30, 200)), chance(odds(10, 800)), chance(odds(40, 1000))])
    with pytest.raises(InputError, match="no family 'sise'; nearest: size"):
        errors_by_strata(diagnosis, content(), people(), ['sise'])
    with pytest.raises(InputError, match="no class of error 'mis'; nearest: miss"):
        errors_by_strata(diagnosis, content(), people(), kinds=['mis'])


def test_other_files_are_refused(tmp_path):
    path = tmp_path / 'other.json'
    path.write_text('{"joints": []}')
    with pytest.raises(InputError, match=r'holds no slices: write it with tools/diagnose.py'):
        errors_by_strata(path, content(), people())


def test_errors_of_matches_are_the_share_of_thresholds_without_a_match(tmp_path):
    known = people()
    joints = known.keypoints[:2].copy()
    joints[..., 2] = 1
    joints[1, :, 0] += 2.5  # KS = exp(-2.5² / (2 · 50² · 0.1²)) = exp(-1/8) = 0.8825
    found = Detections(known.image[:2], known.category[:2], joints, np.array([0.9, 0.8]), known.areas[:2])
    path = tmp_path / 'matches.npz'
    save_matches(path, match(known, found, SIGMAS), {'AP': 0.5})
    # 0.5, 0.55, … 0.85 of the ten thresholds are passed.
    assert errors_by_matches(path, known) == pytest.approx([0, 0.2, 1])
    fewer = people_from_coco({**content(), 'annotations': content()['annotations'][:2]})
    with pytest.raises(InputError, match='3 people who are not the 2 of the training data'):
        errors_by_matches(path, fewer)
