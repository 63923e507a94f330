"""Fixtures of the tests of studies."""

from pathlib import Path

import pytest

from tests.study.small_study import SmallStudy


@pytest.fixture
def small(tmp_path: Path) -> SmallStudy:
    """An empty folder for studies of fake programs."""
    return SmallStudy(tmp_path)
