"""Focal losses through mmcv.ops, against the formula in the paper and finite differences."""

import math

import numpy as np
import pytest
import torch
from mmcv.ops import SigmoidFocalLoss, SoftmaxFocalLoss, sigmoid_focal_loss, softmax_focal_loss

RNG = np.random.default_rng(0)
LOGITS = torch.from_numpy(RNG.normal(size=(7, 4)) * 3)
LABELS = torch.tensor([0, 3, 4, -1, 2, 1, 3])  # 4 and -1 are no class: background and ignored
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)


def sigmoid_reference(logits, labels, gamma, alpha, weight):
    loss = np.zeros(logits.shape)
    for n, label in enumerate(labels.tolist()):
        for c in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-logits[n, c]))
            p_t, alpha_t = (p, alpha) if c == label else (1 - p, 1 - alpha)
            loss[n, c] = -alpha_t * (1 - p_t) ** gamma * math.log(p_t)
        if weight is not None and 0 <= label < len(weight):
            loss[n] *= weight[label].item()
    return torch.from_numpy(loss)


def softmax_reference(logits, labels, gamma, alpha, weight):
    loss = np.zeros(len(logits))
    for n, label in enumerate(labels.tolist()):
        if 0 <= label < logits.shape[1]:
            p = math.exp(logits[n, label]) / sum(math.exp(value) for value in logits[n])
            loss[n] = -alpha * (1 - p) ** gamma * math.log(p) * (1 if weight is None else weight[label].item())
    return torch.from_numpy(loss)


LOSSES = [(sigmoid_focal_loss, sigmoid_reference), (softmax_focal_loss, softmax_reference)]


@pytest.mark.parametrize(('function', 'reference'), LOSSES)
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weight', [None, CLASS_WEIGHTS])
def test_values_and_reductions(function, reference, gamma, weight):
    expected = reference(LOGITS, LABELS, gamma, 0.25, weight)
    losses = function(LOGITS, LABELS, gamma, 0.25, weight, 'none')
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(function(LOGITS, LABELS, gamma, 0.25, weight, 'sum'), expected.sum())
    torch.testing.assert_close(function(LOGITS, LABELS, gamma, 0.25, weight, 'mean'), expected.sum() / len(LABELS))


@pytest.mark.parametrize('function', [sigmoid_focal_loss, softmax_focal_loss])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weight', [None, CLASS_WEIGHTS])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_gradients(function, gamma, weight, reduction):
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: function(x, LABELS, gamma, 0.25, weight, reduction), logits)


def test_gradient_of_unreduced_sigmoid_loss():
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sigmoid_focal_loss(x, LABELS, 2.0, 0.25, None, 'none'), logits)


def test_mmdet_computes_the_same_without_compiled_functions():
    from mmdet.models.losses import FocalLoss
    from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

    labels = LABELS.clamp(min=0)
    one_hot = torch.nn.functional.one_hot(labels, 5)[:, :4]
    expected = py_sigmoid_focal_loss(LOGITS, one_hot, reduction='sum')
    torch.testing.assert_close(sigmoid_focal_loss(LOGITS, labels, 2.0, 0.25, None, 'sum'), expected)
    torch.testing.assert_close(FocalLoss(reduction='sum')(LOGITS, labels), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('layer', [SigmoidFocalLoss, SoftmaxFocalLoss])
def test_saturated_logits_stay_finite(dtype, layer):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], dtype=dtype, requires_grad=True)
    loss = layer(2.0, 0.25, reduction='sum')(logits, torch.tensor([0, 0]))
    loss.backward()
    assert loss.dtype == logits.grad.dtype == dtype
    # Half of the answers are perfect and cost nothing; the wrong ones stop at the logarithm of the smallest float32.
    floor = math.log(torch.finfo(torch.float32).tiny)
    wrong = 0.25 * -floor + (0.75 * -floor if layer is SigmoidFocalLoss else 0)
    assert loss.item() == pytest.approx(wrong, rel=1e-2)
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0].abs().max().item() < 1e-30


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0])
def test_a_certain_right_answer_has_no_gradient_even_below_gamma_one(gamma):
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    softmax_focal_loss(logits, torch.tensor([0]), gamma, 0.25, None, 'sum').backward()
    assert logits.grad.abs().max() == 0


def test_a_label_beyond_background_is_refused():
    for function in (sigmoid_focal_loss, softmax_focal_loss):
        with pytest.raises(ValueError, match='label 5 is more than the number of classes, 4'):
            function(LOGITS, LABELS + 1, 2.0, 0.25, None, 'sum')


@pytest.mark.parametrize('function', [sigmoid_focal_loss, softmax_focal_loss])
def test_no_samples(function):
    logits = torch.zeros(0, 4, requires_grad=True)
    loss = function(logits, torch.zeros(0, dtype=torch.long), 2.0, 0.25, None, 'sum')
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 4)


def test_strided_logits():
    wide = LOGITS.repeat_interleave(2, 1)[:, ::2]
    assert not wide.is_contiguous()
    torch.testing.assert_close(
        sigmoid_focal_loss(wide, LABELS, 2.0, 0.25, None, 'none'), sigmoid_reference(LOGITS, LABELS, 2.0, 0.25, None)
    )
