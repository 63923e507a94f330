"""Cross-entropy between maps of probabilities and Gaussians around the labels."""

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.models.layers.cells import gaussian_rows, product_of_rows
from posescope.models.losses.joint_labels import categorical_labels

__all__ = ['CategoricalHeatmapLoss']


@MODELS.register_module()
class CategoricalHeatmapLoss(nn.Module):
    """Cross-entropy of a softmax over all cells, with a Gaussian around the label that sums to one as its target.

    Args:
        sigma: Standard deviation of the Gaussian, cells.
        loss_weight: Factor of the loss.
    """

    def __init__(self, sigma: float, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, *labels: Tensor) -> Tensor:
        """Average over the joints that count.

        Args:
            logits: (B, K, H, W).
            labels: As of :class:`ExpectedOKSLoss`; scales are not used.

        Returns:
            A number, in nats a joint; 0 if no joint counts.

        Raises:
            InputError: The labels are those of another codec.
        """
        places, _, weights = categorical_labels(self, labels)
        sigma = places.new_tensor(self.sigma)
        across, down = (gaussian_rows(places[..., axis], sigma, logits.shape[3 - axis]) for axis in (0, 1))
        # A place far outside has no cell; its weight is zero, and its target has to be finite.
        across, down = (row / row.sum(-1, keepdim=True).clamp(min=1e-9) for row in (across, down))
        target = product_of_rows(across, down).flatten(2)
        entropy = -(target * F.log_softmax(logits.flatten(2), -1)).sum(-1)
        return self.loss_weight * (entropy * weights).sum() / weights.sum().clamp(min=1)
