"""Rows of the matrix are queries, columns keys."""

import numpy as np
import pytest

from posescope.capture.pictures import draw_joint_attention
from posescope.errors import InputError


def test_matrix() -> None:
    matrix = np.arange(9.0).reshape(3, 3)
    figure = draw_joint_attention(matrix, ['nose', 'left_eye', 'right_eye'], 'head.gau', quantity='relu²')
    panel, bar = figure.axes
    np.testing.assert_array_equal(panel.images[0].get_array(), matrix)
    assert [label.get_text() for label in panel.get_yticklabels()] == ['nose', 'left eye', 'right eye']
    assert [label.get_text() for label in panel.get_xticklabels()] == ['nose', 'left eye', 'right eye']
    assert (panel.get_ylabel(), panel.get_xlabel()) == ('looks (query)', 'is looked at (key)')
    assert panel.yaxis_inverted()  # the first query is on top
    assert bar.get_ylabel() == 'relu²'
    assert 'head.gau' in figure.get_suptitle()


def test_whole_body_has_fewer_names() -> None:
    figure = draw_joint_attention(np.eye(133), [f'joint {joint}' for joint in range(133)], 'head')
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) <= 40
    assert labels[1] == f'joint {figure.axes[0].get_yticks()[1]:.0f}'


def test_wrong() -> None:
    with pytest.raises(InputError, match=r'matrix has shape \(3, 2\), not \(3, 3\)'):
        draw_joint_attention(np.ones((3, 2)), ['a', 'b', 'c'], 'head')
    with pytest.raises(InputError, match='there are no joints to draw'):
        draw_joint_attention(np.ones((0, 0)), [], 'head')
