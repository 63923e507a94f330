"""A network built by hand with one layer of attention, in which all queries point at one known key."""

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from tests.explain.small_models import HEIGHT, WIDTH, crops, fresh

ROWS, COLUMNS = HEIGHT // 16, WIDTH // 16
POINTED = 1 * COLUMNS + 4
"""The key that every row points at, with 0.9 of its weight."""
LEFT_WRIST, NOSE = 9, 0
BASE = 40.0, 72.0
"""Where all joints are, x and y: the middle of a patch. The wrist is moved to the right by what its query gathers."""
AREA = 3600.0


class Attention(nn.Module):
    """Attention whose weights are known: 0.9 for one key, and all others alike."""

    def forward(self, values: Tensor) -> Tensor:
        people, length, _ = values.shape
        keys = torch.zeros(length, 2)
        keys[POINTED, 0] = np.log(0.9 / 0.1 * (length - 1)) * np.sqrt(2)
        queries = torch.tensor([1.0, 0.0]).expand(length, 2)
        shape = people, 1, length, 2
        return F.scaled_dot_product_attention(queries.expand(shape), keys.expand(shape), values[:, None])[:, 0]


class PointingBackbone(nn.Module):
    """The wrist is moved by 20 pixels for each unit of what its token gathers.

    Args:
        used: Whether the pointed key's value is the picture's, and all others are about 1. If not, its value is zero,
            and so is what the others add up to: it draws the weight and carries nothing.
    """

    def __init__(self, used: bool) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 1, 16, 16, bias=False)
        nn.init.constant_(self.cells.weight, 1 / 768)
        self.attn = Attention()
        self.used = used

    def forward(self, inputs: Tensor) -> Tensor:
        seen = self.cells(inputs).flatten(2).transpose(1, 2)
        values = 1 + seen
        if self.used:
            values[:, POINTED] = 2 * seen[:, POINTED]
        else:
            values = torch.full_like(seen, 0.1)
            values[:, ::2] *= -1
            values[:, [POINTED, POINTED + 1]] = 0
        gathered = self.attn(values)[:, _token(BASE), 0]
        places = torch.tensor(BASE).expand(len(inputs), 17, 2).clone()
        places[:, LEFT_WRIST, 0] += 20 * gathered
        return places / torch.tensor([WIDTH, HEIGHT])


def _token(place: tuple[float, float]) -> int:
    return int(place[1] // 16) * COLUMNS + int(place[0] // 16)


@cache
def pointing(used: bool) -> PoseFunction:
    made = fresh('regression')
    model: Any = made.model
    model.backbone, model.neck = PointingBackbone(used), None
    made.readout.head.forward = lambda features: features
    return made


def people(count: int = 6) -> LabelledPeople:
    """Random pictures; everybody's joints are labelled at the base."""
    return LabelledPeople(
        crops(count),
        np.tile(np.array(BASE), (count, 17, 1)),
        np.ones((count, 17), bool),
        np.full(count, AREA),
        np.arange(count),
        np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1)),
    )
