"""PoseIG's indices: how widely, and where, attribution lies."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.errors import InputError

__all__ = ['Indices', 'compare_indices', 'gini', 'indices_of', 'joint_heatmaps', 'shares_of']

_DILATION = 5


@dataclass(frozen=True)
class Indices:
    """Indices of N people's maps of K joints (PoseIG, CVPR 2023). A uniform map gives FI = LI = RI = 1.

    Attributes:
        di: (N, K) 100 · (1 - Gini), 100 where all pixels count alike and near 0 where one has all.
        fi: (N, K) mean attribution on the person, relative to that on the whole crop; NaN without a mask.
        li: (N, K) mean attribution around the joint itself, relative to that on the whole crop.
        ri: (N, K, J) mean attribution of each of the K joints around each of all J, relative likewise.
    """

    di: Tensor
    fi: Tensor
    li: Tensor
    ri: Tensor


def indices_of(
    maps: Tensor,
    places: Tensor,
    masks: Tensor | None = None,
    joints: list[int] | None = None,
    sigma: float | None = None,
    positive: bool = False,
) -> Indices:
    """Compute the indices of maps.

    Args:
        maps: (N, K, H, W) signed.
        places: (N, J, 2) x and y of all J joints in pixels of the input; NaN where unknown, which gives NaN.
        masks: (N, H, W) bool, the person's pixels; dilated here by 5 × 5.
        joints: Which of the J joints the K maps are of; None where they are all, in order.
        sigma: Standard deviation of what counts as around a joint, pixels; None for H / 32, that of MMPose's heatmaps.
        positive: Whether only positive values count; else absolute ones.

    Raises:
        InputError: Shapes do not belong together.
    """
    people, count, height, width = maps.shape
    own = list(range(places.shape[1])) if joints is None else joints
    if len(own) != count or len(places) != people or (masks is not None and masks.shape != (people, height, width)):
        raise InputError(
            f'indices: maps {tuple(maps.shape)}, places {tuple(places.shape)}, joints={joints} and masks '
            f'{None if masks is None else tuple(masks.shape)} do not belong together'
        )
    shares = shares_of(maps, positive)
    pixels = height * width
    around = joint_heatmaps(places, (height, width), height / 32 if sigma is None else sigma)
    ri = torch.einsum('nkhw,njhw->nkj', shares, around) * pixels / around.sum((2, 3))[:, None]
    fi = shares.new_full((people, count), torch.nan)
    if masks is not None:
        wide = F.max_pool2d(masks[:, None].to(shares), _DILATION, 1, _DILATION // 2)[:, 0]
        fi = torch.einsum('nkhw,nhw->nk', shares, wide) * pixels / wide.sum((1, 2))[:, None]
    li = torch.stack([ri[:, number, joint] for number, joint in enumerate(own)], 1)
    return Indices(100 * (1 - gini(shares.flatten(2))), fi, li, ri)


def compare_indices(
    places: Tensor,
    size: tuple[int, int],
    masks: Tensor | None = None,
    joints: list[int] | None = None,
    sigma: float | None = None,
    seed: int = 0,
) -> dict[str, Indices]:
    """The indices of maps that know nothing of the model, to stand beside those of a method.

    Args:
        places: As for :func:`indices_of`.
        size: Rows and columns of the input.
        masks: As there.
        joints: As there.
        sigma: As there.
        seed: Of the random map.

    Returns:
        Of ``'centred_gaussian'``, in the middle of the crop with a quarter of its height and width as standard
        deviations, and of ``'random'``, a map whose pixels are drawn evenly from 0 to 1, another for each joint.
    """
    people, count = len(places), places.shape[1] if joints is None else len(joints)
    along = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 4)) ** 2) for n in size]
    centred = (along[0][:, None] * along[1]).expand(people, count, -1, -1)
    random = torch.rand(people, count, *size, generator=torch.Generator().manual_seed(seed))
    return {
        name: indices_of(maps.to(places.device), places, masks, joints, sigma)
        for name, maps in (('centred_gaussian', centred), ('random', random))
    }


def shares_of(maps: Tensor, positive: bool = False) -> Tensor:
    """Absolute or positive parts of maps (N, K, H, W), scaled to sum to 1 (float64); NaN where there is nothing."""
    parts = maps.double().clamp(min=0) if positive else maps.double().abs()
    return parts / parts.sum((2, 3), keepdim=True)


def joint_heatmaps(places: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Gaussians around places (N, J, 2), (N, J, H, W) float64 with a peak of 1; NaN where the place is."""
    x, y = places.double().unbind(-1)
    rows, columns = (torch.arange(length, device=places.device, dtype=torch.float64) for length in size)
    down = torch.exp(-0.5 * ((rows - y[..., None]) / sigma) ** 2)
    across = torch.exp(-0.5 * ((columns - x[..., None]) / sigma) ** 2)
    return down[..., :, None] * across[..., None, :]


def gini(shares: Tensor) -> Tensor:
    """Gini coefficient of values (…, M) ≥ 0 that sum to 1: 0 where all are alike, 1 - 1 / M where one has all."""
    count = shares.shape[-1]
    ranked = shares.sort(-1).values
    ranks = torch.arange(1, count + 1, device=shares.device, dtype=shares.dtype)
    return (2 * ranks - count - 1).mul(ranked).sum(-1) / count
