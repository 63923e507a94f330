import numpy as np
import pytest

from posescope.capture.pictures import Crop, SkeletonStyle
from posescope.errors import InputError
from posescope.explain.attention_trial.trial_figure import draw_trial, effect_map
from tests.explain.attention_trial.planted_attention import POINTED, people, pointing
from tests.explain.attention_trial.test_trial_run import planted
from tests.explain.small_models import HEIGHT, WIDTH


def crop() -> Crop:
    style = SkeletonStyle.of_metainfo(pointing(True).skeleton.metainfo)
    return Crop(np.array([[1.0, 0, 0], [0, 1.0, 0]]), (WIDTH, HEIGHT), style, people(1).truth[0])


def test_agreement_stands_above_the_map() -> None:
    trial = planted(True)
    figure = draw_trial(trial, crop(), 'left_wrist', person=2)
    text = figure.get_suptitle().replace('\n', ' ')
    assert 'agreement +1.00 (6 images, too few for an interval)' in text
    assert 'keys with 50% of the weight' in text
    assert 'agreement +0.00' in draw_trial(trial, crop(), 'nose').get_suptitle()
    shown = [panel.images[0].get_array() for panel in figure.axes if panel.images]
    np.testing.assert_allclose(shown[0], trial.rows['backbone.attn'].weights[2, 1])
    assert np.flatnonzero(shown[1]).tolist() == [POINTED]


def test_effects_are_laid_where_their_keys_are() -> None:
    trial = planted(True)
    found = effect_map(trial, 'backbone.attn', 2, 1, 'displacement').ravel()
    # The group of the key that is pointed at moves the joint most; the query's own patch is in no group.
    assert found[POINTED] == np.nanmax(found)
    assert found[POINTED] == trial.measured['displacement'][6, 2, 1]
    assert np.isnan(found).sum() == 1


@pytest.mark.parametrize(
    ('options', 'what'), [({'person': 6}, '0 to 5'), ({'layer': 'attn'}, 'nearest: backbone.attn')]
)
def test_wrong_choices_are_refused(options: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        draw_trial(planted(True), crop(), 'left_wrist', **options)
