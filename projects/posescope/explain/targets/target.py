"""What a target is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['Target']


class Target(ABC):
    """One number for each person and joint, which an explanation is about.

    Attributes:
        name: As it stands in a config.
        kinds: Kinds of heads for which it means something.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]

    @abstractmethod
    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Fix the places from the unperturbed run.

        Args:
            function: The model.
            outputs: What it gave for P unperturbed crops.
            pose: What was decoded from them.
            truth: (P, K, 2) labels, pixels of the input, NaN where unlabelled; needed by some targets.
            other: (P, K, 2) joints of another person, pixels of the input, NaN where unknown; needed by some.

        Raises:
            InputError: The target cannot mean anything for this head, or lacks what it needs.
        """

    def check(self, function: PoseFunction) -> None:
        """Refuse heads for which the target means nothing.

        Raises:
            InputError: With the targets that fit the head.
        """
        if function.kind not in self.kinds:
            from posescope.explain.targets.registry import target_names

            raise InputError(
                f"target '{self.name}' means nothing for the {function.kind} head "
                f'{type(function.readout.head).__name__}; for it there are {", ".join(target_names(function.kind))}'
            )

    def needed(self, places: Tensor | None, what: str, pose: Pose) -> Tensor:
        """Return places that the target needs.

        Args:
            places: What was given.
            what: What it is called: ``'truth'`` or ``'other'``.
            pose: For the number of people and joints.

        Raises:
            InputError: They were not given, or are not of as many people and joints.
        """
        if places is None:
            raise InputError(f"target '{self.name}' needs {what}, (P, K, 2) places in pixels of the input")
        if places.shape != pose.places.shape:
            raise InputError(
                f"{what} for target '{self.name}' has to be {tuple(pose.places.shape)}, not {tuple(places.shape)}"
            )
        return places.to(pose.places)
