r"""Focal losses (Lin et al., ICCV 2017): :math:`-\alpha_t (1 - p_t)^\gamma \log p_t`."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from posescope.compat.mmcv_ext.precision import widened

LOG_FLOOR = math.log(torch.finfo(torch.float32).tiny)
"""The compiled kernels take no logarithm of anything smaller than the smallest normal float32, in any format."""


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` with one loss per sample and class, where each class is a question of its own.

    Args:
        input: (N, C) logits.
        target: (N,) int64 class of each sample. Any number outside 0…C-1 is background: a negative for all C classes.
        weight: (C,) factor on the samples of a class, background counting 1, or empty for none.
        output: (N, C), filled.
        gamma: Exponent that damps easy samples.
        alpha: Weight of positives; negatives have 1 - alpha.

    Raises:
        ValueError: If a label exceeds C, the number that mmcv and mmdet use for background.
    """
    _check_labels(target, input.shape[1])
    logits, weight = widened(input, weight)
    positive = _one_hot(target, logits)
    loss_positive = -alpha * (-logits).sigmoid() ** gamma * _log_sigmoid(logits)
    loss_negative = -(1 - alpha) * logits.sigmoid() ** gamma * _log_sigmoid(-logits)
    output.copy_(torch.where(positive, loss_positive, loss_negative) * _sample_weights(target, weight)[:, None])


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input``, (N, C), with each loss's derivative by its logit; arguments as in the forward function."""
    logits, weight = widened(input, weight)
    positive = _one_hot(target, logits)
    p, q = logits.sigmoid(), (-logits).sigmoid()
    slope_positive = -alpha * q**gamma * (q - gamma * p * _log_sigmoid(logits))
    slope_negative = -(1 - alpha) * p**gamma * (gamma * q * _log_sigmoid(-logits) - p)
    grad_input.copy_(torch.where(positive, slope_positive, slope_negative) * _sample_weights(target, weight)[:, None])


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` with one loss per sample, where each sample has one class.

    Args:
        input: (N, C) probabilities, the softmax that ``mmcv.ops`` has taken already.
        target: (N,) int64 class of each sample; a number outside 0…C-1 means that the sample is ignored.
        weight: (C,) factor on the samples of a class, or empty for none.
        output: (N,), filled.
        gamma: Exponent that damps easy samples.
        alpha: Weight of all samples.

    Raises:
        ValueError: If a label exceeds C.
    """
    _check_labels(target, input.shape[1])
    probabilities, weight = widened(input, weight)
    p, counts = _own_probability(probabilities, target)
    loss = -alpha * (1 - p) ** gamma * p.log().clamp(min=LOG_FLOOR)
    output.copy_(torch.where(counts, loss * _sample_weights(target, weight), 0))


def softmax_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, buff: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input``, (N, C), with the derivative of each loss by the logits.

    Args:
        input: (N, C) probabilities.
        target: (N,) int64 class of each sample; a number outside 0…C-1 means that the sample is ignored.
        weight: (C,) factor on the samples of a class, or empty for none.
        buff: (N,), filled with the derivative of each loss by the logarithm of its own probability.
        grad_input: (N, C), filled.
        gamma: Exponent that damps easy samples.
        alpha: Weight of all samples.
    """
    probabilities, weight = widened(input, weight)
    p, counts = _own_probability(probabilities, target)
    q = 1 - p
    # At q = 0 the second term vanishes like q^gamma, but computed it would be infinity times zero.
    damping = torch.where(q > 0, gamma * q ** (gamma - 1) * p * p.log().clamp(min=LOG_FLOOR), 0)
    by_log = torch.where(counts, alpha * (damping - q**gamma) * _sample_weights(target, weight), 0)
    buff.copy_(by_log)
    grad_input.copy_(by_log[:, None] * (_one_hot(target, probabilities).to(probabilities) - probabilities))


def _check_labels(target: Tensor, num_classes: int) -> None:
    if target.numel() and int(target.max()) > num_classes:
        raise ValueError(f'focal loss: label {int(target.max())} is more than the number of classes, {num_classes}')


def _log_sigmoid(logits: Tensor) -> Tensor:
    return F.logsigmoid(logits).clamp(min=LOG_FLOOR)


def _one_hot(target: Tensor, scores: Tensor) -> Tensor:
    """Return (N, C) bool: whether a class is that of the sample."""
    return target[:, None] == torch.arange(scores.shape[1], device=scores.device)


def _own_probability(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probability (N,) of each sample's own class, and whether the sample counts, (N,) bool."""
    counts = (target >= 0) & (target < probabilities.shape[1])
    labels = torch.where(counts, target, 0)
    return probabilities.gather(1, labels[:, None]).squeeze(1), counts


def _sample_weights(target: Tensor, weight: Tensor) -> Tensor:
    """Return the weight (N,) of each sample's class.

    The compiled kernels read past the end of ``weight`` for background labels; 1 is what they would need to find there.
    """
    if weight.numel() == 0:
        return weight.new_ones(target.shape)
    known = (target >= 0) & (target < weight.numel())
    return torch.where(known, weight[torch.where(known, target, 0)], 1)
