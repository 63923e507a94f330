import json
from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

from posescope.errors import InputError
from posescope.explain.depth import DatasetPeople
from tests.explain.small_models import config, function


def built(root: Path, labels: Path) -> object:
    from mmengine.registry import DefaultScope

    wanted = config('resnet').test_dataloader.dataset
    wanted.update(data_root=str(root), ann_file=str(labels), data_prefix={'img': ''})
    with DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build(wanted)


@pytest.fixture(scope='module')
def dataset(drawn_coco: Path) -> object:
    return built(drawn_coco.parent, drawn_coco)


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


@pytest.mark.parametrize('highest', [1, 2])
def test_whether_one_means_hidden_is_asked_of_all_people(drawn_coco: Path, tmp_path: Path, highest: int) -> None:
    """The second batch has no 2: with COCO's flags its joints are hidden, with those of hands (0, 1) they are not."""
    content = json.loads(drawn_coco.read_text())
    for number, annotation in enumerate(content['annotations']):
        flags = np.array(annotation['keypoints'][2::3])
        annotation['keypoints'][2::3] = np.minimum(flags, highest if number == 0 else 1).tolist()
    (tmp_path / 'flags.json').write_text(json.dumps(content))
    first, second = DatasetPeople(function('resnet'), built(drawn_coco.parent, tmp_path / 'flags.json'), batch_size=4)
    labelled = [np.isfinite(batch.truth).all(-1) for batch in (first, second)]
    if highest == 2:
        assert first.visible[0].any()
        assert not first.visible[1:].any()
        assert not second.visible.any()
    else:
        np.testing.assert_array_equal(first.visible, labelled[0])
        np.testing.assert_array_equal(second.visible, labelled[1])
    assert labelled[1].any()
