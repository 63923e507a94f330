"""How much similarity a map of probabilities can expect to lose."""

from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.models.layers.cells import gaussian_rows, product_of_rows
from posescope.models.losses.joint_labels import categorical_labels

__all__ = ['ExpectedOKSLoss']


@MODELS.register_module()
class ExpectedOKSLoss(nn.Module):
    """1 - E[KS] for a joint placed at random with the probabilities of a softmax over all cells.

    KS = exp(-d² / (2 s²)) with s = 2σ · √area (https://cocodataset.org/#keypoints-eval). Unlike cross-entropy it
    forgives what the metric forgives, and gives up on what the metric counts as lost; so it refines, and needs another
    loss that finds.

    Args:
        loss_weight: Factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, *labels: Tensor) -> Tensor:
        """Average over the joints that count.

        Args:
            logits: (B, K, H, W).
            labels: Of :class:`CategoricalHeatmap`: places (B, K, 2), labelled x and y in cells; scales (B, K), s in
                cells; weights (B, K), 0 where a joint does not count.

        Returns:
            A number from 0 to ``loss_weight``; 0 if no joint counts.

        Raises:
            InputError: The labels are those of another codec.
        """
        places, scales, weights = categorical_labels(self, labels)
        across, down = (gaussian_rows(places[..., axis], scales, logits.shape[3 - axis]) for axis in (0, 1))
        similarity = product_of_rows(across, down).flatten(2)
        lost = 1 - (logits.flatten(2).softmax(-1) * similarity).sum(-1)
        return self.loss_weight * (lost * weights).sum() / weights.sum().clamp(min=1)
