import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.pictures import draw_people
from tests.capture.pictures.drawn_crop import KEYPOINTS, STYLE

PICTURE = np.zeros((120, 100, 3), np.uint8)
BOXES = [[10, 20, 30, 40], [50, 60, 20, 25]]


def test_everybody_has_a_box_and_a_number() -> None:
    figure = draw_people(PICTURE, BOXES, [KEYPOINTS, KEYPOINTS + 5], STYLE, 'who is there')
    (panel,) = figure.axes
    frames = [patch.get_bbox().bounds for patch in panel.patches if patch.get_gid() == 'box']
    np.testing.assert_allclose(frames, np.subtract(BOXES, [0.5, 0.5, 0, 0]))
    assert [text.get_text() for text in panel.texts] == ['1', '2']
    assert panel.get_xlim() == (-0.5, 99.5)
    assert panel.get_ylim() == (119.5, -0.5)


def test_wrong() -> None:
    with pytest.raises(InputError, match='1 boxes for 2 people'):
        draw_people(PICTURE, BOXES[:1], [KEYPOINTS, KEYPOINTS], STYLE, '')
    with pytest.raises(InputError, match='keypoints has shape'):
        draw_people(PICTURE, BOXES[:1], KEYPOINTS, STYLE, '')
