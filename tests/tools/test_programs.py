"""What docs/ call by its path can be called by its path."""

import os

import pytest

from tests.conftest import ROOT

PROGRAMS = sorted(
    [*(ROOT / 'tools').glob('*.py'), *(ROOT / 'tools').glob('*.sh'), *(ROOT / 'tools/benchmarks').glob('*.py')]
)


@pytest.mark.parametrize('path', PROGRAMS, ids=lambda path: str(path.relative_to(ROOT / 'tools')))
def test_a_program_says_who_runs_it_and_may_be_run(path) -> None:
    assert path.read_text().startswith('#!/usr/bin/env ')
    assert os.access(path, os.X_OK)
