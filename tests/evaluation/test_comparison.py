import dataclasses
import json

import numpy as np
import pytest

from posescope.evaluation.average_precision import STATISTICS, AveragePrecision
from posescope.evaluation.bootstrap import Resamples, resample
from posescope.evaluation.comparison import Comparison, compare_models, judge
from tests.evaluation.simulated_matches import simulate


def measured(**fields) -> Comparison:
    defaults = {
        'name': '',
        'statistic': 'AP',
        'ours': 0.51,
        'theirs': 0.5,
        'delta': 0.01,
        'margin': 0.005,
        'units': 100,
        'seeds': None,
        'resamples': 1000,
        'undefined': 0,
        'reason': '',
    }
    return Comparison(**{**defaults, **fields})


def test_numbers() -> None:
    better, worse = simulate(np.random.default_rng(0), 120, (1.6, 1.0))
    found = compare_models(better, worse, 'skill', resamples=120)
    assert [one.statistic for one in found] == list(STATISTICS)
    ours, theirs = (AveragePrecision(matches).statistics() for matches in (better, worse))
    drawn = resample([better, worse], 120).drawn
    for s, one in enumerate(found):
        assert (one.ours, one.theirs) == (ours[one.statistic], theirs[one.statistic])
        assert one.delta == pytest.approx(one.ours - one.theirs)
        assert one.low < one.delta < one.high
        assert one.error == pytest.approx((drawn[:, 0, s] - drawn[:, 1, s]).std(ddof=1))
        assert one.detectable == pytest.approx(2.82 * one.error, rel=0.02)
        assert (one.name, one.verdict, one.p_holm) == ('skill', '', None)
    assert found[0].units == len(np.unique(better.person_image)) > found[3].units
    json.dumps([dataclasses.asdict(one) for one in found], allow_nan=False)
    before = Resamples.joined([resample([matches], 120) for matches in (better, worse)])
    assert compare_models(better, worse, 'skill', resamples=120, found=before) == found


def test_changing_sides_changes_signs() -> None:
    models = simulate(np.random.default_rng(1), 90, (1.2, 1.0))
    one, other = compare_models(*models, resamples=60)[0], compare_models(*models[::-1], resamples=60)[0]
    assert (one.delta, one.low, one.high) == pytest.approx((-other.delta, -other.high, -other.low))
    assert (one.p, one.p_equal, one.error) == pytest.approx((other.p, other.p_equal, other.error))


def verdict(skill: float, own: float = 0.05, **options) -> str:
    models = simulate(np.random.default_rng(2), 400, (skill, 1.0), own=own, spurious=0)
    return judge(compare_models(*models, resamples=60, **options))[0].verdict


def test_verdicts_on_models() -> None:
    assert verdict(1.4) == 'better'
    assert verdict(0.6) == 'worse'
    assert verdict(1.0, margin=0.05) == 'equal within margin'
    assert verdict(1.0, own=0.7) == 'undecided'
    expected = 'no claim: fewer than 50 images or scenes with people who count (40)'
    assert verdict(1.4, units=np.arange(400) // 10) == expected


def test_verdicts_on_numbers() -> None:
    cases = {
        'better': measured().with_error(0.002, 0.018, 0.004, 99, 0.01),
        'worse': measured(delta=-0.01).with_error(-0.018, -0.002, 0.004, 99, 0.01),
        'undecided': measured().with_error(-0.002, 0.022, 0.006, 99, 0.1),
        'equal within margin': measured(delta=0.001).with_error(-0.001, 0.003, 0.001, 99, 0.3),
        'no claim: too few': measured(delta=None, reason='too few'),
        'not declared': measured(statistic='AR').with_error(0.002, 0.018, 0.004, 99, 0.01),
    }
    for expected, one in cases.items():
        assert judge([one])[0].verdict == expected
    # Permutation and bootstrap disagree: nothing is said.
    assert judge([measured().with_error(-0.001, 0.018, 0.006, 99, 0.04)])[0].verdict == 'undecided'
    # Real and small.
    assert judge([measured(delta=0.002).with_error(0.001, 0.003, 0.0005, 99, 0.001)])[0].verdict == 'better'


def test_several_comparisons_are_corrected_together() -> None:
    many = [measured().with_error(0.002, 0.018, 0.004, 99, p) for p in (0.01, 0.04, 0.03, 0.005)]
    judged = judge([*many, measured(statistic='AR').with_error(0.002, 0.018, 0.004, 99, 0.001), measured(reason='x')])
    assert [one.p_holm for one in judged] == [*(pytest.approx(p) for p in (0.03, 0.06, 0.06, 0.02)), None, None]
    assert [one.verdict for one in judged] == [
        'better',
        'undecided',
        'undecided',
        'better',
        'not declared',
        'no claim: x',
    ]
    assert [one.p for one in judged[:4]] == [0.01, 0.04, 0.03, 0.005]
    declared = judge(judged, declared=('AP', 'AR'))
    assert [one.p_holm for one in declared[:5]] == pytest.approx([0.03, 0.06, 0.06, 0.02, 0.005])


def test_equality_is_corrected_too() -> None:
    # Student's t for 99: 2.365 is exceeded with a probability of .01.
    equal = measured(delta=0.0).with_error(-0.004, 0.004, 0.005 / 2.3646, 99, 0.9)
    alone, *_ = judge([equal])
    assert (alone.p_equal_holm, alone.verdict) == (pytest.approx(0.01, abs=1e-4), 'equal within margin')
    many = judge([equal] * 6)
    assert [one.p_equal_holm for one in many] == pytest.approx([0.06] * 6, abs=1e-3)
    assert {one.verdict for one in many} == {'undecided'}
    assert judge(many) == many


def test_fifty_images() -> None:
    models = simulate(np.random.default_rng(3), 4, (1.0, 2.0))
    found = judge(compare_models(*models, resamples=20))[0]
    assert found.delta is not None
    assert (found.low, found.high, found.error, found.p, found.p_equal, found.detectable) == (None,) * 6
    assert found.verdict.startswith('no claim: ')
