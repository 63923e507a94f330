"""MoveNet's four maps: how labels become targets, and how outputs become joints."""

from typing import Any

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.codecs.utils import generate_gaussian_heatmaps
from mmpose.registry import KEYPOINT_CODECS
from numpy.typing import NDArray
from torch import Tensor

__all__ = ['MoveNetCodec', 'cell_grid']


def cell_grid(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every cell of ``maps`` (..., H, W), as float32 (H, 1) and (1, W) on the same device."""
    height, width = maps.shape[-2:]
    rows = torch.arange(height, dtype=torch.float32, device=maps.device)[:, None]
    columns = torch.arange(width, dtype=torch.float32, device=maps.device)[None]
    return rows, columns


@KEYPOINT_CODECS.register_module()
class MoveNetCodec(BaseKeypointCodec):
    """Heatmaps with offsets, and a person centre that says whose joints are meant.

    A place u in cells is a place in input pixels divided by the stride; its cell is ⌊u⌋. The four maps are

    - heatmap (K, H, W): a Gaussian around each joint's cell;
    - center (1, H, W): a Gaussian around the cell of the mean of the labelled joints;
    - regress (2K, H, W): in the cells around the centre, from that cell to each joint, ``u - cell``;
    - offset (2K, H, W): in the cells around a joint, from that cell to it, ``u - cell``.

    Displacements come as y, x per joint, as in the released models. Since both fields are ``u - cell`` wherever they
    count, :meth:`encode` gives u (``keypoint_labels``) and the head compares displacements where it wants to.

    Decoding ``center_guided``, as the released models do: the centre is the best cell of
    ``center / (distance to the middle of the map + 1.8)``; the joint's cell is the best of
    ``heatmap / (distance to where the centre's regression points + 1.8)``; the offset there is added.
    Decoding ``argmax``: the joint's cell is the best of the heatmap alone. A score is the heatmap at the chosen cell.

    Args:
        input_size: Width and height of the input, pixels.
        heatmap_size: Width and height of the maps, cells.
        sigma: Standard deviation of the Gaussians, cells.
        decode_mode: ``'center_guided'`` or ``'argmax'``.
        distance_offset: The 1.8 above, cells; a constant of the released graphs at both sizes.
    """

    DECODE_MODES = ('center_guided', 'argmax')

    label_mapping_table = {  # noqa: RUF012  declared so by the base class
        'keypoint_labels': 'keypoint_labels',
        'keypoint_weights': 'keypoint_weights',
        'center_labels': 'center_labels',
        'center_weights': 'center_weights',
    }
    field_mapping_table = {'heatmaps': 'heatmaps', 'center_heatmaps': 'center_heatmaps'}  # noqa: RUF012

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        sigma: float = 2.0,
        decode_mode: str = 'center_guided',
        distance_offset: float = 1.8,
    ) -> None:
        if decode_mode not in self.DECODE_MODES:
            raise ValueError(f'decode_mode={decode_mode!r} of MoveNetCodec is none of {", ".join(self.DECODE_MODES)}')
        self.input_size = tuple(input_size)
        self.heatmap_size = tuple(heatmap_size)
        self.stride = np.divide(input_size, heatmap_size).astype(np.float32)
        self.sigma = sigma
        self.decode_mode = decode_mode
        self.distance_offset = distance_offset

    def encode(self, keypoints: NDArray[Any], keypoints_visible: NDArray[Any] | None = None) -> dict[str, Any]:
        """Turn one person's labels into targets.

        Args:
            keypoints: (1, K, 2), x and y in input pixels.
            keypoints_visible: (1, K), greater than 0 where labelled; None if all are.

        Returns:
            ``heatmaps`` (K, H, W) and ``center_heatmaps`` (1, H, W) float32, exactly 1 in one cell of each channel that
            counts; ``keypoint_labels`` (1, K, 2) and ``center_labels`` (1, 1, 2), x and y in cells, float32;
            ``keypoint_weights`` (1, K) and ``center_weights`` (1, 1) float32, 0 where unlabelled or outside the input.
        """
        if len(keypoints) != 1:
            raise ValueError(f'MoveNetCodec encodes one person at a time, not {len(keypoints)}')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
        labelled = keypoints_visible[0] > 0
        places = (keypoints[..., :2] / self.stride).astype(np.float32)
        center = places[:, labelled].mean(1, keepdims=True) if labelled.any() else np.full((1, 1, 2), -1, np.float32)
        heatmaps, weights = self._gaussians(places, keypoints_visible)
        center_heatmaps, center_weights = self._gaussians(center, np.ones((1, 1), np.float32))
        return {
            'heatmaps': heatmaps,
            'center_heatmaps': center_heatmaps,
            'keypoint_labels': places,
            'keypoint_weights': weights,
            'center_labels': center,
            'center_weights': center_weights,
        }

    def _gaussians(
        self, places: NDArray[np.float32], visible: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Draw a Gaussian around the cell of each place (1, C, 2); return (C, H, W) and the weights (1, C)."""
        inside = ((places >= 0) & (places < self.heatmap_size)).all(-1)
        weights = np.where(inside, visible, 0).astype(np.float32)
        maps, weights = generate_gaussian_heatmaps(self.heatmap_size, np.floor(places), weights, self.sigma)
        return maps, weights

    def decode(self, encoded: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Find one person's joints.

        Args:
            encoded: heatmap (K, H, W), center (1, H, W), regress (2K, H, W), offset (2K, H, W).

        Returns:
            Keypoints (1, K, 2), x and y in input pixels, and scores (1, K).
        """
        keypoints, scores = self.batch_decode(*(torch.as_tensor(part)[None] for part in encoded))
        return keypoints[0], scores[0]

    @torch.no_grad()
    def batch_decode(
        self, heatmap: Tensor, center: Tensor, regress: Tensor, offset: Tensor
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Find the joints of a batch of people, one person each.

        Args:
            heatmap: (B, K, H, W).
            center: (B, 1, H, W).
            regress: (B, 2K, H, W), cells.
            offset: (B, 2K, H, W), cells.

        Returns:
            B arrays (1, K, 2), x and y in input pixels, and B arrays (1, K) of scores, float32.
        """
        heatmap, center, regress, offset = (part.float() for part in (heatmap, center, regress, offset))
        batch, joints, _, width = heatmap.shape
        ranked = self.guided_heatmap(heatmap, center, regress) if self.decode_mode == 'center_guided' else heatmap
        cells = ranked.flatten(2).argmax(2, keepdim=True)  # (B, K, 1)
        scores = heatmap.flatten(2).gather(2, cells)[..., 0]
        dy, dx = offset.view(batch, joints, 2, -1).gather(3, cells[:, :, None].expand(-1, -1, 2, -1))[..., 0].unbind(2)
        rows, columns = cells[..., 0] // width, cells[..., 0] % width
        places = torch.stack([columns + dx, rows + dy], -1).cpu().numpy() * self.stride
        return list(places[:, None]), list(scores.cpu().numpy()[:, None])

    def guided_heatmap(self, heatmap: Tensor, center: Tensor, regress: Tensor) -> Tensor:
        """Weigh heatmaps by the distance to where the chosen centre expects each joint; gradients pass.

        Args:
            heatmap: (B, K, H, W).
            center: (B, 1, H, W).
            regress: (B, 2K, H, W), cells.

        Returns:
            (B, K, H, W), heatmap / (distance + ``distance_offset``).
        """
        batch, joints, height, width = heatmap.shape
        rows, columns = cell_grid(heatmap)
        middle = torch.hypot(rows - height / 2, columns - width / 2) + self.distance_offset
        cell = (center[:, 0] / middle).flatten(1).argmax(1)  # (B,)
        index = cell.view(batch, 1, 1, 1).expand(-1, joints, 2, 1)
        dy, dx = regress.view(batch, joints, 2, -1).gather(3, index)[..., 0].unbind(2)
        expected_row = ((cell // width)[:, None] + dy)[..., None, None]  # (B, K, 1, 1)
        expected_column = ((cell % width)[:, None] + dx)[..., None, None]
        distance = torch.hypot(rows - expected_row, columns - expected_column)
        return heatmap / (distance + self.distance_offset)
