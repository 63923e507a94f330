"""People made of coloured squares, and networks built by hand that are known to look at them."""

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from tests.explain.small_models import HEIGHT, WIDTH, fresh

JOINTS = 17
SHOULDER, ELBOW, KNEE = 5, 7, 13
FROM_SHOULDER = (-28, 20)
"""Where the elbow is, pixels."""
AREA = 3600.0
BACKGROUND = -1.0
# Far enough from each other and from the edge for discs with a radius of 9 pixels to hide one joint each.
PLACES = np.array([(20 + 28 * (joint % 3), 12 + 20 * (joint // 3)) for joint in range(JOINTS)], np.float64)


def placed(seed: int) -> np.ndarray:
    """(K, 2) whole pixels: the joints on a grid, jittered."""
    jitter = np.random.default_rng(seed).integers(-1, 2, (JOINTS, 2))
    places = PLACES + jitter
    places[ELBOW] = places[SHOULDER] + FROM_SHOULDER
    return places


def people(count: int, seed: int = 0, per_image: int = 1) -> LabelledPeople:
    """People whose joint k is a square of 3 × 3 pixels that hold k + 1."""
    truth = np.stack([placed(seed + person) for person in range(count)])
    inputs = torch.full((count, 3, HEIGHT, WIDTH), BACKGROUND)
    for person, joint in np.ndindex(count, JOINTS):
        x, y = truth[person, joint].astype(int)
        inputs[person, :, y - 1 : y + 2, x - 1 : x + 2] = joint + 1
    return LabelledPeople(
        inputs,
        truth,
        np.ones((count, JOINTS), bool),
        np.full(count, AREA),
        np.arange(count) // per_image,
        np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1)),
    )


def found_squares(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Find each joint: (B, K, 2) the mean place of its pixels, the corner without any; (B, K) whether there are any.

    The elbow is where the shoulder is, and some way off. The knee moves by a hundredth of a pixel for each pixel that
    is neither person nor background, wherever that is.
    """
    seen = (inputs[:, 0, None] - torch.arange(1, JOINTS + 1).view(-1, 1, 1)).abs() < 0.01  # (B, K, H, W)
    count = seen.sum((2, 3))
    x = (seen.sum(2) * torch.arange(WIDTH)).sum(2) / count.clamp(min=1)
    y = (seen.sum(3) * torch.arange(HEIGHT)).sum(2) / count.clamp(min=1)
    places, there = torch.stack([x, y], -1), count > 0
    places[:, ELBOW] = places[:, SHOULDER] + torch.tensor(FROM_SHOULDER)
    there[:, ELBOW] = there[:, SHOULDER]
    places[:, KNEE, 0] += (inputs[:, 0] == 0).sum((1, 2)) / 100
    return places, there


class Coordinates(nn.Module):
    """Gives the places, in parts of the input's size."""

    def forward(self, inputs: Tensor) -> Tensor:
        return found_squares(inputs)[0] / torch.tensor([WIDTH, HEIGHT])


class Maps(nn.Module):
    """Gives maps that peak at the places, and are zero where nothing was seen."""

    def forward(self, inputs: Tensor) -> Tensor:
        places, there = found_squares(inputs)
        x, y = (places / 4)[..., None, None].unbind(2)
        columns, rows = torch.arange(WIDTH // 4), torch.arange(HEIGHT // 4)[:, None]
        return there[..., None, None] * (-((columns - x) ** 2 + (rows - y) ** 2) / 8).exp()


@cache
def planted(kind: str = 'regression') -> PoseFunction:
    """A function whose network is one of the above, read as a head of that kind is."""
    function = fresh('regression' if kind == 'regression' else 'resnet')
    model: Any = function.model
    model.backbone, model.neck = (Coordinates() if kind == 'regression' else Maps()), None
    function.readout.head.forward = lambda features: features
    return function
