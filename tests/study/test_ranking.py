import dataclasses
import json
import math

import pytest
from scipy import stats

from posescope.errors import InputError
from posescope.evaluation.bootstrap import percentile_interval, resample
from posescope.evaluation.matches_file import load_matches
from posescope.study.checks import COMPARABLE
from posescope.study.ranking import rank, standing
from posescope.study.record import FINISHED, Identity, TrialRecord
from tests.study.small_study import SmallStudy


def with_metrics(small: SmallStudy, values: dict[str, list[dict]]) -> tuple:
    """A plan and trials with these metrics on dev."""
    runs = [
        {'name': name, 'config': small.config(name, 1.0), 'seeds': list(range(len(rows)))}
        for name, rows in values.items()
    ]
    study = small.study(small.content(runs))
    for trial in study.trials:
        metrics = {'dev': values[trial.run.name][trial.seed]}
        trial.record = TrialRecord('', 0, '', Identity(''), FINISHED, done=['dev'], metrics=metrics)
    return study.plan, study.trials


def row(value: float | None, half: float | None = None) -> dict:
    ends = {} if half is None else {'coco/AP/low': value - half, 'coco/AP/high': value + half}
    return {'coco/AP': value, **ends}


def test_seeds_alone_are_students_interval(small: SmallStudy) -> None:
    values = [0.50, 0.52, 0.51, 0.55]
    plan, trials = with_metrics(small, {'a': [row(value, 0.0) for value in values]})
    found = standing(plan, 'a', 'dev', trials)
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.mean, found.seeds) == (pytest.approx(0.52), 4)


def test_images_alone_are_the_tests_interval(small: SmallStudy) -> None:
    plan, trials = with_metrics(small, {'a': [row(0.5, 0.04)] * 3, 'one': [row(0.4, 0.03)]})
    assert standing(plan, 'a', 'dev', trials).low == pytest.approx(0.46)
    one = standing(plan, 'one', 'dev', trials)
    assert (one.low, one.high, one.spread) == (0.37, pytest.approx(0.43), None)


def test_both_add_up(small: SmallStudy) -> None:
    plan, trials = with_metrics(small, {'a': [row(0.4, 0.0392), row(0.5, 0.0392)]})
    found = standing(plan, 'a', 'dev', trials)
    of_seeds, of_images = 0.05**2, (0.0392 / stats.norm.ppf(0.975)) ** 2
    df = (of_seeds + of_images) ** 2 / of_seeds**2
    assert found.high - 0.45 == pytest.approx(stats.t.ppf(0.975, df) * math.sqrt(of_seeds + of_images))


def test_order_and_what_is_missing(small: SmallStudy) -> None:
    plan, trials = with_metrics(small, {'low': [row(0.3)], 'none': [row(None)], 'high': [row(0.6)]})
    found = rank(plan, trials)
    assert [one.name for one in found] == ['high', 'low', 'none']
    assert (found[0].low, found[2].mean, found[2].seeds) == (None, None, 0)


def test_where_lower_is_better_the_lowest_is_the_best(small: SmallStudy) -> None:
    plan, trials = with_metrics(small, {'low': [row(0.3)], 'none': [row(None)], 'high': [row(0.6)]})
    found = rank(dataclasses.replace(plan, higher_is_better=False), trials)
    assert [one.name for one in found] == ['low', 'high', 'none']
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}], criterion='diagnosis/share/miss')
    with pytest.raises(InputError, match='criterion diagnosis/share/miss is better if it is lower: higher_is_better'):
        small.study(content)
    assert small.run({**content, 'higher_is_better': False})['higher_is_better'] is False


def test_images_of_one_scene_are_drawn_together(small: SmallStudy) -> None:
    """Eighty images that show twenty scenes, each four times."""
    small.save_matches({1.0: 1}, images=80)
    content = small.content([{'name': 'a', 'config': small.config('a', 1.0)}], choose_on=None)
    matches = load_matches(small.matches / '1.0_0.npz').matches
    scenes = small.folder / 'scenes.json'
    scenes.write_text(json.dumps({str(image): str(i // 4) for i, image in enumerate(matches.image_ids.tolist())}))
    content['splits']['test']['units'] = str(scenes)
    found = {one['split']: one for one in small.run(content)['means']}
    column = list(COMPARABLE).index('coco/AP')
    drawn = resample([matches], 100, 0, [str(i // 4) for i in range(len(matches.image_ids))])
    expected = percentile_interval(drawn.values[0, column], drawn.drawn[:, 0, column], int(drawn.units[column]))
    assert (found['test']['low'], found['test']['high']) == (expected.low, expected.high)
    # What the fake test wrote down, which knows of no scenes.
    assert found['dev']['high'] - found['dev']['low'] == pytest.approx(0.08)
