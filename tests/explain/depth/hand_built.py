"""Networks built by hand: where in them a joint can be read, and where it is decided, is known."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import heatmap_head, msra
from tests.explain.small_models import HEIGHT, WIDTH

JOINTS, NOSE, EYE, WRIST = 17, 0, 1, 9
ROWS, COLUMNS = HEIGHT // 4, WIDTH // 4
AREA = 3600.0


def built(backbone: nn.Module, weight: Tensor, stride: int = 4) -> PoseFunction:
    """A model with a backbone that gives C channels, and a 1×1 head (17, C)."""
    parts: dict[str, Any] = {
        'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 1},
        'head': heatmap_head(weight.shape[1], msra(stride)),
    }
    model = MODELS.build({'type': 'TopdownPoseEstimator', **parts})
    model.backbone = backbone
    with torch.no_grad():
        model.head.final_layer.weight.copy_(weight[:, :, None, None])
        model.head.final_layer.bias.zero_()
    return PoseFunction(model, skeleton_of_file('coco'))


class Hidden(nn.Module):
    """The nose is where the first two colours have opposite signs, which is linear in ``second`` and not in ``first``.

    The eye is where the third colour is, which is linear in both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 4, 4, bias=False)
        self.second = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU())
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16)
            mixed = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
            self.second[0].weight.copy_(mixed[:, :, None, None])

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return (self.second(self.first(inputs)),)


def hidden() -> PoseFunction:
    weight = torch.zeros(JOINTS, 3)
    weight[:, :2] = 1
    weight[EYE] = torch.tensor([0.0, 0.0, 1.0])
    return built(Hidden(), weight)


def people(count: int, seed: int = 0, per_image: int = 1) -> LabelledPeople:
    """People for :func:`hidden`, with labels of nose and eye alone; every fifth lacks the eye's."""
    generator = torch.Generator().manual_seed(seed)
    truth = np.full((count, JOINTS, 2), np.nan)
    colours = torch.zeros(count, 3, ROWS, COLUMNS)
    sign = torch.randint(0, 2, (count, ROWS, COLUMNS), generator=generator) * 2.0 - 1
    colours[:, 0] = colours[:, 1] = sign
    for person in range(count):
        for joint in (NOSE, EYE):
            row = int(torch.randint(5, ROWS - 5, (), generator=generator))
            column = int(torch.randint(5, COLUMNS - 5, (), generator=generator))
            truth[person, joint] = 4 * column + 1.5, 4 * row + 1.5
            if joint == NOSE:
                colours[person, 1, row, column] *= -1
            else:
                colours[person, 2, row, column] = 1
    truth[::5, EYE] = np.nan
    return LabelledPeople(
        F.interpolate(colours, scale_factor=4),
        truth,
        np.isfinite(truth).all(-1),
        np.full(count, AREA),
        seed * 1000 + np.arange(count) // per_image,
        np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1)),
    )


SOURCE = 2, 3
"""Row and column of the cell whose sign says where the wrist is."""
ENDS = (24, 4), (24, 16)
"""Rows and columns of the wrist where it is negative and where it is positive."""


class Copying(nn.Module):
    """The wrist's two places know nothing of the source before ``copy``, and the source's place nothing after it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 1, 4, 4, bias=False)
        nn.init.constant_(self.cells.weight, 1 / 48)
        self.keep = nn.Identity()
        self.copy = Copy()
        self.last = nn.Identity()

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return (self.last(self.copy(self.keep(self.cells(inputs)))),)


class Copy(nn.Module):
    def forward(self, cells: Tensor) -> Tensor:
        source = cells[:, 0, SOURCE[0], SOURCE[1]]
        found = torch.zeros(len(cells), 2, ROWS, COLUMNS)
        found[:, 0, ENDS[0][0], ENDS[0][1]] = (-source).relu()
        found[:, 0, ENDS[1][0], ENDS[1][1]] = source.relu()
        found[:, 1, 12, 12] = 1  # where all other joints are
        return found


def copying() -> PoseFunction:
    weight = torch.zeros(JOINTS, 2)
    weight[:, 1] = 1
    weight[WRIST] = torch.tensor([1.0, 0.0])
    return built(Copying(), weight)


def twins(count: int = 3) -> tuple[Tensor, Tensor]:
    """Pairs of pictures for :func:`copying` that differ in the source alone."""
    clean = torch.rand(count, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    rows, columns = (slice(4 * cell, 4 * cell + 4) for cell in SOURCE)
    clean[:, :, rows, columns] = -1
    other = clean.clone()
    other[:, :, rows, columns] = 1
    return clean, other


class Boxes(nn.Module):
    """Three box filters of 3 × 3 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(3 if not place else 1, 1, 3, 1, 1, bias=False) for place in range(3)))
        for layer in self.layers:
            nn.init.constant_(layer.weight, 1 / layer.weight.numel())

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return (self.layers(inputs),)
