"""Tables in docs/ are those of the study files beside them."""

import json
from pathlib import Path
from statistics import mean

import pytest

from posescope.study.markdown import markdown
from tests.conftest import ROOT
from tools.rank_agreement import main as rank_agreement

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


def test_the_rank_correlation_is_what_the_tool_prints(capsys: pytest.CaptureFixture) -> None:
    folder = ROOT / 'docs/select'
    assert rank_agreement([str(folder / 'study.json'), str(folder / 'published.json')]) == 0
    assert set(map(str.strip, capsys.readouterr().out.splitlines())) <= set(
        map(str.strip, folder.with_suffix('.md').read_text().splitlines())
    )


def test_what_is_said_of_precision_is_what_was_measured() -> None:
    runs = json.loads((ROOT / 'docs/select/study.json').read_text())['runs']
    text = (ROOT / 'docs/select.md').read_text()
    means = {
        (name, metric): mean(run['metrics']['test'][metric] for run in runs if run['name'] == name)
        for name in ('default', 'hourglass', 'hrnet', 'res18', 'transpose')
        for metric in ('coco/AP .5', 'coco/AP .75')
    }
    half, strict = (
        [means[name, metric] for name in ('hourglass', 'hrnet', 'res18', 'transpose')]
        for metric in ('coco/AP .5', 'coco/AP .75')
    )
    assert f'AP .5 is {short(means["default", "coco/AP .5"])} for `default`' in text
    assert f'and {short(min(half))} to {short(max(half))} for the four heatmap models' in text
    span = f'{short(means["default", "coco/AP .75"])} against {short(min(strict))} to {short(max(strict))}'
    assert span in ' '.join(text.split())


def short(value: float) -> str:
    return f'{value:.2f}'.removeprefix('0')
