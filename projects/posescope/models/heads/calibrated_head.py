"""A head that predicts how well it has predicted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.models.heads.joint_truths import joint_truths, places_in_input
from posescope.models.heads.map_labels import check_maps, encoded_maps, innermost
from posescope.models.heads.quality_branch import CLOSEST, QualityBranch
from posescope.models.heads.wrapped_head import WrappedHead, maps_computed_by
from posescope.models.layers.shifted_scores import scores_with_mean

__all__ = ['CalibratedHead']

RESCORE = ('both', 'instance', 'joint', 'none')


@MODELS.register_module()
class CalibratedHead(WrappedHead):
    """Scores joints with the KS, and people with the OKS, that a branch of its own expects.

    AP ranks people by their scores, and the height of a heatmap's peak is a poor guess of a person's OKS (K. Gu et al.,
    On the Calibration of Human Pose Estimation, ICML 2024). A monotone map of scores cannot mend the ranking; new
    information can. So a branch sees the features and the heatmaps and learns, by cross-entropy, the KS and OKS
    between what the codec decodes in training and the labels. Its gradient ends at the pose's maps and features: what
    it learns changes only scores. (A training that clips the length of the whole gradient counts the branch's too.)

    COCO's metrics make a person's score from the joints', so with ``rescore='both'`` the logits of all KS are moved by
    one number until their mean is the OKS. For exactly that mean, the metric must not leave low joints out:
    ``keypoint_score_thr=0`` of ``CocoKeypointMetric``. The prediction also holds it as ``predicted_oks`` (1,).

    Labels need the person's area. The codec ``CategoricalHeatmap`` brings it; for others ``PackPoseInputs`` has to keep
    ``transformed_keypoints``, ``area`` and ``input_scale`` in its ``meta_keys``.

    Args:
        pose_head: Config of a head with one map a joint: ``HeatmapHead``, ``CategoricalHeatmapHead``, …
        in_channels: Channels of the last feature map.
        hidden_channels: Of the branch.
        sigmas: Spread of each joint as in OKS; None for those of COCO's 17 joints.
        rescore: ``'both'``; ``'instance'`` moves the pose head's own joint scores to the mean OKS; ``'joint'`` takes
            KS alone; ``'none'`` leaves scores as they are.
        loss_weight: Factor of both losses of the branch.
        init_cfg: As in every MMPose head.

    Raises:
        InputError: ``rescore`` is unknown, or the pose head is of another kind.
    """

    def __init__(
        self,
        pose_head: dict[str, Any],
        in_channels: int,
        hidden_channels: int = 64,
        sigmas: Sequence[float] | None = None,
        rescore: str = 'both',
        loss_weight: float = 1.0,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(pose_head, init_cfg)
        check_maps(self, combined=False)
        if rescore not in RESCORE:
            raise InputError(
                f'CalibratedHead rescore={rescore!r}: choose {", ".join(RESCORE)} '
                f'(nearest: {nearest(rescore, RESCORE, 1)})'
            )
        self.sigmas, self.rescore, self.loss_weight = sigmas, rescore, loss_weight
        self.branch = QualityBranch(in_channels, self.out_channels, hidden_channels)

    def loss(
        self, feats: Any, batch_data_samples: list[Any], train_cfg: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            feats: Maps of the neck.
            batch_data_samples: B samples with the labels of the codec.
            train_cfg: Passed on to the pose head.

        Returns:
            Those of the pose head, and ``loss_ks`` and ``loss_oks_predicted``, in nats.
        """
        with maps_computed_by(innermost(self)) as computed:
            losses = super().loss(feats, batch_data_samples, train_cfg)
        maps = encoded_maps(self, _last(computed[-1]).detach())
        instances = self.decode(maps)
        truths = joint_truths(self, batch_data_samples, maps.device)
        ks, oks = truths.similarity(places_in_input(self.decoder, instances, maps.device))
        ks_logits, oks_logits = self.branch(feats[-1].detach(), maps, _scores(instances, maps))
        labelled = truths.labelled
        of_joints = F.binary_cross_entropy_with_logits(ks_logits, ks, labelled, reduction='sum')
        people = (labelled.sum(1) > 0).to(oks)
        of_people = F.binary_cross_entropy_with_logits(oks_logits, oks, people, reduction='sum')
        losses['loss_ks'] = self.loss_weight * of_joints / labelled.sum().clamp(min=1)
        losses['loss_oks_predicted'] = self.loss_weight * of_people / people.sum().clamp(min=1)
        return losses

    @torch.no_grad()
    def predict(self, feats: Any, batch_data_samples: list[Any], test_cfg: dict[str, Any] | None = None) -> Any:
        """Predict as the pose head does, then score anew.

        Args:
            feats: Maps of the neck; with ``flip_test`` those of the input and of its mirror image. The branch then
                looks at both, and logits are averaged.
            batch_data_samples: B samples.
            test_cfg: Passed on to the pose head.

        Returns:
            What the pose head returns, with new ``keypoint_scores`` (1, K) and ``predicted_oks`` (1,).
        """
        with maps_computed_by(innermost(self)) as computed:
            found = super().predict(feats, batch_data_samples, test_cfg)
        instances = found[0] if isinstance(found, tuple) else found
        passes = feats if (test_cfg or {}).get('flip_test', False) else [feats]
        scores = _scores(instances, _last(computed[0]))
        plain = list(range(scores.shape[1]))
        logits = []
        for number, (each, maps) in enumerate(zip(passes, computed, strict=True)):
            order = plain if number == 0 else list(batch_data_samples[0].metainfo['flip_indices'])
            ks, oks = self.branch(each[-1], encoded_maps(self, _last(maps)), scores[:, order])
            logits.append((ks[:, order], oks))
        ks, oks = (torch.stack(parts).mean(0) for parts in zip(*logits, strict=True))
        for instance, one, expected in zip(instances, self._rescored(scores, ks, oks), oks.sigmoid(), strict=True):
            instance.keypoint_scores = one[None].cpu().numpy().astype(np.float32)
            instance.predicted_oks = expected[None].cpu().numpy().astype(np.float32)
        return found

    def _rescored(self, scores: Tensor, ks: Tensor, oks: Tensor) -> Tensor:
        """New joint scores (B, K) from the old ones, logits of KS (B, K) and logits of OKS (B,)."""
        if self.rescore == 'none':
            return scores
        if self.rescore == 'joint':
            return ks.sigmoid()
        logits = ks if self.rescore == 'both' else scores.clamp(CLOSEST, 1 - CLOSEST).logit()
        return scores_with_mean(logits, oks.sigmoid())


def _last(maps: Any) -> Tensor:
    """The maps that are decoded: those of the last stage where there are several."""
    last: Tensor = maps[-1] if isinstance(maps, list | tuple) else maps
    return last


def _scores(instances: Sequence[Any], like: Tensor) -> Tensor:
    """Scores (B, K) of decoded people."""
    scores = np.concatenate([np.asarray(each.keypoint_scores) for each in instances])
    return torch.as_tensor(scores, dtype=torch.float32, device=like.device)
