"""Tables in docs/ are those of the study files beside them."""

import json
from pathlib import Path

import pytest

from posescope.study.markdown import markdown
from tests.conftest import ROOT

STUDIES = sorted((ROOT / 'docs').glob('*/*study.json'))


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith('| ')]


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: str(path.relative_to(ROOT / 'docs')))
def test_tables_are_those_of_the_study(path: Path) -> None:
    study = json.loads(path.read_text())
    timing = json.loads(path.with_name(path.name.replace('study', 'timing')).read_text())
    shown = (path.parent.parent / f'{path.parent.name}.md').read_text()
    missing = [row for row in rows(markdown(study, timing)) if row not in shown]
    assert not missing
    assert all(run['status'] == 'finished' for run in study['runs'])
    assert str(ROOT) not in path.read_text() + path.with_name(path.name.replace('study', 'timing')).read_text()
