import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.apis import inference_topdown
from torch import Tensor

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import build
from tests.explain.small_models import KINDS, config, crops, fresh, function, photograph

BOXES = np.array([[20, 30, 90, 140], [60.5, 10.25, 180, 120]], np.float32)


@pytest.mark.parametrize('name', KINDS)
def test_decoding_gives_what_the_model_predicts(name: str) -> None:
    made = fresh(name)
    assert made.kind == KINDS[name]
    made.model.cfg, made.model.dataset_meta = config(name), dict(made.skeleton.metainfo)
    people = made.people_of(photograph(), BOXES)
    pose = made.decode(made(people.inputs))
    expected = inference_topdown(made.model, photograph(), BOXES)
    places = np.stack([sample.pred_instances.keypoints[0] for sample in expected])
    assert np.ptp(places[0], 0).max() > 1
    np.testing.assert_allclose(people.in_image(pose.places), places, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(
        pose.scores, [sample.pred_instances.keypoint_scores[0] for sample in expected], rtol=1e-5, atol=1e-6
    )


def test_a_batch_of_a_data_loader_gives_what_test_step_predicts() -> None:
    made = function('rtmpose')
    assert made._cutter is not None
    packed = made._cutter.cut(photograph(), BOXES)
    data = pseudo_collate(packed)
    people = made.batch(data)
    pose = made.decode(made(people.inputs))
    expected = [sample.pred_instances.keypoints[0] for sample in made.model.test_step(data)]
    np.testing.assert_allclose(people.in_image(pose.places), expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(made.people_of(photograph(), BOXES).inputs, people.inputs, rtol=0, atol=0)


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'rle', 'movenet'])
def test_gradients_of_what_the_head_gives_are_those_of_finite_differences(name: str) -> None:
    made = fresh(name)
    made.model.double()
    generator = torch.Generator().manual_seed(1)
    inputs = crops(1).double().requires_grad_()
    way = torch.randn(inputs.shape, generator=generator, dtype=torch.float64)
    weights = {
        key: torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        for key, tensor in made(inputs).tensors()
    }

    def measure(inputs: Tensor) -> Tensor:
        return torch.stack([(weights[key] * tensor).mean() for key, tensor in made(inputs).tensors()]).sum()

    (gradient,) = torch.autograd.grad(measure(inputs), inputs)
    step = 1e-7
    with torch.no_grad():
        expected = (measure(inputs + step * way) - measure(inputs - step * way)) / (2 * step)
    assert float((gradient * way).sum()) == pytest.approx(float(expected), rel=1e-4)


def test_parameters_are_frozen_and_left_as_they_were() -> None:
    made = fresh('resnet')
    first = next(made.model.parameters())
    first.requires_grad_(False)
    before = [parameter.requires_grad for parameter in made.model.parameters()]
    weights = copy.deepcopy(made.model.state_dict())
    inputs = crops(1).requires_grad_()
    with pytest.raises(KeyError), made.frozen() as same:
        assert same is made
        assert not any(parameter.requires_grad for parameter in made.model.parameters())
        made(inputs).heatmap.sum().backward()
        raise KeyError
    assert inputs.grad is not None
    assert [parameter.requires_grad for parameter in made.model.parameters()] == before
    assert all(parameter.grad is None for parameter in made.model.parameters())
    for name, value in made.model.state_dict().items():
        assert torch.equal(value, weights[name])


def test_batch_norms_do_not_learn_from_what_is_explained() -> None:
    model = build('resnet').train()
    made = PoseFunction(model, skeleton_of_file('coco'))
    assert not model.training
    alone = made(crops(2)[:1]).heatmap
    torch.testing.assert_close(made(crops(2)).heatmap[:1], alone, rtol=1e-4, atol=1e-5)


def test_colours_are_those_of_the_preprocessor() -> None:
    made = function('resnet')
    whole = made.people_of(np.zeros((128, 96, 3), np.uint8)).inputs[0]
    torch.testing.assert_close(made.black.expand_as(whole), whole)
    rgb = np.array([123.675, 116.28, 103.53])
    grey = made.people_of(np.full((128, 96, 3), rgb[::-1].round(), np.uint8)).inputs[0, :, 64, 48]
    assert (grey - made.mean_colour[:, 0, 0]).abs().max() < 0.5 / 57


def test_joints_come_from_the_config() -> None:
    made = function('resnet')
    assert made.joints[9] == 'left_wrist'
    assert made.flip_indices[9] == 10
    assert made.sigmas[9] == pytest.approx(0.062)
    assert (7, 9) in made.links
    assert made.input_size == (96, 128)
    assert made.joint_indices() == list(range(17))
    assert made.joint_indices(['left ankle', 'nose']) == [15, 0]
    with pytest.raises(InputError, match='nearest: left_ankle'):
        made.joint_indices(['left_anckle'])


def test_a_bare_model_is_taken_to_have_the_joints_of_coco_and_says_so() -> None:
    with pytest.warns(UserWarning, match='no dataset_meta: its 17 joints are taken to be COCO'):
        made = PoseFunction(build('resnet'))
    with pytest.raises(InputError, match='made from a model alone, which does not tell how crops are cut'):
        made.people_of(photograph())
    model = build('resnet')
    model.dataset_meta = dict(skeleton_of_file('crowdpose').metainfo)
    with pytest.raises(InputError, match='HeatmapHead gives 17 joints, and the skeleton names 14: left_shoulder'):
        PoseFunction(model)


def test_a_bare_model_with_other_joints_needs_a_skeleton() -> None:
    model = build('resnet')
    model.head.out_channels = 14
    with pytest.raises(InputError, match='no dataset_meta, which would name its 14 joints: give a skeleton'):
        PoseFunction(model)


def test_a_compiled_model_is_looked_through() -> None:
    model = build('resnet')
    made = PoseFunction(torch.compile(model, backend='eager'), skeleton_of_file('coco'))
    assert made.model is model


def test_without_a_spread_for_each_joint_there_is_no_ks() -> None:
    skeleton = replace(skeleton_of_file('coco'), sigmas=np.zeros(0))
    made = PoseFunction(build('resnet'), skeleton)
    with pytest.raises(InputError, match=r'the metainfo has 0 sigmas for 17 joints, so there is no KS: give the data'):
        _ = made.sigmas


def test_a_model_in_training_mode_is_not_explained() -> None:
    made = fresh('resnet')
    made.model.train()
    with pytest.raises(InputError, match='the model is in training mode'):
        made(crops(1))


def test_activations_that_are_computed_twice_stop_no_gradient() -> None:
    made = fresh('resnet')
    made.model.backbone.with_cp = True
    blocks = [module for module in made.model.modules() if hasattr(module, 'with_cp')]
    for block in blocks:
        block.with_cp = True
    inputs = crops(1).requires_grad_()
    with made.frozen():
        assert not any(block.with_cp for block in blocks)
        torch.autograd.grad(made(inputs).heatmap.sum(), inputs)
    assert all(block.with_cp for block in blocks)
