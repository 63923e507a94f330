from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from posescope.capture.pictures.skeleton_style import SkeletonStyle
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.dependency.body_graph import draw_on_body, standing_places, stands, strongest
from posescope.explain.dependency.dependency_matrix import summarise
from tests.explain.dependency.test_dependency_matrix import drawn

COCO = skeleton_of_file('coco')
STYLE = SkeletonStyle.of_metainfo(COCO.metainfo)
VALUE = np.zeros((17, 17))
VALUE[7, 5], VALUE[9, 7], VALUE[0, 16] = 0.5, 0.2, -0.3
MATRIX = replace(summarise(drawn(3)), joints=COCO.joints, value=VALUE, marked=VALUE > 0)


def test_strongest_first() -> None:
    assert strongest(MATRIX, 10, False) == [(7, 5), (0, 16), (9, 7)]
    assert strongest(MATRIX, 10, True) == [(7, 5), (9, 7)]
    assert strongest(MATRIX, 1, True) == [(7, 5)]
    assert strongest(replace(MATRIX, value=np.full((17, 17), np.nan)), 5, False) == []


def test_arrows_run_from_the_hidden_joint_to_the_one_that_is_read() -> None:
    figure = draw_on_body(MATRIX, STYLE)
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    places = standing_places(COCO.joints)
    ends = [arrow._posA_posB for arrow in arrows]
    np.testing.assert_allclose(ends, [[places[7], places[9]], [places[5], places[7]]])
    assert arrows[1].get_linewidth() == pytest.approx(5)
    assert arrows[0].get_linewidth() == pytest.approx(0.5 + 4.5 * 0.4)
    assert '2 strongest dependencies' in figure.get_suptitle()


def test_nothing_to_draw() -> None:
    figure = draw_on_body(replace(MATRIX, marked=np.zeros((17, 17), bool)), STYLE)
    assert '0 strongest' in figure.get_suptitle()
    assert not [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def test_joints_without_a_place_are_not_drawn() -> None:
    places = standing_places(COCO.joints)
    places[5] = np.nan
    figure = draw_on_body(MATRIX, STYLE, places=places)
    (arrow,) = (patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch))
    np.testing.assert_allclose(arrow._posA_posB, [places[7], places[9]])
    assert '1 strongest' in figure.get_suptitle()
    assert 'left shoulder' not in {text.get_text() for text in figure.axes[0].texts}
    assert len(figure.axes[0].texts) == 16
    with pytest.raises(InputError, match='none of the joints has one'):
        draw_on_body(MATRIX, STYLE, places=np.full((17, 2), np.nan))


def test_of_many_joints_those_are_named_that_arrows_join() -> None:
    names = tuple(f'joint_{number}' for number in range(50))
    value, grid = np.zeros((50, 50)), np.stack(np.divmod(np.arange(50), 10), -1)
    value[3, 40] = 1
    style = SkeletonStyle(names, np.zeros((0, 2), np.int64), np.full((50, 3), 0.8), np.zeros((0, 3)))
    many = replace(MATRIX, joints=names, value=value, marked=value > 0)
    figure = draw_on_body(many, style, places=grid)
    assert [text.get_text() for text in figure.axes[0].texts] == ['joint 3', 'joint 40']


def test_standing_body() -> None:
    """Seen from the front, left is on the picture's right, and heads are up."""
    places = dict(zip(COCO.joints, standing_places(COCO.joints), strict=True))
    for name, place in places.items():
        if name.startswith('left'):
            np.testing.assert_allclose(places[name.replace('left', 'right')], place * [-1, 1])
            assert place[0] > 0
    assert places['nose'][1] < places['left_hip'][1] < places['left_ankle'][1]
    with pytest.raises(InputError, match='where wing is on a standing body is not known: give places'):
        standing_places(('nose', 'wing'))
    assert stands(COCO.joints)
    assert not stands(('nose', 'wing'))
    other = replace(STYLE, joints=('a',) * 17)
    with pytest.raises(InputError, match='other joints'):
        draw_on_body(MATRIX, other)
    figure = draw_on_body(MATRIX, STYLE, places=np.arange(34.0).reshape(17, 2))
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]
