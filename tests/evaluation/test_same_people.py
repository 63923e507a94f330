import dataclasses
from typing import Any

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.comparison import compare_models
from posescope.evaluation.matching import Matches
from posescope.evaluation.same_people import check_same, check_same_measure, people_digest
from tests.evaluation.simulated_matches import simulate

DIFFERENT = {
    'image 7 is in one alone (1 such images of 60)': lambda m: dataclasses.replace(
        m, image_ids=np.where(m.image_ids == 7, 99, m.image_ids)
    ),
    'labelled people': lambda m: dataclasses.replace(
        m,
        person_image=m.person_image[1:],
        person_category=m.person_category[1:],
        person_counted=m.person_counted[1:],
    ),
    'thresholds 0.5 0.75 and 0.5 0.8': lambda m: dataclasses.replace(m, thresholds=np.array([0.5, 0.8])),
    '1 and 2 categories': lambda m: dataclasses.replace(m, category_count=2),
    'person 0 of the annotations is on another image': lambda m: dataclasses.replace(
        m, person_image=m.person_image[::-1]
    ),
    'has another area or other labels': lambda m: dataclasses.replace(m, person_counted=~m.person_counted),
}


@pytest.mark.parametrize('what', DIFFERENT)
def test_other_people(what: str) -> None:
    one, other = simulate(np.random.default_rng(4), 60, (1.0, 1.0))
    check_same([one, other, one], ['one', 'other', 'third'])
    changed: Matches = DIFFERENT[what](other)
    with pytest.raises(InputError) as raised:
        check_same([one, one, changed], ['one', 'again', 'other'])
    assert str(raised.value).startswith('one and other cannot be compared: ')
    assert what in str(raised.value)
    with pytest.raises(InputError):
        compare_models(one, changed)
    assert people_digest(one) == people_digest(other) != people_digest(changed)
    assert not np.array_equal(one.scores, other.scores), 'what was detected makes no difference'


SAID = {'iou_type': 'keypoints', 'use_area': True, 'sigmas': [0.026, 0.079]}


@pytest.mark.parametrize(
    ('change', 'what'),
    [
        ({'sigmas': [0.026, 0.08]}, 'sigmas of joint 1 are 0.079 and 0.08'),
        ({'sigmas': [0.026]}, '2 and 1 sigmas'),
        ({'iou_type': 'keypoints_crowd'}, "iou_type='keypoints' and iou_type='keypoints_crowd'"),
        ({'use_area': False}, 'use_area=True and use_area=False'),
    ],
)
def test_other_measures(change: dict[str, Any], what: str) -> None:
    old = {'annotations': 'a.json'}  # of a version that did not say it
    rounded = {**SAID, 'sigmas': np.array(SAID['sigmas'], np.float32).tolist()}
    check_same_measure([old, SAID, rounded, old], ['old', 'one', 'other', 'older'])
    with pytest.raises(InputError) as raised:
        check_same_measure([old, SAID, SAID, {**SAID, **change}], ['old', 'one', 'other', 'changed'])
    assert str(raised.value) == f'one and changed cannot be compared: {what}'
