"""Boxes from a detector that finds white rectangles."""

from pathlib import Path

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.person_boxes import PersonDetector, read_box
from tests.explain.white_detector import write_detector


def picture(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """(120, 160, 3) black with white rectangles: left, top, right, bottom."""
    image = np.zeros((120, 160, 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    return image


def test_boxes_are_those_of_the_picture(tmp_path: Path) -> None:
    """The detector sees the picture at half its size."""
    detector = PersonDetector(*write_detector(tmp_path))
    boxes, scores = detector.find(picture((20, 40, 60, 100), (100, 10, 140, 110)))
    np.testing.assert_allclose(boxes, [[100, 10, 140, 110], [20, 40, 60, 100]], atol=1.0)  # the larger scores more
    assert scores == sorted(scores, reverse=True)


def test_only_people_count(tmp_path: Path) -> None:
    """Rectangles that are wider than high are of the second class."""
    detector = PersonDetector(*write_detector(tmp_path, classes=('car', 'person')))
    boxes, _ = detector.find(picture((20, 40, 60, 100), (80, 10, 150, 70)))
    np.testing.assert_allclose(boxes, [[80, 10, 150, 70]], atol=1.0)


def test_nobody_is_an_error(tmp_path: Path) -> None:
    config, weights = write_detector(tmp_path)
    with pytest.raises(
        InputError, match=r'no person in field.jpg with a score of 0.3 or more \(it finds none at all\)'
    ):
        PersonDetector(config, weights).find(picture(), 'field.jpg')
    with pytest.raises(InputError, match=r'the best one scores 0\.1'):
        PersonDetector(config, weights).find(picture((20, 40, 60, 80)))
    boxes, _ = PersonDetector(config, weights, threshold=0.05).find(picture((20, 40, 60, 80)))
    assert len(boxes) == 1


def test_what_cannot_find_people_is_refused(tmp_path: Path) -> None:
    config, weights = write_detector(tmp_path, classes=('car', 'dog'))
    with pytest.raises(InputError, match='does not know people, only car, dog'):
        PersonDetector(config, weights)
    with pytest.raises(InputError, match='has to be from 0 to 1'):
        PersonDetector(config, weights, threshold=30)
    with pytest.raises(InputError, match="device 'gpu' cannot be used"):
        PersonDetector(config, weights, device='gpu')
    with pytest.raises(InputError, match=r'config nowhere\.py does not exist'):
        PersonDetector('nowhere.py', weights)
    torch.save({'state_dict': {'other.weight': torch.zeros(3)}}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'other\.pth'):
        PersonDetector(config, tmp_path / 'other.pth')
    (tmp_path / 'empty.py').write_text('')
    with pytest.raises(InputError, match='lacks model'):
        PersonDetector(tmp_path / 'empty.py', weights)


@pytest.mark.parametrize('text', ['1,2,3', '1,2,3,4,5', 'a,b,c,d', ''])
def test_boxes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=f"box '{text}' is not X,Y,W,H"):
        read_box(text)


def test_a_typed_box() -> None:
    assert read_box('-5, 10,20,30.5') == (-5, 10, 15, 40.5)
