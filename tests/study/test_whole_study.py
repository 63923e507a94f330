"""A study from its file to study.json."""

import json
import multiprocessing
import os
import random
import signal
import time
from typing import Any

import pytest
from scipy import stats

from posescope.errors import InputError
from posescope.evaluation.comparison import compare_models, judge
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.seeds import compare_runs
from posescope.study.engines import LocalEngine
from tests.study.small_study import SmallStudy, started

SKILLS = {'nothing': 1.0, 'placebo': 1.1, 'changed': 2.0}


def compared(small: SmallStudy, seeds: int = 5, matches: bool = True, **model: Any) -> dict[str, Any]:
    """Three runs and their seeds, two comparisons (which take most of the time, so some tests leave them out)."""
    if matches:
        small.save_matches(dict.fromkeys(SKILLS.values(), seeds))
    runs = [
        {
            'name': name,
            'config': small.config(name, skill, **model),
            'controls': ['nothing', 'placebo'] * (skill == 2.0),
        }
        for name, skill in SKILLS.items()
    ]
    return small.content(runs, seeds=list(range(seeds)))


@pytest.fixture(scope='module')
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallStudy, dict[str, Any]]:
    """A study of five seeds, and what it found."""
    small = SmallStudy(tmp_path_factory.mktemp('finished'))
    return small, small.run(compared(small))


def test_comparisons_are_those_of_the_evaluation(finished: tuple[SmallStudy, dict[str, Any]]) -> None:
    small, found = finished

    def matches(name: str) -> list:
        paths = [small.folder / f'work/runs/{name}/seed{seed}/test/matches.npz' for seed in range(5)]
        return [load_matches(path).matches for path in paths]

    rows = [compare_runs(matches('changed'), matches(name), name, resamples=100)[0] for name in ('nothing', 'placebo')]
    for written, expected in zip(found['comparisons'], judge(rows), strict=True):
        assert written['name'] == f'changed against {expected.name}'
        names = ('delta', 'low', 'high', 'p', 'p_holm', 'verdict')
        keys = ('delta_ap', *names[1:])
        assert [written[key] for key in keys] == [getattr(expected, name) for name in names]
        assert (written['images'], written['seeds'], written['split']) == (expected.units, 5, 'test')
        assert written['verdict'] == 'better'
    assert found['comparisons'][1]['p_holm'] > found['comparisons'][1]['p']
    assert json.loads((small.folder / 'work/study.json').read_text()) == found


def test_comparisons_that_were_made_are_kept(finished: tuple[SmallStudy, dict[str, Any]]) -> None:
    """Put together again it is the same; other matches are compared anew."""
    small, found = finished
    study = small.study(compared(small, matches=False))
    shown = []
    again = study.put_together(lambda name: lambda loop: shown.append(name) or loop)
    assert again == found
    assert shown == []
    paths = [small.folder / f'work/runs/{name}/seed0/test/matches.npz' for name in ('nothing', 'placebo')]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[::-1], strict=True):
        path.unlink()
        path.write_bytes(content)
    changed = study.put_together(lambda name: lambda loop: shown.append(name) or loop)
    assert shown == [], 'both have been resampled before'
    assert changed['comparisons'] != found['comparisons']
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)


def test_few_seeds_claim_nothing_and_given_weights_are_compared_as_they_are(small: SmallStudy) -> None:
    content = compared(small, seeds=1)
    found = small.run(content)
    assert [one['verdict'] for one in found['comparisons']] == ['no claim: fewer than 5 seeds'] * 2
    (small.folder / 'given').write_text('weights')
    given = {'train': False, 'start': str(small.folder / 'given')}
    assert 'Training: number of steps' in (small.folder / 'work/study.md').read_text()
    for run in content['runs']:
        run.update(given, note=f'of {run["name"]}')
    found = small.run(content, 'as_they_are')
    text = (small.folder / 'as_they_are/study.md').read_text()
    assert 'Training: number of steps' not in text
    assert '\n\n- nothing: of nothing\n- placebo: of placebo\n- changed: of changed\n\n' in text
    paths = [small.folder / f'as_they_are/runs/{name}/seed0/test/matches.npz' for name in ('changed', 'nothing')]
    ours, theirs = (load_matches(path).matches for path in paths)
    expected = compare_models(ours, theirs, resamples=100)[0]
    assert found['comparisons'][0]['p'] == expected.p
    assert found['comparisons'][0]['verdict'] in ('better', 'undecided')


def test_tests_of_the_same_weights_are_compared_over_their_seeds(small: SmallStudy) -> None:
    content = compared(small)
    nothing = content['runs'][0]
    for run in content['runs'][1:]:
        run.update(train=False, start='nothing')
    small.run({**content, 'runs': [nothing, *content['runs'][1:]]})
    for seed in range(5):
        record = json.loads((small.folder / f'work/runs/changed/seed{seed}/record.json').read_text())
        assert record['done'] == ['dev', 'test']
    written = json.loads((small.folder / 'work/study.json').read_text())['comparisons'][0]
    assert (written['seeds_run'], written['seeds_control'], written['verdict']) == (5, 5, 'better')


def test_options_may_name_what_the_start_left(small: SmallStudy) -> None:
    """The folder stands in the config that runs, and not in what identifies the trial."""
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0), 'seeds': [3]},
        {'name': 'b', 'config': small.config('b', 1.0), 'start': 'a', 'options': {'model.of': '{start}/dev/x.json'}},
    ]
    small.save_matches({1.0: 4})
    identities = []
    for work in ('work', 'elsewhere'):
        small.run(small.content(runs, seeds=[0, 1]), work)
        folder = small.folder / work / 'runs/b/seed1'
        assert f"'of': '{small.folder / work}/runs/a/seed3/dev/x.json'" in (folder / 'config.py').read_text()
        identities.append(json.loads((folder / 'record.json').read_text())['identity'])
    assert identities[0] == identities[1]
    assert small.study(small.content(runs, seeds=[0, 1])).unfinished == []


def test_what_cannot_be_compared_says_why(small: SmallStudy) -> None:
    content = compared(small, seeds=1)
    (small.matches / '1.1_0.npz').unlink()
    nothing, placebo = small.run(content)['comparisons']
    assert nothing['verdict'] == 'no claim: fewer than 5 seeds'
    assert nothing['low'] < nothing['delta_ap'] < nothing['high']
    assert placebo['verdict'] == (
        'no claim: tests of placebo on test left no matches.npz, which CocoKeypointMetric writes'
    )
    assert placebo['delta_ap'] is None
    assert nothing['p_holm'] == nothing['p'], 'one test is not corrected for another that could not be made'


def test_seeds_that_are_left_over_claim_nothing(small: SmallStudy) -> None:
    """Seven of eight seeds are enough, but which one diverged is no chance; nor may one look until it suits."""
    small.save_matches(dict.fromkeys(SKILLS.values(), 8))
    runs = [
        {'name': 'nothing', 'config': small.config('nothing', 1.0)},
        {'name': 'changed', 'config': small.config('changed', 2.0, fails_with_seed=3), 'controls': ['nothing']},
    ]
    (found,) = small.run(small.content(runs, seeds=list(range(8))))['comparisons']
    assert found['verdict'] == 'no claim: 7 of 8 seeds of changed are finished'
    assert (found['seeds_run'], found['seeds_control']) == (7, 8)
    assert found['low'] < found['delta_ap'] < found['high']
    small.config('changed', 2.0)
    content = small.content(runs, seeds=list(range(8)))
    (found,) = small.run(content, redone=['changed'])['comparisons']
    assert found['verdict'] == 'better'


def test_what_a_repetition_finds_is_corrected_as_this_one_is(finished: tuple[SmallStudy, dict[str, Any]]) -> None:
    small, found = finished
    paths = [
        [small.folder / f'work/runs/{name}/seed{seed}/test/matches.npz' for seed in range(5)]
        for name in ('changed', 'nothing')
    ]
    row = compare_runs(*([load_matches(path).matches for path in side] for side in paths), resamples=100)[0]
    quantiles = stats.t.ppf(1 - 0.05 / 2 / 2, row.df) + stats.t.ppf(0.8, row.df)  # of two comparisons
    assert found['comparisons'][0]['detectable'] == pytest.approx(quantiles * row.error)


def test_the_best_on_dev_is_chosen(finished: tuple[SmallStudy, dict[str, Any]]) -> None:
    small, found = finished
    values = [run['metrics']['dev']['coco/AP'] for run in found['runs'] if run['name'] == 'changed']
    assert found['chosen']['name'] == 'changed'
    assert found['chosen']['mean'] == pytest.approx(sum(values) / 5)
    study = small.study({**compared(small, matches=False), 'choose_on': None})
    assert study.unfinished == []
    assert study.put_together()['chosen'] is None


def test_a_criterion_that_no_run_reports(small: SmallStudy) -> None:
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}], criterion='oks/meen')
    with pytest.raises(InputError, match=r'no run reports criterion oks/meen \(nearest: oks/mean'):
        small.run(content)
    assert small.run({**content, 'criterion': 'oks/mean'})['chosen']['criterion'] == 'oks/mean'


def test_runs_that_are_evaluated_otherwise_may_report_the_criterion(small: SmallStudy) -> None:
    runs = [
        {'name': 'a', 'config': small.config('a', 1.0)},
        {
            'name': 'b',
            'config': small.config('b', 1.0, 3, "test_evaluator = dict(type='Other')", more_metrics={'x': 1}),
        },
    ]
    assert small.run(small.content(runs, criterion='x'))['chosen']['name'] == 'b'
    runs[1]['config'] = small.config('c', 1.0, 3, "test_evaluator = dict(type='Other')")
    with pytest.raises(InputError, match='no run reports criterion x'):
        small.run(small.content(runs, criterion='x'), 'other')


def test_a_run_that_lacks_a_seed_is_not_chosen(small: SmallStudy) -> None:
    """Which seed diverges is no chance."""
    runs = [
        {'name': 'steady', 'config': small.config('steady', 1.0)},
        {'name': 'diverges', 'config': small.config('diverges', 2.0, fails_with_seed=1)},
    ]
    found = small.run(small.content(runs, seeds=[0, 1]))
    assert found['chosen']['name'] == 'steady'
    text = (small.folder / 'work/study.md').read_text()
    assert 'Not considered, as a seed of theirs has no result: diverges.' in text
    small.config('diverges', 2.0)
    assert small.run(small.content(runs, seeds=[0, 1]), redone=['diverges'])['chosen']['name'] == 'diverges'


def test_results_are_written_before_anything_is_drawn(finished: tuple[SmallStudy, dict[str, Any]]) -> None:
    small, _ = finished
    (small.folder / 'work/study.json').unlink()

    def draw(study: dict, timing: dict) -> list[str]:
        raise RuntimeError('no fonts')

    with pytest.raises(RuntimeError, match='no fonts'):
        small.study(compared(small, matches=False)).put_together(draw=draw)
    assert (small.folder / 'work/study.json').is_file()


def test_seeds_that_are_different_networks_have_no_cost_in_common(small: SmallStudy) -> None:
    config = small.config('a', 1.0)
    runs = [
        {'name': 'one', 'config': config, 'seeds': [0, 1], 'options': {'model.loss': '{seed}'}},
        {'name': 'several', 'config': config, 'seeds': [0, 1], 'options': {'model.placebo': '{seed}'}},
    ]
    found = small.run({**small.content(runs), 'cost': True})
    assert {run['name']: bool(run['cost']) for run in found['runs']} == {'one': True, 'several': False}
    assert (
        'The cost of several could not be measured: its seeds are different networks.'
        in (small.folder / 'work/study.md').read_text()
    )


def test_what_has_no_input_size_says_that_it_costs_nothing_known(small: SmallStudy) -> None:
    config = small.folder / 'bottom_up.py'
    small.config('bottom_up', 1.0)
    config.write_text(config.read_text().replace('TopdownAffine', 'BottomupResize'))
    small.run({**small.content([{'name': 'a', 'config': str(config)}]), 'cost': True})
    assert (
        'The cost of a could not be measured: it is no top-down model' in (small.folder / 'work/study.md').read_text()
    )


def test_clocks_stand_apart(small: SmallStudy) -> None:
    """The same study twice: study.json is the same to the byte, timing.json is not."""
    texts = []
    for name in ('one', 'other'):
        small.run({**compared(small, 1, matches=False), 'cost': True}, name)
        texts.append([(small.folder / name / f'{kind}.json').read_text() for kind in ('study', 'timing')])
    assert texts[0][0] == texts[1][0]
    assert texts[0][1] != texts[1][1]
    timing = json.loads(texts[0][1])
    assert timing['runs'][0]['stages']['train']['seconds'] > 0
    assert timing['runs'][0]['host']['threads'] >= 1
    assert [one['batch'] for one in timing['models']['changed']['latency']] == [1, 32]


def test_several_workers_give_the_same(small: SmallStudy) -> None:
    content = compared(small, seeds=1, matches=False)
    small.run(content, 'one')
    study = small.study(content, 'two')
    with LocalEngine(2) as engine:
        study.carry_out(engine)
    study.measure_costs()
    study.put_together()
    assert (small.folder / 'one/study.json').read_bytes() == (small.folder / 'two/study.json').read_bytes()


@pytest.mark.crash
@pytest.mark.parametrize('seed', range(3))
def test_killed_at_random_moments_it_ends_in_the_same(small: SmallStudy, seed: int) -> None:
    """The process of the study is killed, its programs go on by themselves, and the next study waits for those."""
    content = compared(small, seeds=2, matches=seed == 0, pause=0.02)
    expected = small.run(content, 'undisturbed')
    generator = random.Random(seed)

    def work() -> None:
        small.run(content, 'killed')

    kills = 0
    for _ in range(8):
        child = multiprocessing.get_context('fork').Process(target=work)
        child.start()
        time.sleep(generator.uniform(0.02, 0.6))
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        child.join()
    assert kills >= 2
    assert small.run(content, 'killed') == expected
    assert (small.folder / 'killed/study.json').read_bytes() == (small.folder / 'undisturbed/study.json').read_bytes()
    for name in SKILLS:
        for number in range(2):
            one, other = (small.folder / kind / f'runs/{name}/seed{number}' for kind in ('undisturbed', 'killed'))
            assert (one / 'train/epoch_2.pth').read_text() == (other / 'train/epoch_2.pth').read_text()
            assert started(other, 'train') <= 1 + kills


@pytest.mark.crash
def test_a_killed_training_is_resumed_by_the_next_study(small: SmallStudy) -> None:
    """The training itself is killed as well, in the middle."""
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0, epochs=30, pause=0.02)}])
    expected = small.run(content, 'undisturbed')
    folder = small.folder / 'killed/runs/a/seed0'

    def work() -> None:
        os.setsid()
        small.run(content, 'killed')

    for target in (5, 15):
        child = multiprocessing.get_context('fork').Process(target=work)
        child.start()
        while not (folder / f'train/epoch_{target}.pth').is_file():
            time.sleep(0.005)
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
        assert not (folder / 'train/epoch_30.pth').exists()
    assert small.run(content, 'killed') == expected
    assert started(folder, 'train') == 3
