"""What a method of attribution is."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.capture.eager_mode import EagerMode
from posescope.errors import InputError
from posescope.explain.memory import halving
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['Method', 'channels_last', 'chunks']


class Method(ABC):
    """Tells for each pixel of the input how much it speaks for a joint's target.

    Args:
        batch_size: How many crops go through the model at once. It bounds memory, and changes no result. Where memory
            does not suffice all the same, it is halved, which is warned of.

    Attributes:
        name: As it stands in a config.
        kinds: Kinds of heads for which it means something.
        uses_target: Whether the map depends on the target, or only on where the joint was seen.
        takes_layer: Whether it is read at a layer.
        is_complete: Whether a person's map sums to the target's difference between the input and a baseline; such
            methods have ``residual``, which tells by how much it fails to.
        cheapest: Options by which it takes fewest passes, for :meth:`trial`.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ('heatmap', 'simcc', 'regression', 'centre_guided')
    uses_target: ClassVar[bool] = True
    takes_layer: ClassVar[bool] = False
    is_complete: ClassVar[bool] = False
    cheapest: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, batch_size: int = 16) -> None:
        if batch_size < 1:
            raise InputError(f'batch_size={batch_size} of method {self.name} has to be at least 1')
        self.batch_size = batch_size

    @classmethod
    def valid_for(cls, kind: str, target: str = '', layer: str | None = None) -> bool:
        """Whether the method means something for a kind of head, a target and a layer (None for none).

        What only the model itself can tell, as whether a layer's output is a map, :meth:`attribute` finds out.
        """
        return kind in cls.kinds and (layer is None or cls.takes_layer)

    def trial(self) -> 'Method':
        """Give a copy that fails where the method would, in as few passes as can be; its maps are of no use."""
        found = copy.copy(self)
        vars(found).update(self.cheapest)
        return found

    def attribute(
        self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: Sequence[int] | None = None
    ) -> Tensor:
        """Attribute the targets of joints to pixels.

        Args:
            function: The model.
            inputs: (N, 3, H, W), normalised; the crops that ``bound`` was bound to, in its order.
            bound: The target.
            joints: K joints of interest; None for all. All share the passes through the model.

        Returns:
            (N, K, H, W) float32, signed, summed over colours, in pixels of the input; zero where the target is not
            valid.

        Raises:
            InputError: The method means nothing for this model, or inputs and target do not belong together.
        """
        wanted = list(range(bound.places.shape[1])) if joints is None else [int(joint) for joint in joints]
        self._check(function, inputs, bound, wanted)
        inputs = function.own(inputs)
        with function.frozen(), EagerMode(function.model):
            maps = self._maps_that_fit(function, inputs, bound, wanted)
        valid = bound.valid[:, wanted, None, None].to(maps.device)
        return torch.where(valid, maps.detach().float(), 0.0).contiguous()

    @abstractmethod
    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Compute the maps, (N, K, H, W), while the model's parameters are frozen."""

    def _maps_that_fit(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        def run(batch_size: int) -> Tensor:
            self.batch_size = batch_size
            return self.maps(function, inputs, bound, joints)

        return halving(run, self.batch_size, f"method '{self.name}'")[0]

    def _check(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> None:
        if function.kind not in self.kinds:
            raise InputError(
                f"method '{self.name}' means nothing for a {function.kind} head, only for {', '.join(self.kinds)}"
            )
        if inputs.ndim != 4 or len(inputs) != len(bound) or not len(inputs):
            raise InputError(
                f"method '{self.name}': target '{bound.name}' is bound to {len(bound)} people and inputs are "
                f'{tuple(inputs.shape)}: give the (N, 3, H, W) crops that it was bound to'
            )
        count = bound.places.shape[1]
        if not joints or not all(0 <= joint < count for joint in joints):
            raise InputError(f"method '{self.name}': joints={joints} have to be some of 0 to {count - 1}")


def chunks(count: int, size: int) -> Iterator[slice]:
    """Cut a count into slices of at most a size."""
    for start in range(0, count, size):
        yield slice(start, min(count, start + size))


def channels_last(inputs: Tensor) -> Tensor:
    """A copy in the memory format in which convolutions and their backward passes are fastest."""
    return inputs.detach().clone(memory_format=torch.channels_last)
