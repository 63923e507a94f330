"""A head around another head."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.models.layers.weights_inside import take_weights_of

__all__ = ['WrappedHead', 'maps_computed_by']


class WrappedHead(BaseHead):
    """Gives what the head inside gives; subclasses add to it.

    A checkpoint of the head alone fits: the weights of the head inside are found also under the names that they have
    without this one around it. So training can go on from a finished model.

    Args:
        pose_head: Config of the head inside.
        init_cfg: As in every MMPose head.

    Attributes:
        pose_head: The head inside.
    """

    def __init__(self, pose_head: dict[str, Any], init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        self.pose_head: Any = MODELS.build(pose_head)
        take_weights_of(self, 'pose_head')

    @property
    def decoder(self) -> Any:
        """The codec of the head inside."""
        return self.pose_head.decoder

    @property
    def out_channels(self) -> int:
        """Number of joints K."""
        return int(getattr(self.pose_head, 'num_joints', None) or self.pose_head.out_channels)

    @property
    def loss_module(self) -> nn.Module:
        """The loss of the head inside."""
        module: nn.Module = self.pose_head.loss_module
        return module

    def forward(self, feats: Any) -> Any:
        """Compute what the head inside computes."""
        return self.pose_head.forward(feats)

    def decode(self, batch_outputs: Any) -> Any:
        """Find joints as the head inside does."""
        return self.pose_head.decode(batch_outputs)

    def predict(self, feats: Any, batch_data_samples: list[Any], test_cfg: dict[str, Any] | None = None) -> Any:
        """Predict as the head inside does."""
        return self.pose_head.predict(feats, batch_data_samples, test_cfg or {})

    def loss(
        self, feats: Any, batch_data_samples: list[Any], train_cfg: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Compute the losses of the head inside."""
        losses: dict[str, Tensor] = self.pose_head.loss(feats, batch_data_samples, train_cfg=train_cfg or {})
        return losses


@contextmanager
def maps_computed_by(head: Any) -> Iterator[list[Tensor]]:
    """While entered, collects what a head's forward gives, so that nobody has to run it again.

    Heads of MMPose call ``self.forward``, which no hook sees.

    Args:
        head: A head.

    Yields:
        A list, which grows with every call.
    """
    computed: list[Tensor] = []
    forward = head.forward

    def remember(feats: Any) -> Any:
        output = forward(feats)
        computed.append(output)
        return output

    before = head.__dict__.get('forward')  # somebody else may be watching too
    head.forward = remember
    try:
        yield computed
    finally:
        if before is None:
            head.__dict__.pop('forward', None)
        else:
            head.forward = before
