import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS
from torch import nn

from posescope.capture.handful import Handful
from posescope.errors import InputError
from tests.capture.model_runs import model_config, run_config


@pytest.fixture
def dataset(drawn_coco: Path, tmp_path: Path):
    return DATASETS.build(run_config('resnet', drawn_coco, tmp_path).test_dataloader.dataset)


def model_that_draws() -> nn.Module:
    """In its evaluation it draws from all generators, as a bad pipeline may."""
    model = MODELS.build(model_config('resnet'))
    step = model.test_step

    def test_step(batch):
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        return step(batch)

    model.test_step = test_step
    return model


def states() -> list:
    return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002


def test_predicts_evenly_spaced_people(dataset) -> None:
    model = MODELS.build(model_config('resnet'))
    found = Handful(dataset, 3).predict(model)
    assert [sample.metainfo['id'] for sample in found] == [1, 5, 8]  # places 0, 3.5 and 7, halves to even
    model.eval()
    with torch.no_grad():
        expected = model.test_step(pseudo_collate([dataset[i] for i in (0, 4, 7)]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.pred_instances.keypoints, other.pred_instances.keypoints)


def test_leaves_no_trace(dataset) -> None:
    model = model_that_draws().train()
    model.backbone.layer1.eval()  # frozen
    modes = [module.training for module in model.modules()]
    before, weights = states(), {name: value.clone() for name, value in model.state_dict().items()}
    Handful(dataset, 2).predict(model)
    assert [module.training for module in model.modules()] == modes
    assert states() == before
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_leaves_no_trace_after_an_exception(dataset) -> None:
    model = model_that_draws().train()
    model.head.forward = None
    before = states()
    with pytest.raises(TypeError):
        Handful(dataset, 2).predict(model)
    assert model.training
    assert states() == before


def test_as_many_as_there_are(dataset) -> None:
    assert len(Handful(dataset, 100)) == len(dataset) == 8
    with pytest.raises(InputError, match='people=0 of a data set of 8'):
        Handful(dataset, 0)
