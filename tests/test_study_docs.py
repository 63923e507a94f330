"""Tables in docs/ are those of the study files beside them."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

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


def test_tables_stand_by_themselves() -> None:
    """Without an empty line before it, Markdown takes a table for a part of the paragraph."""
    for path in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]:
        lines = path.read_text().splitlines()
        stuck = [line for before, line in pairwise(lines) if line.startswith('|') and before and before[0] != '|']
        assert not stuck, path


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


def test_what_is_said_of_changes_is_what_was_measured() -> None:
    study = json.loads((ROOT / 'docs/modify/modification-study.json').read_text())
    text = ' '.join((ROOT / 'docs/modify.md').read_text().split())

    def of(name: str, value: Callable[[dict], float]) -> list[float]:
        return [value(run) for run in study['runs'] if run['name'] == name]

    def inversions(run: dict) -> float:
        return 100 * run['metrics']['test']['diagnosis/share/inversion']

    def error(run: dict) -> float:
        return run['calibration']['persons']['ece']

    changed, nothing = of('inversion-margin', inversions), of('nothing', inversions)
    assert all(one < other for one, other in zip(changed, nothing, strict=True)), 'in each of the five pairs'
    assert f'({mean(changed):.2f} % against {mean(nothing):.2f} % of joints on test)' in text
    errors = [f'{mean(of(name, error)):.3f}'.removeprefix('0') for name in ('calibrated', 'nothing-mean-score')]
    assert f'(ECE {errors[0]} against {errors[1]} for people on dev)' in text
    found = [one['detectable'] for one in study['comparisons']]
    ends = [f'{end:.3f}'.removeprefix('0') for end in (min(found), max(found))]
    assert f'differences of {ends[0]} to {ends[1]} four times out of five' in text
    assert sum(one['verdict'] == 'worse' for one in study['comparisons']) == 4
    assert not any(one['verdict'] == 'better' for one in study['comparisons'])


def test_what_is_said_of_placebos_is_what_was_measured() -> None:
    study = json.loads((ROOT / 'docs/modify/placebos-study.json').read_text())
    text = ' '.join((ROOT / 'docs/modify.md').read_text().split())
    share = {
        name: [
            100 * run['metrics']['test']['diagnosis/share/inversion'] for run in study['runs'] if run['name'] == name
        ]
        for name in ('inversion-margin', 'nothing', 'inversion-margin-placebo')
    }
    changed, nothing, placebo = share.values()
    for control in (nothing, placebo):
        assert all(one < other for one, other in zip(changed, control, strict=True)), 'in each of the five seeds'
    assert f'against *nothing* ({mean(changed):.2f} % against {mean(nothing):.2f} % of joints on test)' in text
    assert f'against the placebo ({mean(placebo):.2f} %)' in text
    verdicts = [one['verdict'] for one in study['comparisons']]
    assert verdicts == ['equal within margin', 'equal within margin', 'worse', 'better']
    nothing_lost, placebo_lost = (-study['comparisons'][2]['delta_ap'], study['comparisons'][3]['delta_ap'])
    assert f'leaving it out costs {short(nothing_lost, 3)}' in text
    assert f'third stage {short(placebo_lost, 3)} more' in text


def test_what_is_said_of_architectures_is_what_was_measured() -> None:
    study = json.loads((ROOT / 'docs/modify/architecture-study.json').read_text())
    text = ' '.join((ROOT / 'docs/modify.md').read_text().split())

    def of(name: str, metric: str = 'coco/AP') -> list[float]:
        return [run['metrics']['test'][metric] for run in study['runs'] if run['name'] == name]

    for helped in ('dark', 'score-all-joints'):
        assert all(one > other for one, other in zip(of(helped), of('msra'), strict=True)), 'in each of the five seeds'
    assert {one['name'] for one in study['comparisons'] if one['verdict'] == 'better'} == {
        'dark against msra',
        'score-all-joints against msra',
    }
    lie, alone = short(mean(of('flip')), 3), short(mean(of('no-flip')), 3)
    assert f'worse than no mirrored picture at all ({lie} against {alone})' in text
    assert f'{100 * (1 - mean(of("flip")) / mean(of("msra"))):.0f} % of this model' in text
    assert f'by {short(stdev(of("msra")), 3)} AP for `msra`' in text
    misses = [100 * mean(of(name, 'diagnosis/share/miss')) for name in ('hourglass', 'hourglass-skip-none')]
    assert f'misses go from {misses[0]:.0f} to {misses[1]:.0f} % of joints' in text
    errors = [
        short(mean(run['calibration']['joints']['ece'] for run in study['runs'] if run['name'] == name), 3)
        for name in ('expected-ks', 'msra')
    ]
    assert f'(ECE of joints {errors[0]} against {errors[1]} on dev)' in text


def short(value: float, digits: int = 2) -> str:
    return f'{value:.{digits}f}'.removeprefix('0')
