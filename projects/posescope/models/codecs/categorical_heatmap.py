"""A joint's place as a distribution over cells, read out where it is expected to score best."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.models.layers.cells import gaussian_rows, product_of_rows

__all__ = ['COCO_SIGMAS', 'CategoricalHeatmap', 'check_sigmas']

# https://cocodataset.org/#keypoints-eval
COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip


def check_sigmas(owner: Any, sigmas: Sequence[float] | NDArray[Any] | Tensor, joints: int) -> None:
    """Refuse a spread for another number of joints.

    Raises:
        InputError: Naming the class and both numbers.
    """
    if len(sigmas) != joints:
        raise InputError(
            f'{type(owner).__name__} has sigmas of {len(sigmas)} joints, and there are {joints}: give sigmas=… of this '
            'skeleton, one for each joint'
        )


@KEYPOINT_CODECS.register_module()
class CategoricalHeatmap(BaseKeypointCodec):
    """Heatmaps that are probabilities: of each joint, one map that sums to one.

    Such a map p tells of every place x how similar to the truth it can be expected to be,
    E[KS](x) = Σ p(u) · exp(-|x - u|² / (2 s²)), where s = 2σ · √area is the distance at which a joint's similarity has
    fallen to exp(-½) (https://cocodataset.org/#keypoints-eval). :meth:`decode` returns the place that maximises it, and
    the maximum as the score: an estimate of the similarity itself, and not of how peaked a map is.

    The person's area is not known at test time, so ``person_size`` stands for its root. Places are those of MMPose's
    ``TopdownAffine`` without ``use_udp``: the centre of cell i lies (i + ½) · stride - ½ pixels from the centre of the
    first pixel.

    Args:
        input_size: Width and height of the input, pixels.
        heatmap_size: Width and height of the maps, cells.
        person_size: Typical root of a person's area in the input, pixels.
        sigmas: Spread of each joint as in OKS; None for those of COCO's 17 joints. ``tools/`` fill in those of the
            data set's skeleton.
    """

    label_mapping_table = {  # noqa: RUF012  declared so by the base class
        'keypoint_labels': 'keypoint_labels',
        'keypoint_weights': 'keypoint_weights',
        'keypoint_scales': 'keypoint_scales',
    }
    auxiliary_encode_keys = {'area', 'bbox_scale'}  # noqa: RUF012

    REFINEMENTS = 3
    """Steps uphill from the best of the places that are tried, two to a cell in each direction."""

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        person_size: float,
        sigmas: Sequence[float] | None = None,
    ) -> None:
        self.input_size = tuple(input_size)
        self.heatmap_size = tuple(heatmap_size)
        self.stride = np.divide(input_size, heatmap_size).astype(np.float32)
        self.person_size = person_size
        self.sigmas = np.asarray(COCO_SIGMAS if sigmas is None else sigmas, np.float32)

    def encode(
        self,
        keypoints: NDArray[Any],
        keypoints_visible: NDArray[Any] | None = None,
        area: NDArray[Any] | None = None,
        bbox_scale: NDArray[Any] | None = None,
    ) -> dict[str, Any]:
        """Turn one person's labels into what a loss needs.

        Args:
            keypoints: (1, K, 2), x and y in input pixels.
            keypoints_visible: (1, K), greater than 0 where labelled; None if all are.
            area: (1,) or a number, area of the person in pixels² of the picture; None or 0 for ``person_size``.
            bbox_scale: (1, 2), width and height of the crop in pixels of the picture.

        Returns:
            ``keypoint_labels`` (1, K, 2), x and y in cells, where cell i's centre is at i; ``keypoint_scales`` (1, K),
            s in cells; ``keypoint_weights`` (1, K), 0 where unlabelled or outside the input. All float32.
        """
        if len(keypoints) != 1:
            raise ValueError(f'CategoricalHeatmap encodes one person at a time, not {len(keypoints)}')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
        check_sigmas(self, self.sigmas, keypoints.shape[1])
        places = (keypoints[..., :2] + 0.5) / self.stride - 0.5
        inside = ((places >= -0.5) & (places < np.subtract(self.heatmap_size, 0.5))).all(-1)
        size = self.person_size
        if area is not None and bbox_scale is not None and np.asarray(area).reshape(-1)[0] > 0:
            zoom = self.input_size[0] / float(np.asarray(bbox_scale).reshape(-1)[0])
            size = zoom * float(np.sqrt(np.asarray(area).reshape(-1)[0]))
        return {
            'keypoint_labels': places.astype(np.float32),
            'keypoint_weights': np.where(inside, keypoints_visible, 0).astype(np.float32),
            'keypoint_scales': (2 * self.sigmas * size / self.stride[0])[None].astype(np.float32),
        }

    def decode(self, encoded: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Find one person's joints.

        Args:
            encoded: (K, H, W), probabilities.

        Returns:
            Keypoints (1, K, 2), x and y in input pixels, and scores (1, K), the expected similarity.
        """
        keypoints, scores = self.batch_decode(torch.as_tensor(encoded)[None])
        return keypoints[0], scores[0]

    @torch.no_grad()
    def batch_decode(self, encoded: Tensor) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Find the joints of a batch of people, one person each.

        Args:
            encoded: (B, K, H, W), probabilities.

        Returns:
            B arrays (1, K, 2), x and y in input pixels, and B arrays (1, K) of scores, float32.
        """
        check_sigmas(self, self.sigmas, encoded.shape[1])
        with torch.autocast(encoded.device.type, enabled=False):  # while something trains, say
            return self._decoded(encoded.float())

    def _decoded(self, maps: Tensor) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        height, width = maps.shape[-2:]
        scales = torch.as_tensor(2 * self.sigmas * self.person_size / self.stride[0], device=maps.device)
        tried_x, tried_y = (torch.arange(2 * n, device=maps.device) / 2 - 0.25 for n in (width, height))
        kernel_x = gaussian_rows(tried_x.expand(len(scales), -1), scales[:, None], width)  # (K, 2W, W)
        kernel_y = gaussian_rows(tried_y.expand(len(scales), -1), scales[:, None], height)
        expected = torch.einsum('kyh,bkhw,kxw->bkyx', kernel_y, maps, kernel_x)
        best = expected.flatten(2).argmax(2)
        x, y = tried_x[best % (2 * width)], tried_y[best // (2 * width)]
        for _ in range(self.REFINEMENTS):
            x, y = self._uphill(maps, x, y, scales)
        scores = (maps * self._kernel(maps, x, y, scales)).sum((2, 3))
        places = (torch.stack([x, y], -1).cpu().numpy() + 0.5) * self.stride - 0.5
        return list(places[:, None]), list(scores.cpu().numpy()[:, None])

    @staticmethod
    def _kernel(maps: Tensor, x: Tensor, y: Tensor, scales: Tensor) -> Tensor:
        """exp(-|(x, y) - u|² / (2 s²)) for every cell u of maps (B, K, H, W)."""
        height, width = maps.shape[-2:]
        return product_of_rows(gaussian_rows(x, scales, width), gaussian_rows(y, scales, height))

    def _uphill(self, maps: Tensor, x: Tensor, y: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of mean shift, which never lowers the expected similarity."""
        weights = maps * self._kernel(maps, x, y, scales)
        total = weights.sum((2, 3)).clamp(min=1e-12)
        columns, rows = (torch.arange(n, dtype=maps.dtype, device=maps.device) for n in (maps.shape[3], maps.shape[2]))
        return (weights.sum(2) * columns).sum(-1) / total, (weights.sum(3) * rows).sum(-1) / total
