"""A head whose heatmaps are probabilities."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads.heatmap_heads.heatmap_head import HeatmapHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import MODELS
from torch import Tensor

from posescope.errors import InputError

__all__ = ['CategoricalHeatmapHead']


@MODELS.register_module()
class CategoricalHeatmapHead(HeatmapHead):
    """Like MMPose's ``HeatmapHead``, with a softmax over the cells of each joint's map.

    :meth:`forward` gives logits, of which the losses make what they need; :meth:`predict` gives probabilities. The
    codec is a :class:`CategoricalHeatmap`.

    Args:
        out_channels: Number of joints K.
        upscale: Cells of the result for one cell of the last layer, in each direction. That layer then has K · upscale²
            channels, which a pixel shuffle (arXiv 1609.05158) lays beside each other: finer maps at little cost.
        loss: Loss that finds the joint, a :class:`CategoricalHeatmapLoss`.
        oks_loss: Loss that refines its place, an :class:`ExpectedOKSLoss`; None for none.
        **kwargs: Those of ``HeatmapHead``.
    """

    def __init__(
        self,
        *,
        out_channels: int,
        loss: dict[str, Any],
        oks_loss: dict[str, Any] | None = None,
        upscale: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(out_channels=out_channels * upscale**2, loss=loss, **kwargs)
        self.out_channels = out_channels
        self.upscale = upscale
        self.oks_loss_module = MODELS.build(oks_loss) if oks_loss else None

    def forward(self, feats: Any) -> Tensor:
        """Compute logits.

        Args:
            feats: Maps of the neck, the last of them (B, C, H, W).

        Returns:
            (B, K, upscale · H, upscale · W).
        """
        return F.pixel_shuffle(super().forward(feats), self.upscale)

    def predict(self, feats: Any, batch_data_samples: list[Any], test_cfg: dict[str, Any] | None = None) -> Any:
        """Predict joints.

        Args:
            feats: Maps of the neck; with ``flip_test`` those of the input and of its mirror image.
            batch_data_samples: B samples.
            test_cfg: ``flip_test`` averages both predictions, ``output_heatmaps`` returns the maps too.

        Returns:
            B instances with ``keypoints`` (1, K, 2) in input pixels and ``keypoint_scores`` (1, K); with
            ``output_heatmaps`` also B ``PixelData`` with ``heatmaps`` (K, H, W), each of which sums to one.
        """
        test_cfg = test_cfg or {}
        if test_cfg.get('shift_heatmap', False):
            raise InputError(
                'CategoricalHeatmapHead with test_cfg.shift_heatmap=True: its maps mirror onto each other as they lie'
            )
        if test_cfg.get('flip_test', False):
            maps, mirrored = (self._probabilities(each) for each in feats)
            flip_indices = batch_data_samples[0].metainfo['flip_indices']
            maps = (maps + flip_heatmaps(mirrored, flip_indices=flip_indices, shift_heatmap=False)) / 2
        else:
            maps = self._probabilities(feats)
        predictions: list[InstanceData] = self.decode(maps)
        if test_cfg.get('output_heatmaps', False):
            return predictions, [PixelData(heatmaps=each) for each in maps]
        return predictions

    def _probabilities(self, feats: Any) -> Tensor:
        logits = self._logits(feats)
        return logits.flatten(2).softmax(-1).view_as(logits)

    def _logits(self, feats: Any) -> Tensor:
        logits = self.forward(feats).float()
        made, asked = tuple(logits.shape[:-3:-1]), tuple(getattr(self.decoder, 'heatmap_size', ()))
        if asked and made != asked:
            raise InputError(
                f'CategoricalHeatmapHead makes maps of {made[0]} × {made[1]} cells, and heatmap_size of its codec is '
                f'{asked[0]} × {asked[1]}: labels would lie elsewhere (see upscale, deconv_out_channels, input_size)'
            )
        return logits

    def loss(
        self, feats: Any, batch_data_samples: list[Any], train_cfg: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Compute the losses.

        Args:
            feats: Maps of the neck.
            batch_data_samples: B samples with the labels of the codec.
            train_cfg: Not used.

        Returns:
            ``loss_kpt`` and, if there is one, ``loss_oks``.
        """
        logits = self._logits(feats)
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        places, scales, weights = (
            torch.cat([label[name] for label in labels]).to(logits)
            for name in ('keypoint_labels', 'keypoint_scales', 'keypoint_weights')
        )
        losses = {'loss_kpt': self.loss_module(logits, places, scales, weights)}
        if self.oks_loss_module is not None:
            losses['loss_oks'] = self.oks_loss_module(logits, places, scales, weights)
        return losses
