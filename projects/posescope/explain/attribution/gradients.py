"""Gradients of all joints' targets, which share each pass forward."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from posescope.capture.taps import Taps
from posescope.explain.attribution.linear_stem import LinearStem, find_stem
from posescope.explain.attribution.method import channels_last
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['Points', 'backward_each', 'joint_gradients', 'summed_gradients']


@dataclass(frozen=True)
class Points:
    """Some inputs at which gradients are taken.

    Attributes:
        inputs: (B, 3, H, W).
        rows: (B,) int64, which of the N people each is made from.
        weights: (B,) float32, what its gradient counts in the sum.
    """

    inputs: Tensor
    rows: Tensor
    weights: Tensor


def joint_gradients(
    function: PoseFunction, inputs: Tensor, rows: Tensor, bound: BoundTarget, joints: list[int]
) -> Iterator[Tensor]:
    """Run the model forward once, and backward once for each joint.

    On CPUs one backward pass a joint is faster than all in one batch (``is_grads_batched``), which also takes K times
    the memory.

    Args:
        function: The model, with frozen parameters.
        inputs: (B, 3, H, W).
        rows: (B,) int64, whose crop each is.
        bound: The target.
        joints: K joints.

    Yields:
        (B, 3, H, W), for one joint after another.
    """
    with torch.enable_grad():
        start = channels_last(inputs).requires_grad_()
        scores = bound.score(function(start), rows)
    for (found,) in backward_each(scores, [start], joints):
        yield torch.zeros_like(start) if found is None else found


def backward_each(scores: Tensor, starts: list[Tensor], joints: list[int]) -> Iterator[tuple[Tensor | None, ...]]:
    """Give the gradients of each joint's scores, summed over people.

    Args:
        scores: (B, K), with their graph, which is let go of with the last joint.
        starts: What the gradients are of.
        joints: Some of the K joints.

    Yields:
        A tensor like each of ``starts``; None where the scores do not depend on it.
    """
    for number, joint in enumerate(joints):
        if not scores.requires_grad:
            yield (None,) * len(starts)
            continue
        goes_on = number < len(joints) - 1
        with torch.enable_grad():
            total = scores[:, joint].sum()
        yield torch.autograd.grad(total, starts, retain_graph=goes_on, allow_unused=True)


def summed_gradients(
    function: PoseFunction,
    points: Iterator[Points],
    bound: BoundTarget,
    joints: list[int],
    inputs: Tensor,
    batch_size: int,
) -> Tensor:
    """Add up weighted gradients over many points for each person.

    Args:
        function: The model, with frozen parameters.
        points: What is run at once; a person's points may be spread over several.
        bound: The target.
        joints: K joints.
        inputs: (N, 3, H, W) the people.
        batch_size: How many joints go back through the first layers at once.

    Returns:
        (N, K, 3, H, W).
    """
    people, shape = len(inputs), tuple(inputs.shape[1:])
    stem = find_stem(function, inputs)
    total: Tensor | None = None
    for some in points:
        shares = _shares(some, people)
        for number, gradient in enumerate(_stem_gradients(function, some, bound, joints, stem)):
            flat = gradient.movedim(1, -1)  # channels last in memory, so flattening copies nothing
            added = (shares @ flat.flatten(1)).view(people, *flat.shape[1:])
            if total is None:
                total = added.new_zeros(len(joints), *added.shape)
            total[number] += added
    assert total is not None
    sums = total.movedim(-1, 2).transpose(0, 1)  # (N, K, C, h, w)
    if stem is None:
        return sums.contiguous()
    pulled = [[stem.pull_back(some, shape) for some in person.split(batch_size)] for person in sums]
    return torch.stack([torch.cat(parts) for parts in pulled])


def _stem_gradients(
    function: PoseFunction, points: Points, bound: BoundTarget, joints: list[int], stem: LinearStem | None
) -> Iterator[Tensor]:
    """Gradients of points behind the stem where there is one, else of the inputs."""
    if stem is None:
        yield from joint_gradients(function, points.inputs, points.rows, bound, joints)
        return
    with torch.enable_grad(), Taps(function.model, [stem.layer]) as taps:
        scores = bound.score(function(channels_last(points.inputs).requires_grad_()), points.rows)
        (behind,) = taps.outputs[stem.layer]
    for (found,) in backward_each(scores, [behind], joints):
        yield torch.zeros_like(behind) if found is None else found


def _shares(points: Points, people: int) -> Tensor:
    """(N, B) what each point counts in each person's sum."""
    shares = points.weights.new_zeros(people, len(points.rows))
    return shares.index_put((points.rows, torch.arange(len(points.rows), device=shares.device)), points.weights)
