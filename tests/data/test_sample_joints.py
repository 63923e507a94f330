"""The area of a person, labelled or estimated."""

import numpy as np
import pytest

from posescope.data.sample_joints import area_of

BOX = np.array([[10, 20, 30, 60]], np.float32)  # 20 × 40


@pytest.mark.parametrize(
    ('area', 'expected'),
    [
        (np.float32(700), 700),
        ([700.0], 700),
        (None, 424),
        (np.array(None, np.float32), 424),  # as MMPose reads null
        (0, 424),
        (np.float32(-3), 424),
        (np.inf, 424),
    ],
)
def test_an_area_that_is_none_is_estimated(area: object, expected: float) -> None:
    assert area_of({'area': area, 'bbox': BOX}) == pytest.approx(expected)


def test_without_an_area_it_is_estimated() -> None:
    assert area_of({'bbox': BOX}) == pytest.approx(0.53 * 20 * 40)
