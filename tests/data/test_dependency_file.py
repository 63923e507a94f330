import json
from pathlib import Path

import numpy as np
import pytest

from posescope.data.dependency_file import read_dependency
from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import DependencyMatrix

JOINTS = ('nose', 'left_wrist', 'right_wrist')
VALUE = np.array([[np.nan, 0.2, 0.1], [0.5, np.nan, np.nan], [-0.1, 0.3, np.nan]])


def matrix(quantity: str, value: np.ndarray) -> DependencyMatrix:
    """A matrix as explain.dependency makes it."""
    ones, text = np.ones((3, 3), int), np.full((3, 3), '')
    return DependencyMatrix(
        JOINTS, quantity, value, ones, ones, value, value, text, value, ones > 0, value, value, ones, ('blur',),
        value[None], np.ones((1, 1)),
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in the form of DependencyHook."""
    matrices = {'ks': matrix('ks', VALUE).content(), 'displacement': matrix('displacement', 2 * VALUE).content()}
    file = tmp_path / 'dependency.json'
    file.write_text(json.dumps({'version': 1, 'people': 3, 'matrices': matrices}, allow_nan=False))
    return file


def test_what_explain_wrote_comes_back(path):
    found = read_dependency(path)
    assert found.joints == JOINTS
    np.testing.assert_array_equal(found.value, VALUE)
    np.testing.assert_array_equal(read_dependency(path, 'displacement').value, 2 * VALUE)


def test_one_matrix_alone_is_enough(tmp_path):
    file = tmp_path / 'matrix.json'
    file.write_text(json.dumps(matrix('ks', VALUE).content(), allow_nan=False))
    np.testing.assert_array_equal(read_dependency(file).value, VALUE)


def test_joints_are_found_by_name(path):
    found = read_dependency(path).for_joints(['Right Wrist', 'nose'])
    np.testing.assert_array_equal(found, [[np.nan, -0.1], [0.1, np.nan]])
    with pytest.raises(InputError, match='missing: left_knee'):
        read_dependency(path).for_joints(['nose', 'left_knee'])


def test_a_placebo_is_the_same_graph_between_other_joints(path):
    found = read_dependency(path)
    for seed in range(5):
        dealt = found.dealt(seed).value
        np.testing.assert_array_equal(dealt, found.dealt(seed).value)
        assert np.isnan(np.diag(dealt)).all()
        assert sorted(dealt[np.isfinite(dealt)]) == sorted(VALUE[np.isfinite(VALUE)])
        # Rows and columns go together: each row keeps its numbers.
        assert {tuple(sorted(row[np.isfinite(row)])) for row in dealt} == {
            tuple(sorted(row[np.isfinite(row)])) for row in VALUE
        }
        assert not np.array_equal(dealt, VALUE, equal_nan=True)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"matrices": {"ks": {}}}', 'is no dependency matrix'),
        ('{"joints": ["a", "b"], "value": [[1, 2]]}', 'is no dependency matrix'),
        ('{"joints": ["a"], "value": "x"}', 'is no dependency matrix'),
        ('[]', 'is no dependency matrix'),
        ('{"matrices": {"displacement": {}}}', r"no matrix of 'ks' \(nearest: displacement\)"),
        ('{', 'not valid JSON'),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    file = tmp_path / 'dependency.json'
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        read_dependency(file)
    with pytest.raises(InputError, match='does not exist'):
        read_dependency(tmp_path / 'none.json')
