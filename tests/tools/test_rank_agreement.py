import json
from pathlib import Path

import pytest

from tools.rank_agreement import main

REFERENCE = {'a': 4, 'b': 3, 'c': 2, 'd': 1.5}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Four models with two seeds each, and one whose training failed; dev has the opposite order."""
    runs = [
        {'name': name, 'metrics': {'test': {'coco/AP': ap + seed / 100}, 'dev': {'coco/AP': -ap}}}
        for name, ap in (('a', 0.4), ('b', 0.3), ('c', 0.2), ('d', 0.1))
        for seed in range(2)
    ]
    runs.append({'name': 'failed', 'metrics': {}})
    path = tmp_path / 'study.json'
    path.write_text(json.dumps({'criterion': 'coco/AP', 'compare_on': 'test', 'runs': runs}))
    (tmp_path / 'reference.json').write_text(json.dumps(REFERENCE))
    return path


def test_says_and_writes_the_correlation(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = study.parent / 'agreement.json'
    assert main([str(study), str(study.parent / 'reference.json'), '--out', str(out)]) == 0
    assert 'rank correlation +1.00, p 0.083 (all' in capsys.readouterr().out  # 2 of 24 pairings
    assert json.loads(out.read_text())['names'] == ['a', 'b', 'c', 'd']
    assert main([str(study), str(study.parent / 'reference.json'), '--split', 'dev']) == 0
    assert 'rank correlation -1.00' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'reference', 'problem'),
    [
        (['--split', 'tset'], REFERENCE, "no run was tested on 'tset'; nearest: test"),
        (['--criterion', 'coco/AB'], REFERENCE, "no run has 'coco/AB' on test; nearest: coco/AP"),
        ([], [1, 2], 'an object from names to numbers is needed'),
        ([], {**REFERENCE, 'a': '4'}, "'a' has '4', which is no number"),
        ([], {'a': 1, 'B': 2}, '1 models are in both lists (a)'),
    ],
)
def test_bad_input(
    study: Path, capsys: pytest.CaptureFixture[str], options: list[str], reference: object, problem: str
) -> None:
    path = study.parent / 'reference.json'
    path.write_text(json.dumps(reference))
    assert main([str(study), str(path), *options]) == 2
    assert problem in capsys.readouterr().err


def test_writes_into_a_new_folder_and_passes_over_runs_without_tests(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(study.read_text())
    content['runs'].append({'name': 'failed'})
    study.write_text(json.dumps(content))
    (study.parent / 'reference.json').write_text(json.dumps(REFERENCE))
    out = study.parent / 'new/folder/r.json'
    assert main([str(study), str(study.parent / 'reference.json'), '--out', str(out)]) == 0
    assert json.loads(out.read_text())['names'] == ['a', 'b', 'c', 'd']


def test_another_file_is_no_study(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.write_text('{"runs": []}')
    assert main([str(study), str(study.parent / 'reference.json')]) == 2
    assert 'is no study.json' in capsys.readouterr().err


def test_where_lower_is_better_the_lowest_is_the_first(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors in the order of the reference, which counts upwards."""
    content = json.loads(study.read_text())
    reference = study.with_name('upwards.json')
    names = list(dict.fromkeys(run['name'] for run in content['runs'] if run['metrics']))
    reference.write_text(json.dumps({name: len(names) - place for place, name in enumerate(names)}))
    for run in content['runs']:
        for metrics in run['metrics'].values():
            metrics['EPE'] = 4.0 + names.index(run['name'])
    study.write_text(json.dumps(content))
    assert main([str(study), str(reference), '--criterion', 'EPE', '--lower-is-better']) == 0
    assert 'correlation +1.00' in capsys.readouterr().out
    study.write_text(json.dumps({**content, 'criterion': 'EPE', 'higher_is_better': False}))
    assert main([str(study), str(reference)]) == 0
    assert 'correlation +1.00' in capsys.readouterr().out
