import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from posescope.explain.dependency.attribution_relation import attribution_between_joints
from posescope.explain.dependency.pairs import counted_pairs
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.dependency.relation import Relation, measure_relations
from posescope.explain.pose_function import PoseFunction
from tests.explain.small_models import HEIGHT, WIDTH, crops, function


def predicted(made: PoseFunction, count: int = 3) -> LabelledPeople:
    """People whose labels are what the model gives, so that all joints are good; the nose is labelled for one alone."""
    inputs = crops(count)
    truth = made.decode(made(inputs)).places.detach().numpy().astype(np.float64)
    truth[1:, 0] = np.nan
    whole = np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1))
    visible = np.isfinite(truth).all(-1)
    return LabelledPeople(inputs, truth, visible, np.full(count, 900.0), np.arange(count), whole)


def test_means_over_the_pairs_that_count() -> None:
    made = function('vit')
    some = predicted(made)
    batches = [some.take([0]), some.take([1, 2])]
    found = measure_relations(made, batches, 'saliency')
    assert found['ri'].source == 'saliency'
    assert found['attention'].source == '2 layers of attention'
    counted = counted_pairs(made, some)
    every = np.where(counted, attribution_between_joints(made, some, 'saliency'), np.nan)
    value, people = found['ri'].value, found['ri'].people
    assert value is not None
    assert people is not None
    np.testing.assert_array_equal(people, counted.sum(0))
    known = people > 0
    np.testing.assert_allclose(value[known], np.nansum(every, 0)[known] / people[known])
    assert np.isnan(value[~known]).all()
    assert people[0].max() == 1
    assert people[5, 5] == 3
    content = json.loads(json.dumps(found['attention'].content(), allow_nan=False))
    assert content['reason'] == ''
    assert np.shape(content['value']) == (17, 17)


def test_a_model_without_attention_says_so() -> None:
    made = function('resnet')
    found = measure_relations(made, [predicted(made)])
    assert found['ri'].source == 'hirescam'
    missing = found['attention']
    assert (missing.value, missing.people, missing.source) == (None, None, '')
    assert missing.reason == 'ResNet and HeatmapHead have no attention that can be read'
    agreement = missing.agreement(np.zeros((17, 17)))
    assert (agreement.correlation, agreement.p, agreement.cells) == (None, None, 0)
    assert agreement.reason == missing.reason
    assert missing.content() == {'source': '', 'value': None, 'people': None, 'reason': missing.reason}


def test_nobody_counts() -> None:
    made = function('vit')
    some = predicted(made)
    wrong = replace(some, truth=some.truth + 40)
    for relation in measure_relations(made, [wrong], 'saliency').values():
        assert relation.reason == 'nobody has a pair of joints that counts'


def test_agreement_is_a_rank_correlation() -> None:
    values = np.random.default_rng(0).normal(size=(2, 8, 8))
    apart = ~np.eye(8, dtype=bool)
    expected = stats.spearmanr(values[0][apart], values[1][apart]).statistic
    assert Relation('', values[1]).agreement(values[0], 9).correlation == pytest.approx(expected)
