import math
import statistics
from pathlib import Path

import pytest
from scipy import stats

from posescope.evaluation.bootstrap import resample
from posescope.evaluation.matches_file import load_matches
from posescope.study.forecast import detectable, expected_seconds
from posescope.study.study_file import read_study
from posescope.study.study_folder import StudyFolder
from tests.study.small_study import SmallStudy

STUDIES = Path(__file__).parents[2] / 'configs/studies'


def pair(small: SmallStudy, seeds: int = 5, **more: object) -> dict:
    runs = [
        {'name': 'nothing', 'config': small.config('nothing', 1.0), 'seeds': list(range(seeds))},
        {
            'name': 'changed',
            'config': small.config('changed', 2.0),
            'seeds': list(range(seeds)),
            'controls': ['nothing'],
        },
    ]
    return small.content(runs, **more)


def test_from_noise_that_is_given(small: SmallStudy) -> None:
    """By hand: without a part of the images it is that of Welch's test with 2 · (S - 1) degrees of freedom."""
    study = small.study(pair(small, noise={'seeds': 0.01, 'images': 0.0}))
    (found,) = detectable(study.plan, study.folder, study.trials)
    expected = (stats.t.ppf(0.975, 8) + stats.t.ppf(0.8, 8)) * 0.01 * math.sqrt(2 / 5)
    assert found.delta == pytest.approx(expected)
    many = small.study(pair(small, noise={'seeds': 0.0, 'images': 0.004}))
    (found,) = detectable(many.plan, many.folder, many.trials)
    assert found.delta == pytest.approx((1.959964 + 0.841621) * 0.004, rel=1e-5)
    assert 'claim nothing' not in found.reason


def test_given_weights_differ_by_the_images_alone(small: SmallStudy) -> None:
    content = pair(small, noise={'seeds': 0.01, 'images': 0.004})
    weights = small.folder / 'weights.pth'
    weights.touch()
    given = [
        {'name': run['name'], 'config': run['config'], 'train': False, 'start': str(weights)} for run in content['runs']
    ]
    comparisons = [{'run': 'changed', 'control': 'nothing'}]
    study = small.study({**content, 'runs': given, 'comparisons': comparisons})
    (found,) = detectable(study.plan, study.folder, study.trials)
    assert found.delta == pytest.approx((1.959964 + 0.841621) * 0.004, rel=1e-5)


@pytest.mark.parametrize('name', sorted(path.name for path in STUDIES.glob('*.py')))
def test_our_studies_say_beforehand_what_they_could_find(name: str, tmp_path: Path) -> None:
    plan = read_study(str(STUDIES / name), files=False)
    found = detectable(plan, StudyFolder(tmp_path), [])
    assert [one.comparison for one in found] == [one.name for one in plan.comparisons]
    for one, comparison in zip(found, plan.comparisons, strict=True):
        seeds = min(len(plan.runs[name].seeds) for name in (comparison.run, comparison.control))
        error = math.hypot(plan.noise.images, plan.noise.seeds * math.sqrt(2 / seeds))
        # At least what the images alone allow. Three seeds and eight comparisons make 4.5 of the 2.8 standard errors.
        assert one.delta is not None
        assert 2.8 * plan.noise.images < one.delta < 5 * error


def test_corrected_for_the_number_of_comparisons(small: SmallStudy) -> None:
    content = pair(small, noise={'seeds': 0.0, 'images': 0.004})
    content['comparisons'] = [{'name': 'more', 'run': 'changed', 'control': 'nothing', 'criterion': 'coco/AP .5'}]
    study = small.study(content)
    found = detectable(study.plan, study.folder, study.trials)
    assert [one.comparison for one in found] == ['more', 'changed against nothing']
    assert found[0].delta == pytest.approx((stats.norm.ppf(1 - 0.05 / 4) + stats.norm.ppf(0.8)) * 0.004)


def test_few_seeds_are_named(small: SmallStudy) -> None:
    study = small.study(pair(small, seeds=3, noise={'seeds': 0.01, 'images': 0.01}))
    assert 'fewer than 5 seeds claim nothing' in detectable(study.plan, study.folder, study.trials)[0].reason


def test_from_what_has_finished(small: SmallStudy) -> None:
    small.save_matches({1.0: 5, 2.0: 5})
    content = pair(small)
    study = small.study(content)
    assert detectable(study.plan, study.folder, study.trials)[0].delta is None
    small.run({**content, 'runs': [{**run, 'seeds': [0, 1]} for run in content['runs']]})
    study = small.study(content)
    (found,) = detectable(study.plan, study.folder, study.trials)
    values = {
        name: [
            trial.record.metrics['test']['coco/AP'] for trial in study.trials if trial.run.name == name and trial.record
        ]
        for name in ('nothing', 'changed')
    }
    of_seeds = sum((a - b) ** 2 / 2 for a, b in values.values()) / 2
    matches = [study.folder.trial(name, 0) / 'test/matches.npz' for name in ('changed', 'nothing')]
    drawn = resample([load_matches(path).matches for path in matches], 200).drawn[:, :, 0]
    of_images = (drawn[:, 0] - drawn[:, 1]).var(ddof=1)
    variance = 2 * of_seeds / 5 + of_images
    df = variance**2 / (2 * (of_seeds / 5) ** 2 / 4)
    assert found.delta == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * math.sqrt(variance))


def test_pairs_are_as_sure_as_their_differences(small: SmallStudy) -> None:
    """Before there are any, all that can be said is that they are no less sure than others."""
    content = pair(small, noise={'seeds': 0.01, 'images': 0.0}, paired=True)
    study = small.study(content)
    (found,) = detectable(study.plan, study.folder, study.trials)
    assert 'at most, as the two of a pair vary together' in found.reason
    del content['noise']
    small.save_matches({1.0: 5, 2.0: 5})
    small.run({**content, 'runs': [{**run, 'seeds': [0, 1, 2]} for run in content['runs']]})
    study = small.study(content)
    (found,) = detectable(study.plan, study.folder, study.trials)
    values = {
        name: [t.record.metrics['test']['coco/AP'] for t in study.trials if t.run.name == name and t.record]
        for name in ('nothing', 'changed')
    }
    of_pairs = statistics.variance(a - b for a, b in zip(values['changed'], values['nothing'], strict=True))
    matches = [study.folder.trial(name, 0) / 'test/matches.npz' for name in ('changed', 'nothing')]
    drawn = resample([load_matches(path).matches for path in matches], 200).drawn[:, :, 0]
    variance = of_pairs / 5 + (drawn[:, 0] - drawn[:, 1]).var(ddof=1)
    df = variance**2 / ((of_pairs / 5) ** 2 / 4)
    assert found.delta == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * math.sqrt(variance))
    assert 'at most' not in found.reason


def test_given_weights_against_trained_ones_claim_nothing(small: SmallStudy) -> None:
    content = pair(small, noise={'seeds': 0.01, 'images': 0.01})
    content['runs'][0].update(train=False, start='https://somewhere/x.pth', seeds=[0])
    del content['runs'][1]['controls']
    content['comparisons'] = [{'run': 'changed', 'control': 'nothing'}]
    study = small.study(content)
    assert 'claim nothing' in detectable(study.plan, study.folder, study.trials)[0].reason


def test_given_weights_have_no_forecast(small: SmallStudy) -> None:
    content = pair(small)
    for run in content['runs']:
        run.update(train=False, start='https://somewhere/x.pth')
    study = small.study(content)
    assert detectable(study.plan, study.folder, study.trials)[0].delta is None


def test_expected_time_is_that_of_finished_seeds(small: SmallStudy) -> None:
    content = pair(small, seeds=3)
    study = small.study(content)
    assert expected_seconds(study.plan, study.trials) is None
    small.run({**content, 'runs': [{**content['runs'][0], 'seeds': [0, 1]}]})
    study = small.study(content)
    records = [trial.record for trial in study.trials if trial.record is not None]
    assert len(records) == 2
    records[0].stages, records[1].stages = {'train': records[0].stages['train']}, {'train': records[1].stages['train']}
    records[0].stages['train'].seconds, records[1].stages['train'].seconds = 10.0, 30.0
    assert expected_seconds(study.plan, study.trials) == 4 * 20
    assert expected_seconds(study.plan, study.trials, workers=2) == 2 * 20


def test_a_run_without_a_seed_takes_the_usual_time_of_a_step(small: SmallStudy) -> None:
    """Ten steps took 50 s and the test 4 s: 30 steps take 150 s, weights that are only tested 4 s."""
    runs = [
        {'name': 'start', 'config': small.config('start', 1.0), 'options': {'train_cfg': {'max_iters': 10}}},
        {
            'name': 'longer',
            'config': small.config('longer', 2.0),
            'options': {'train_cfg': {'max_iters': 30}},
            'start': 'start',
        },
        {'name': 'as-it-is', 'config': small.config('as-it-is', 1.0), 'start': 'start', 'train': False},
    ]
    small.run(small.content(runs[:1]))
    study = small.study(small.content(runs))
    (record,) = (trial.record for trial in study.trials if trial.record is not None)
    record.stages = {'train': record.stages['train'], 'test': record.stages['test']}
    record.stages['train'].seconds, record.stages['test'].seconds = 50.0, 4.0
    assert expected_seconds(study.plan, study.trials) == pytest.approx(150 + 4 + 4)
