import numpy as np

from posescope.explain.dependency.dependency_matrix import summarise
from posescope.explain.dependency.matrix_figure import draw_matrix
from tests.explain.dependency.test_dependency_matrix import drawn


def test_rows_are_read_and_columns_hidden() -> None:
    matrix = summarise(drawn(60))
    figure = draw_matrix(matrix)
    panel, bar = figure.axes
    np.testing.assert_array_equal(panel.images[0].get_array().filled(np.nan), matrix.value)
    assert [label.get_text() for label in panel.get_yticklabels()] == ['nose', 'eye', 'ear']
    assert (panel.get_ylabel(), panel.get_xlabel()) == ('is read', 'is hidden')
    assert bar.get_ylabel().startswith('KS lost, beyond the control')
    dots = next(part for part in panel.collections if part.get_gid() == 'marked')
    assert dots.get_offsets().tolist() == [[1, 0]]  # x: the eye is hidden, y: the nose is read
    assert '60 people a pair; hidden by: a, b' in figure.get_suptitle().replace('\n', ' ')


def test_few_images_are_told() -> None:
    assert 'some pairs on 20 images alone' in draw_matrix(summarise(drawn(20))).get_suptitle().replace('\n', ' ')
