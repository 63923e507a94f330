from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

from posescope.errors import InputError
from posescope.explain.depth import DatasetPeople
from tests.explain.small_models import config, function


@pytest.fixture(scope='module')
def dataset(drawn_coco: Path) -> object:
    from mmengine.registry import DefaultScope

    wanted = config('resnet').test_dataloader.dataset
    wanted.update(data_root=str(drawn_coco.parent), ann_file=drawn_coco.name, data_prefix={'img': ''})
    with DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build(wanted)


def test_people_are_evenly_spaced_and_loaded_anew(dataset: object) -> None:
    people = DatasetPeople(function('resnet'), dataset, people=4, batch_size=3)
    assert len(people) == 4
    for _ in range(2):
        batches = list(people)
        assert [len(batch) for batch in batches] == [3, 1]
        assert np.concatenate([batch.images for batch in batches]).tolist() == [1, 2, 3, 4]
    assert len(DatasetPeople(function('resnet'), dataset)) == 8
    assert len(DatasetPeople(function('resnet'), dataset, people=100)) == 8


def test_nobody_is_refused(dataset: object) -> None:
    with pytest.raises(InputError, match='at least 1'):
        DatasetPeople(function('resnet'), dataset, people=0)
    with pytest.raises(InputError, match='data set of 0'):
        DatasetPeople(function('resnet'), [])
