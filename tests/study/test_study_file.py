import json
import re
from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.study import plan_of, read_study
from posescope.study.checks import finding_problem
from tests.study.small_study import SmallStudy


def test_defaults_and_what_follows_from_controls(small: SmallStudy) -> None:
    runs = [
        {'name': 'start', 'config': 'a.py', 'seeds': [3]},
        {'name': 'nothing', 'config': 'a.py', 'start': 'start'},
        {'name': 'changed', 'config': 'b.py', 'start': 'start', 'controls': ['nothing', 'start']},
    ]
    listed = [{'name': 'small people', 'run': 'changed', 'control': 'nothing', 'criterion': 'coco/AP (M)'}]
    plan = plan_of(small.content(runs, seeds=[0, 1], comparisons=listed, margin=0.01))
    assert plan.runs['changed'].seeds == (0, 1)
    assert [(one.name, one.split, one.criterion, one.margin) for one in plan.comparisons] == [
        ('small people', 'test', 'coco/AP (M)', 0.01),
        ('changed against nothing', 'test', 'coco/AP', 0.01),
        ('changed against start', 'test', 'coco/AP', 0.01),
    ]
    trials = [(run.name, seed) for run, seed in plan.trials()]
    assert trials == [('start', 3), ('nothing', 0), ('changed', 0), ('nothing', 1), ('changed', 1)]
    assert plan.start_of(plan.runs['changed'], 1) == (plan.runs['start'], 3)
    assert plan.inner_split == 'dev'


def test_the_start_of_all_does_not_start_from_itself(small: SmallStudy) -> None:
    plan = plan_of(small.content([{**A, 'seeds': [3]}, B], start='a', seeds=[0, 1]))
    assert [run.start for run in plan.runs.values()] == [None, 'a']


def test_trials_by_name(small: SmallStudy) -> None:
    plan = plan_of(small.content([A, B], seeds=[0, 1]))
    assert plan.named(['b', 'a:1']) == [('b', 0), ('b', 1), ('a', 1)]
    assert len(plan.named([])) == 4
    with pytest.raises(InputError, match=r'--only a:7: the study has no such run \(nearest: a:'):
        plan.named(['a:7'])


def test_given_weights_have_no_seeds(small: SmallStudy) -> None:
    run = {'name': 'given', 'config': 'a.py', 'train': False, 'start': 'https://somewhere/weights.pth'}
    plan = plan_of(small.content([run], seeds=[4, 5]))
    assert plan.runs['given'].seeds == (0,)
    assert plan.runs['given'].repeats == 0


def test_weights_that_a_run_left_are_tested_seed_by_seed(small: SmallStudy) -> None:
    tested = {**B, 'train': False, 'start': 'a'}
    plan = plan_of(small.content([A, tested, {**tested, 'name': 'c', 'seeds': [5]}], seeds=[4, 5]))
    assert [(run.seeds, run.repeats) for run in plan.runs.values()] == [((4, 5), 2), ((4, 5), 2), ((5,), 0)]
    assert plan.start_of(plan.runs['b'], 5) == (plan.runs['a'], 5)
    one = plan_of(small.content([{**A, 'seeds': [3]}, tested], seeds=[4, 5]))
    assert one.runs['b'].seeds == (3,)


A = {'name': 'a', 'config': 'a.py'}
B = {'name': 'b', 'config': 'b.py'}
BAD = {
    'two runs with one name': ({}, [A, A], '2 runs have the name a'),
    'no runs': ({}, [], 'runs is empty'),
    'a control that is missing': ({}, [A, {**B, 'controls': ['c']}], r'control c of run b is no run .*nearest: a'),
    'its own control': ({}, [{**A, 'controls': ['a']}], 'run a is its own control'),
    'the folder of no start': (
        {}, [{**A, 'options': {'x': ['{start}/y']}}], r'options of run a have \{start\}, but it starts from no run'
    ),
    'a control with another start': (
        {}, [{**A, 'start': 'http://x'}, {**B, 'start': 'http://y', 'controls': ['a']}], 'a control has the same start'
    ),
    'an unknown start': ({}, [A, {**B, 'start': 'aa'}], r'start aa of run b is no file and no run .*nearest: a'),
    'a cycle': ({}, [{**A, 'start': 'b'}, {**B, 'start': 'a'}], 'start from each other: a ← b ← a'),
    'itself as start': ({}, [{**A, 'start': 'a'}], 'start from each other: a ← a'),
    'a seed that the start lacks': (
        {}, [{**A, 'seeds': [0, 1]}, {**B, 'seeds': [0, 2], 'start': 'a'}], r'b has seed 2, its start a has \[0, 1\]'
    ),
    'given weights without weights': ({}, [{**A, 'train': False}], 'takes the weights as start'),
    'a name with a slash': ({}, [{**A, 'name': '../a'}], "name '../a' is no file name"),
    'a word that does not exist': ({}, [{**A, 'seed': 3}], r'run 1 \(a\): there is no seed \(nearest: seeds'),
    'a value of another kind': ({}, [{**A, 'seeds': 3}], 'seeds takes a list, not 3'),
    'seeds that repeat': ({}, [{**A, 'seeds': [1, 1]}], r'different numbers from 0, not \[1, 1\]'),
    'a seed that is none': ({}, [{**A, 'seeds': [True]}], 'different numbers from 0'),
    'a run without a config': ({}, [{'name': 'a'}], 'lacks config'),
    'an option of the budget': (
        {'budget': {'train_cfg.max_epochs': 3}}, [{**A, 'options': {'train_cfg.max_epochs': 4}}], 'the budget sets'
    ),
    'an option around the budget': (
        {'budget': {'train_cfg.max_epochs': 3}}, [{**A, 'options': {'train_cfg': {'max_epochs': 4}}}], 'the budget sets'
    ),
    'a choice on the test split': ({'choose_on': 'test'}, [A], 'choose_on=test is the split .* choose on dev'),
    'a choice on no split': ({'choose_on': 'val'}, [A], 'choose_on=val is no split of the study, which has dev, test'),
    'an unknown criterion': ({'criterion': 'coco/AP .85'}, [A], r'reports criterion coco/AP .85 \(nearest: coco/AP'),
    'a comparison of nobody': ({'comparisons': [{'run': 'a', 'control': 'x'}]}, [A], 'control x of comparison'),
    'a comparison with itself': ({'comparisons': [{'run': 'a', 'control': 'a'}]}, [A], 'compares a with itself'),
    'a comparison that cannot be tested': (
        {'comparisons': [{'run': 'a', 'control': 'b', 'criterion': 'oks/mean'}]}, [A, B], 'oks/mean .* cannot be tested'
    ),
    'a margin of nothing': (
        {'comparisons': [{'run': 'a', 'control': 'b', 'margin': 0}]}, [A, B], 'margin 0; it takes more than 0'
    ),
    'pairs without partners': (
        {'paired': True}, [{**A, 'seeds': [0, 1]}, {**B, 'controls': ['a']}], 'its runs have different seeds'
    ),
    'a finding without a file': ({}, [{**A, 'finding': 'turned'}], 'it takes findings.json#id'),
    'a split without a name': ({'splits': {1: None}}, [A], 'name 1 is no file name'),
    'seeds of a start that are no list': (
        {}, [{'name': 'c', 'config': 'c.py', 'train': False, 'start': 'b'}, {**B, 'seeds': 5}],
        'seeds: it takes a list of numbers from 0, not 5',
    ),
    'too few resamples': ({'resamples': 10}, [A], 'resamples=10, fewer than 100'),
    'noise that is none': ({'noise': {'seeds': -1, 'images': 0.1}}, [A], 'seeds takes a standard deviation'),
}  # fmt: skip


@pytest.mark.parametrize('kind', BAD)
def test_bad_input_is_one_line(small: SmallStudy, kind: str) -> None:
    more, runs, message = BAD[kind]
    with pytest.raises(InputError, match=message) as found:
        plan_of(small.content(runs, **more), 'mine.py')
    assert '\n' not in str(found.value)


def test_the_choice_may_not_use_the_test_data_under_another_name(small: SmallStudy) -> None:
    content = small.content([A])
    content['splits']['dev']['annotations'] = str(small.folder / 'dev' / '..' / 'test.json')
    with pytest.raises(InputError, match='choose_on=dev has annotations of test'):
        plan_of(content)


def test_files_of_splits_and_findings_are_looked_for(small: SmallStudy) -> None:
    content = small.content([A])
    content['splits']['dev']['annotations'] = 'nowhere.json'
    with pytest.raises(InputError, match=r'split dev: annotation file nowhere\.json does not exist'):
        plan_of(content)
    path = small.folder / 'findings.json'
    path.write_text(json.dumps([{'id': 'turned-away'}]))
    plan_of(small.content([{**A, 'finding': f'{path}#turned-away'}]))
    with pytest.raises(InputError, match=r'holds no finding turned \(nearest: turned-away'):
        plan_of(small.content([{**A, 'finding': f'{path}#turned'}]))
    path.write_text(json.dumps([{'id': 'seen', 'split': 'test'}, {'id': 'known', 'split': 'dev'}]))
    plan_of(small.content([{**A, 'finding': f'{path}#known'}]))
    with pytest.raises(InputError, match='#seen of run a was made on test, on which runs are compared'):
        plan_of(small.content([{**A, 'finding': f'{path}#seen'}]))


def test_findings_of_a_start_are_looked_for_when_it_has_run(small: SmallStudy) -> None:
    follows = {**B, 'start': 'a', 'finding': '{start}/dev/findings.json#turned'}
    plan = plan_of(small.content([A, follows]))
    start = small.folder / 'start'
    (start / 'dev').mkdir(parents=True)
    path = start / 'dev/findings.json'
    assert finding_problem(plan, plan.runs['b'], start) == f'findings of run b: {path} does not exist'
    path.write_text('[{"id": "turned-away", "split": "dev"}]')
    assert finding_problem(plan, plan.runs['b'], start).startswith(f'{path} holds no finding turned (nearest: turned-')
    path.write_text('[{"id": "turned", "split": "test"}]')
    assert finding_problem(plan, plan.runs['b'], start).endswith('was made on test, on which runs are compared')
    path.write_text('[{"id": "turned", "split": "dev"}]')
    assert finding_problem(plan, plan.runs['b'], start) == ''
    assert finding_problem(plan, plan.runs['a'], None) == ''


@pytest.mark.parametrize(
    ('path', 'start', 'message'),
    [
        ('{start}/test/findings.json', 'a', 'was made on test, on which runs are compared'),
        ('{start}/dev/../test/findings.json', 'a', 'was made on test, on which runs are compared'),
        ('{start}/findings.json', 'a', r'it takes \{start\}/dev/findings.json#id, with one of the splits dev, test'),
        ('{start}/dv/findings.json', 'a', 'with one of the splits dev, test'),
        ('x/{start}/dev/findings.json', 'a', 'with one of the splits dev, test'),
        ('{start}/dev/findings.json', 'https://x/y.pth', 'it starts from no run of the study'),
        ('{start}/dev/findings.json', None, 'it starts from no run of the study'),
    ],
)
def test_findings_that_no_start_can_leave(small: SmallStudy, path: str, start: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_of(small.content([A, {**B, 'start': start, 'finding': f'{path}#turned'}]))


def test_what_is_missing_is_said_with_the_note_unless_only_the_plan_is_looked_at(small: SmallStudy) -> None:
    content = small.content([A])
    content['splits']['test'] |= {'boxes': 'gone.json', 'note': 'the detector writes it'}
    with pytest.raises(
        InputError, match=r'split test: detections gone\.json does not exist \(the detector writes it\)$'
    ):
        plan_of(content)
    assert plan_of(content, files=False).splits['test'].boxes == 'gone.json'


@pytest.mark.parametrize('lost', ['annotations', 'images', 'boxes', 'units'])
def test_an_optional_split_is_left_out_without_its_files(small: SmallStudy, lost: str) -> None:
    content = small.content([A, {**B, 'controls': ['a']}])
    extra = {**content['splits']['dev'], 'boxes': __file__, 'units': __file__, 'optional': True}
    content['splits'] = {'extra': extra, **content['splits']}
    assert list(plan_of(content).splits) == ['extra', 'dev', 'test']
    extra[lost] = 'nowhere'
    plan = plan_of(content)
    assert list(plan.splits) == ['dev', 'test']
    with pytest.raises(InputError, match='compare_on=extra is no split of the study, which has dev, test'):
        plan_of({**content, 'compare_on': 'extra'})
    extra['optional'] = False
    with pytest.raises(InputError, match=r'split extra: .*nowhere'):
        plan_of(content)


def test_reads_a_file(small: SmallStudy, tmp_path: Path) -> None:
    path = tmp_path / 'asked.py'
    content = small.content([A])
    del content['name']
    path.write_text(f'study = {content!r}\n')
    assert read_study(str(path)).name == 'asked'
    path.write_text('runs = []\n')
    with pytest.raises(InputError, match=f'{re.escape(str(path))} declares no study'):
        read_study(str(path))
    path.write_text('study = dict(\n')
    with pytest.raises(InputError, match='line 1'):
        read_study(str(path))


def test_given_weights_take_resamples_for_all_comparisons(small: SmallStudy) -> None:
    """With 100 resamples p is .0099 at least, which Holm multiplies by the number of comparisons."""
    given = [{**A, 'name': f'a{i}', 'train': False, 'start': 'https://somewhere/x.pth'} for i in range(7)]
    runs = [given[0], *({**one, 'controls': ['a0']} for one in given[1:])]
    with pytest.raises(InputError, match=r'resamples=100; with 6 comparisons.* nothing with fewer than 120'):
        plan_of(small.content(runs))
    assert plan_of(small.content(runs, resamples=120)).resamples == 120


def test_annotations_that_are_none(small: SmallStudy) -> None:
    for text, problem in (
        ('{"images": [', 'is not valid JSON'),
        ('[]', 'has no list of images'),
        ('{"images": [1], "annotations": []}', 'holds no annotations'),
    ):
        (small.folder / 'dev.json').write_text(text)
        with pytest.raises(InputError, match=problem):
            plan_of(small.content([A]))


@pytest.mark.parametrize('name', ['train', 'interpret', 'calibrate'])
def test_steps_are_no_splits(small: SmallStudy, name: str) -> None:
    content = small.content([A])
    content['splits'][name] = content['splits'].pop('dev')
    with pytest.raises(InputError, match=f'a split cannot be named {name}'):
        plan_of({**content, 'choose_on': None})
