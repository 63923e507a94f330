"""Networks built by hand, whose left wrist looks at one known patch far from it."""

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget
from tests.capture.pose_models import heatmap_head, msra
from tests.explain.attribution.explained import bind
from tests.explain.small_models import HEIGHT, WIDTH

LEFT_WRIST, NOSE = 9, 0
PATCH = slice(32, 48), slice(64, 80)
"""Rows and columns of pixels that the left wrist looks at."""
SPOT = slice(0, 16), slice(0, 16)
"""Where all other joints are seen, and what they look at."""
WRIST = 96, 16
"""Row and column of the pixel where it is seen."""


class LookingBackbone(nn.Module):
    """Cells of 4 × 4 pixels. Channel 0 shows at the wrist's cell what the patch holds, channel 1 each cell itself."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 1, 4, 4, bias=False)
        nn.init.constant_(self.cells.weight, 1 / 48)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        cells = self.cells(inputs)
        rows, columns = (slice(part.start // 4, part.stop // 4) for part in PATCH)
        patch = cells[:, :, rows, columns].mean((2, 3), keepdim=True)
        spot = torch.zeros_like(cells)
        spot[:, :, WRIST[0] // 4, WRIST[1] // 4] = 1
        return (torch.cat([patch * spot, cells], 1),)


class AttendingBackbone(nn.Module):
    """Tokens of 16 × 16 pixels and one layer of attention, in which the wrist's token looks at the patch's alone."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 2, 16, 16, bias=False)
        nn.init.constant_(self.cells.weight, 1 / 768)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        cells = self.cells(inputs)
        rows, columns = cells.shape[2:]
        keys = torch.eye(rows * columns)
        queries = keys.clone()
        queries[_token(WRIST)] = keys[_token((PATCH[0].start, PATCH[1].start))]
        people = len(inputs)
        mixed = F.scaled_dot_product_attention(
            (1000 * queries).expand(people, 1, -1, -1),
            keys.expand(people, 1, -1, -1),
            cells.flatten(2).transpose(1, 2)[:, None],
        )[:, 0]
        laid = mixed.transpose(1, 2).unflatten(2, (rows, columns))
        spot = torch.full_like(laid, 0.1)
        spot[:, 0] = 0
        spot[:, 0, WRIST[0] // 16, WRIST[1] // 16] = 1
        return (F.interpolate(laid * spot, scale_factor=4.0),)


def _token(pixel: tuple[int, int]) -> int:
    return pixel[0] // 16 * (WIDTH // 16) + pixel[1] // 16


def looking(backbone: nn.Module) -> tuple[PoseFunction, Tensor, BoundTarget]:
    """A model with such a backbone, two people, and the heatmap's value."""
    parts = {'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 1}, 'head': heatmap_head(2, msra(4))}
    model = MODELS.build({'type': 'TopdownPoseEstimator', **parts})
    model.backbone = backbone
    weight = torch.zeros(17, 2, 1, 1)
    weight[:, 1] = 1
    weight[LEFT_WRIST, :, 0, 0] = torch.tensor([1.0, 0.0])
    with torch.no_grad():
        model.head.final_layer.weight.copy_(weight)
        model.head.final_layer.bias.zero_()
    made = PoseFunction(model, skeleton_of_file('coco'))
    inputs = 0.5 + torch.rand(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    inputs[:, :, PATCH[0], PATCH[1]] += 2
    inputs[:, :, SPOT[0], SPOT[1]] += 5
    return made, inputs, bind(made, inputs, 'value')


def share_on_patch(maps: Tensor, margin: int = 0) -> Tensor:
    """(N, K) part of the absolute values that lies on the patch, widened by a margin, pixels."""
    rows, columns = (slice(part.start - margin, part.stop + margin) for part in PATCH)
    return maps[..., rows, columns].abs().sum((2, 3)) / maps.abs().sum((2, 3))
