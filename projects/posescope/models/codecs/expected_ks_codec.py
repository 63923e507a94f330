"""Another codec's joints, scored by what their whole maps say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.models.codecs.categorical_heatmap import COCO_SIGMAS
from posescope.models.layers.cells import gaussian_rows

__all__ = ['ExpectedKSCodec', 'expected_similarity']


@KEYPOINT_CODECS.register_module()
class ExpectedKSCodec(BaseKeypointCodec):
    """Decodes as another codec does, and scores each joint with the KS that its heatmap lets expect.

    Codecs of heatmaps score a joint by the height of its peak, which says little of how far off it may be (K. Gu et
    al., On the Calibration of Human Pose Estimation, ICML 2024). Here a map, what is below zero cut off, is divided by
    its sum and taken for the chance of each cell; the score is the greatest expected KS of any cell,
    max_x Σ_u p(u) · exp(-|x - u|² / (2 s²)), s = 2σ · √area. A second peak, or a wide one, lowers it. This is what
    ``CategoricalHeatmap`` scores by; it needs no training, so it is a choice at test time. Joints stay where they are.

    Args:
        codec: Config of the codec inside: one with a map for each joint (``MSRAHeatmap``, ``UDPHeatmap`` with
            ``heatmap_type='gaussian'``, ``MegviiHeatmap``, …).
        person_size: Typical root of a person's area in the input, pixels.
        sigmas: Spread of each joint as in OKS; None for those of COCO's 17 joints.
    """

    def __init__(self, codec: dict[str, Any], person_size: float, sigmas: Sequence[float] | None = None) -> None:
        self.codec: Any = KEYPOINT_CODECS.build(codec)
        self.person_size = person_size
        self.sigmas = np.asarray(COCO_SIGMAS if sigmas is None else sigmas, np.float32)
        for name in ('auxiliary_encode_keys', 'field_mapping_table', 'instance_mapping_table', 'label_mapping_table'):
            setattr(self, name, getattr(self.codec, name))

    def __getattr__(self, name: str) -> Any:
        """Sizes and whatever else of the codec inside."""
        if name == 'codec' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.codec, name)

    def encode(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Encode as the codec inside does."""
        encoded: dict[str, Any] = self.codec.encode(*args, **kwargs)
        return encoded

    def decode(self, encoded: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.float32]]:
        """Find one person's joints.

        Args:
            encoded: (K, H, W), one map a joint.

        Returns:
            Keypoints (1, K, 2) of the codec inside, and scores (1, K).

        Raises:
            InputError: The codec has more than one map a joint, or another number of joints than sigmas.
        """
        keypoints, _ = self.codec.decode(encoded)
        joints = keypoints.shape[1]
        if len(encoded) != joints or len(self.sigmas) != joints:
            raise InputError(
                f'ExpectedKSCodec: {len(encoded)} maps and {len(self.sigmas)} sigmas for {joints} joints of '
                f'{type(self.codec).__name__}; it takes one of each a joint'
            )
        stride = self.codec.input_size[0] / encoded.shape[2]
        return keypoints, expected_similarity(encoded, 2 * self.sigmas * self.person_size / stride)[None]


def expected_similarity(maps: NDArray[Any], scales: NDArray[np.floating]) -> NDArray[np.float32]:
    """Greatest expected KS of any cell.

    Args:
        maps: (K, H, W); what is below 0 counts as 0.
        scales: (K,) s in cells.

    Returns:
        (K,) from 0 to 1; 0 where a map has nothing above 0.
    """
    chance = torch.as_tensor(maps, dtype=torch.float32).clamp(min=0)
    total = chance.sum((1, 2))
    widths = torch.as_tensor(scales, dtype=torch.float32)[:, None]
    height, width = chance.shape[1:]
    down, across = (gaussian_rows(torch.arange(n).float().expand(len(chance), n), widths, n) for n in (height, width))
    expected = torch.einsum('kyh,khw,kxw->kyx', down, chance, across)
    found: NDArray[np.float32] = (expected.flatten(1).amax(1) / total.clamp(min=1e-12)).numpy()
    return found
