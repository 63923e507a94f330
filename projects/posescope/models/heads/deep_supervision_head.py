"""Losses at intermediate stages, in training only."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.model import ModuleList
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.heads.map_labels import check_maps, map_labels
from posescope.models.heads.wrapped_head import WrappedHead

__all__ = ['DeepSupervisionHead']


@MODELS.register_module()
class DeepSupervisionHead(WrappedHead):
    """Asks intermediate stages for heatmaps too (C.-Y. Lee et al., Deeply-Supervised Nets, AISTATS 2015).

    Each supervised stage gets a 1×1 convolution to K maps, which are enlarged to the size of the heatmaps (bilinear)
    and compared with the labels by the loss of the head inside, times a weight. So what a stage must know of the joints
    is asked where it is computed, and gradients reach it by a short way. Nothing of that is left at test time:
    :meth:`forward` and ``predict`` never look at these stages.

    The maps of the supervised stages come first among ``feats``, the head inside gets the others. A backbone that gives
    all its stages needs no neck for that; in front of a neck that joins them, :func:`StageKeepingNeck
    <posescope.models.necks.stage_keeping_neck.stage_keeping_neck>` keeps them.

    Args:
        pose_head: Config of a head with one map a joint: ``HeatmapHead``, ``CategoricalHeatmapHead``, …
        in_channels: Channels of each supervised stage, in the order in which their maps come.
        loss_weight: Factor of each stage's loss; one for all, or one for each.
        init_cfg: As in every MMPose head.

    Raises:
        InputError: There are not as many weights as stages, or the head inside is of another kind.
    """

    def __init__(
        self,
        pose_head: dict[str, Any],
        in_channels: Sequence[int],
        loss_weight: float | Sequence[float] = 0.3,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(pose_head, init_cfg or {'type': 'Normal', 'layer': 'Conv2d', 'std': 0.001})
        check_maps(self, combined=True)
        count = len(in_channels)
        self.loss_weights = [loss_weight] * count if isinstance(loss_weight, int | float) else list(loss_weight)
        if len(self.loss_weights) != count:
            raise InputError(
                f'DeepSupervisionHead loss_weight={loss_weight}: give one, or one for each of {count} stages'
            )
        self.taps = ModuleList(nn.Conv2d(channels, self.out_channels, 1) for channels in in_channels)

    def forward(self, feats: Sequence[Tensor]) -> Any:
        """Compute what the head inside computes from the maps behind those of the supervised stages."""
        return super().forward(self._for_pose_head(feats))

    def predict(self, feats: Any, batch_data_samples: list[Any], test_cfg: dict[str, Any] | None = None) -> Any:
        """Predict as the head inside does."""
        flipped = (test_cfg or {}).get('flip_test', False)
        rest = [self._for_pose_head(each) for each in feats] if flipped else self._for_pose_head(feats)
        return super().predict(rest, batch_data_samples, test_cfg)

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: list[Any], train_cfg: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            feats: Maps of the supervised stages, then those of the head inside.
            batch_data_samples: B samples with the labels of the codec.
            train_cfg: Passed on to the head inside.

        Returns:
            Those of the head inside, and ``loss_tap0``, ``loss_tap1``, …
        """
        losses = super().loss(self._for_pose_head(feats), batch_data_samples, train_cfg)
        labels = map_labels(self.pose_head, batch_data_samples, feats[-1].device)
        width, height = self.decoder.heatmap_size
        compare = self.loss_module
        if isinstance(compare, nn.ModuleList):  # CPM has one for each of its stages
            compare = compare[-1]
        for number, (tap, weight) in enumerate(zip(self.taps, self.loss_weights, strict=True)):
            maps = F.interpolate(tap(feats[number]).float(), (height, width), mode='bilinear', align_corners=False)
            losses[f'loss_tap{number}'] = weight * compare(maps, *labels)
        return losses

    def _for_pose_head(self, feats: Sequence[Tensor]) -> Sequence[Tensor]:
        """The maps of the head inside."""
        if len(feats) <= len(self.taps):
            raise InputError(
                f'DeepSupervisionHead supervises {len(self.taps)} stages and gets {len(feats)} maps in all: let the '
                "backbone give its stages (out_indices), and a neck keep them (type='StageKeepingNeck')"
            )
        return feats[len(self.taps) :]
