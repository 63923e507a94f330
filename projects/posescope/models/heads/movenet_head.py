"""MoveNet's head: heatmaps, person centre, and two fields of displacements."""

import math
from typing import Any, NamedTuple

import torch
from mmengine.structures import PixelData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor, nn

from posescope.models.codecs.movenet_codec import cell_grid
from posescope.models.layers import SeparableConv

__all__ = ['MoveNetHead', 'MoveNetOutput']

FOCAL = {'type': 'FocalHeatmapLoss', 'use_target_weight': True}
SMOOTH_L1 = {'type': 'SoftWeightSmoothL1Loss', 'use_target_weight': True, 'supervise_empty': False}
PRIOR = 0.1  # initial value of heatmaps, so that the many empty cells do not flood the focal loss (CornerNet)


class MoveNetOutput(NamedTuple):
    """The four maps; displacements are y, x per joint, in cells."""

    heatmap: Tensor
    """(B, K, H, W), in (0, 1)."""
    center: Tensor
    """(B, 1, H, W), in (0, 1)."""
    regress: Tensor
    """(B, 2K, H, W), from a cell near the centre to each joint."""
    offset: Tensor
    """(B, 2K, H, W), from a cell near a joint to that joint."""

    def mirrored(self, flip_indices: list[int], stride: float) -> 'MoveNetOutput':
        """Return what these maps of a mirrored picture say about the picture itself.

        Of s·W pixels, p becomes s·W - 1 - p; so a place u = p / s becomes W - 1/s - u. A cell c becomes W - 1 - c,
        hence a displacement d = u - c becomes 1 - 1/s - d.

        Args:
            flip_indices: For each joint, the index of its mirror joint.
            stride: Pixels per cell, s.
        """

        def displacements(field: Tensor) -> Tensor:
            pairs = field.flip(-1).unflatten(1, (-1, 2))[:, flip_indices]
            return torch.stack([pairs[:, :, 0], 1 - 1 / stride - pairs[:, :, 1]], 2).flatten(1, 2)

        return MoveNetOutput(
            self.heatmap.flip(-1)[:, flip_indices],
            self.center.flip(-1),
            displacements(self.regress),
            displacements(self.offset),
        )


@MODELS.register_module()
class MoveNetHead(BaseHead):
    """Four branches on one map: a separable convolution with ReLU, then a 1×1 convolution.

    ``heatmap`` and ``center`` are logits in the branches and probabilities in :meth:`forward`.

    Args:
        in_channels: Channels of the backbone's map.
        out_channels: Number of joints K.
        hidden_channels: Channels between the two convolutions of a branch.
        displacement_radius: Half width of the square of cells around the centre (or a joint) in which ``regress`` (or
            ``offset``) is trained.
        heatmap_loss: Loss on the heatmaps.
        center_loss: Loss on the centre map.
        regress_loss: Loss on the displacements from the centre; tens of cells, hence the small weight.
        offset_loss: Loss on the displacements from a joint's cell.
        decoder: The codec, a :class:`MoveNetCodec`.
        init_cfg: As in every MMPose head.
    """

    def __init__(
        self,
        in_channels: int = 24,
        out_channels: int = 17,
        hidden_channels: int = 96,
        displacement_radius: int = 1,
        heatmap_loss: dict[str, Any] = FOCAL,
        center_loss: dict[str, Any] = FOCAL,
        regress_loss: dict[str, Any] = SMOOTH_L1 | {'loss_weight': 0.1},
        offset_loss: dict[str, Any] = SMOOTH_L1,
        decoder: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.displacement_radius = displacement_radius

        def branch(channels: int) -> Any:
            return nn.Sequential(SeparableConv(in_channels, hidden_channels), nn.Conv2d(hidden_channels, channels, 1))

        self.heatmap = branch(out_channels)
        self.center = branch(1)
        self.regress = branch(2 * out_channels)
        self.offset = branch(2 * out_channels)
        for layer in (self.heatmap[-1], self.center[-1]):
            nn.init.constant_(layer.bias, math.log(PRIOR / (1 - PRIOR)))
        self.heatmap_loss = MODELS.build(heatmap_loss)
        self.center_loss = MODELS.build(center_loss)
        self.regress_loss = MODELS.build(regress_loss)
        self.offset_loss = MODELS.build(offset_loss)
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder is not None else None

    def forward(self, feats: tuple[Tensor, ...]) -> MoveNetOutput:
        """Compute the four maps from the last of the backbone's maps."""
        x = feats[-1]
        return MoveNetOutput(
            self.heatmap(x).sigmoid(),
            self.center(x).sigmoid(),
            self.regress(x),
            self.offset(x),
        )

    def predict(self, feats: Any, batch_data_samples: list[Any], test_cfg: dict[str, Any] | None = None) -> Any:
        """Predict joints, and the heatmaps too if ``test_cfg['output_heatmaps']``.

        Args:
            feats: The backbone's output, or with ``test_cfg['flip_test']`` a list of two, the second of the mirrored
                pictures; all four maps are then mirrored back and averaged.
            batch_data_samples: The people, for the metainfo ``flip_indices`` and ``input_size``.
            test_cfg: ``flip_test``, ``output_heatmaps``.

        Returns:
            A list of ``InstanceData`` with ``keypoints`` (1, K, 2) in input pixels and ``keypoint_scores`` (1, K), and
            with ``output_heatmaps`` also a list of ``PixelData`` with ``heatmaps`` (K, H, W).
        """
        test_cfg = test_cfg or {}
        if test_cfg.get('flip_test', False):
            if test_cfg.get('shift_heatmap', False):
                raise ValueError('shift_heatmap=True: MoveNetHead mirrors its maps exactly, leave shift_heatmap out')
            plain, flipped = (self.forward(part) for part in feats)
            input_width, _ = batch_data_samples[0].metainfo['input_size']
            stride = input_width / flipped.heatmap.shape[-1]
            flipped = flipped.mirrored(batch_data_samples[0].metainfo['flip_indices'], stride)
            output = MoveNetOutput(*((a + b) * 0.5 for a, b in zip(plain, flipped, strict=True)))
        else:
            output = self.forward(feats)
        predictions = self.decode(output)
        if test_cfg.get('output_heatmaps', False):
            return predictions, [PixelData(heatmaps=maps) for maps in output.heatmap.detach()]
        return predictions

    def loss(
        self, feats: tuple[Tensor, ...], batch_data_samples: list[Any], train_cfg: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Compare the four maps with the codec's targets.

        Args:
            feats: The backbone's output.
            batch_data_samples: The people with ``gt_fields`` and ``gt_instance_labels`` of :class:`MoveNetCodec`.
            train_cfg: ``compute_acc`` (default True) adds ``acc_pose``, the share of joints within 5 % of the map.

        Returns:
            ``loss_heatmap``, ``loss_center``, ``loss_regress``, ``loss_offset`` and ``acc_pose``.
        """
        output = MoveNetOutput(*(part.float() for part in self.forward(feats)))
        heatmaps = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        centers = torch.stack([sample.gt_fields.center_heatmaps for sample in batch_data_samples])
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        joints = torch.cat([label.keypoint_labels for label in labels])
        weights = torch.cat([label.keypoint_weights for label in labels])
        center = torch.cat([label.center_labels for label in labels])
        center_weights = torch.cat([label.center_weights for label in labels])

        near_center = self._cells_near(center, centers) * (center_weights * weights)[..., None, None]
        near_joints = self._cells_near(joints, heatmaps) * weights[..., None, None]
        losses = {
            'loss_heatmap': self.heatmap_loss(_open_unit(output.heatmap), heatmaps, weights),
            'loss_center': self.center_loss(_open_unit(output.center), centers, center_weights),
            'loss_regress': _displacement_loss(self.regress_loss, output.regress, joints, near_center),
            'loss_offset': _displacement_loss(self.offset_loss, output.offset, joints, near_joints),
        }
        if (train_cfg or {}).get('compute_acc', True):
            _, accuracy, _ = pose_pck_accuracy(to_numpy(output.heatmap), to_numpy(heatmaps), to_numpy(weights) > 0)
            losses['acc_pose'] = heatmaps.new_tensor(accuracy)
        return losses

    def _cells_near(self, places: Tensor, maps: Tensor) -> Tensor:
        """Mark the cells of ``maps`` (..., H, W) around places (B, C, 2), x and y in cells, as (B, C, H, W) of 0, 1."""
        rows, columns = cell_grid(maps)
        x, y = places.floor()[..., None, None].unbind(2)
        return (torch.maximum((rows - y).abs(), (columns - x).abs()) <= self.displacement_radius).float()


def _open_unit(probabilities: Tensor, margin: float = 1e-4) -> Tensor:
    """Keep probabilities off 0 and 1, whose logarithms the focal loss takes."""
    return probabilities.clamp(margin, 1 - margin)


def _displacement_loss(loss: nn.Module, field: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
    """Compare displacements with ``u - cell`` in the cells that count.

    Args:
        loss: Called with predictions (n, 2), targets (n, 2), weights (n, 2).
        field: Predicted displacements (B, 2K, H, W), y and x per joint, cells.
        joints: Places u (B, K, 2), x and y in cells.
        weights: (B, K, H, W), 0 where a cell does not count.
    """
    sample, joint, row, column = weights.nonzero(as_tuple=True)
    predicted = field.unflatten(1, (-1, 2))[sample, joint, :, row, column]
    target = joints[sample, joint].flip(-1) - torch.stack([row, column], -1)
    return loss(predicted, target, weights[sample, joint, row, column, None].expand_as(target))
