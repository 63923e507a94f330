from pathlib import Path

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.depth import cue_twins
from tests.explain.small_models import config, function

DATA = Path(__file__).resolve().parents[3] / 'data' / 'rendered_people'


def dataset(**options: object) -> dict:
    return {
        **config('resnet').test_dataloader.dataset,
        'data_root': str(DATA),
        'ann_file': 'annotations/dev.json',
        'data_prefix': {'img': 'dev/'},
        **options,
    }


def test_twins_differ_in_the_cue_alone() -> None:
    made = function('resnet')
    found = cue_twins(made, dataset(), None, {'cue': 'band', 'side': 'left'}, people=4)
    assert len(found.clean) == len(found.images) == 4
    changed = (found.clean != found.counterfactual).any(1).flatten(1).double().mean(1).numpy()
    assert (changed < 0.25).all()
    assert (changed > 0).sum() >= 2
    same = cue_twins(made, dataset(), {'cue': 'band', 'side': 'left'}, {'cue': 'band', 'side': 'left'}, people=1)
    np.testing.assert_array_equal(same.clean, same.counterfactual)
    np.testing.assert_array_equal(same.clean, found.counterfactual[:1])


def test_a_pipeline_without_loading_is_refused() -> None:
    with pytest.raises(InputError, match='no LoadImage'):
        cue_twins(function('resnet'), dataset(pipeline=[{'type': 'GetBBoxCenterScale'}]), None, None)
