"""Explain people: run them, fix what is asked of each joint, and let methods attribute it."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posescope.capture.stages import stages_of
from posescope.errors import InputError
from posescope.explain.attribution.registry import check_valid
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.crops import Crops
from posescope.explain.memory import in_batches
from posescope.explain.method_set import Asked, build_methods, named_methods
from posescope.explain.named_choice import NamedChoice
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget, Target, default_target
from posescope.explain.targets.registry import target_names, target_of

__all__ = ['Explainer', 'Seen', 'build_methods']

FAST, GENERAL = 'hirescam', 'integrated_gradients'
"""Methods where none is named: one that takes a backward pass a joint, and one for models without maps."""
LEAST_CELLS = 6
"""Across and down, in a map that tells joints of a person apart; a ResNet for 256 × 192 pixels ends with 8 × 6."""
_NEED_LABELS = ('against_truth', 'likelihood')
_NEED_OTHERS = 'against_person'


@dataclass(frozen=True)
class Seen:
    """People as an unperturbed run saw them.

    Attributes:
        crops: P people.
        pose: What was decoded.
        bound: The target, bound to them.
        values: (P, K) float32, the target.
    """

    crops: Crops
    pose: Pose
    bound: BoundTarget
    values: Tensor

    def __len__(self) -> int:
        """Number of people P."""
        return len(self.crops)


class Explainer:
    """Attributes joints of people to pixels by one or several methods.

    Args:
        function: The model.
        methods: One or several, each a method, its name or ``dict(type=NAME, OPTION=VALUE)``; None for :data:`FAST`,
            or :data:`GENERAL` where no map leads to the head.
        target: A target, its name or ``dict(type=NAME, OPTION=VALUE)``; None for the one that asks for least, see
            :func:`~posescope.explain.targets.default_target`.
        joints: Names of joints; None for all.
        layer: Where methods of those that are named look that take a layer; None for a late stage of the backbone, see
            :func:`usual_stage`.
        batch_size: Crops at once.

    Attributes:
        methods: By name, see :func:`~posescope.explain.method_set.named_methods`.
        target: The target.
        joints: Indices of the J joints that are explained.

    Raises:
        InputError: Something does not exist, or means nothing for this model.
    """

    def __init__(
        self,
        function: PoseFunction,
        methods: Asked | Sequence[Asked] | None = None,
        target: str | Mapping[str, Any] | NamedChoice | Target | None = None,
        joints: list[str] | None = None,
        layer: str | None = None,
        batch_size: int = 16,
    ) -> None:
        self.function, self.batch_size = function, batch_size
        self.joints = function.joint_indices(joints)
        self.target = default_target(function.kind) if target is None else target_of(target)
        self.target.check(function)
        usual = usual_stage(function) if layer is None else None
        wanted = default_method(function, layer or usual) if methods is None else methods
        self.methods = named_methods(build_methods(wanted, layer, batch_size, usual))
        for name, method in self.methods.items():
            check_valid(name, method, function.kind, self.target.name)

    def trial(self) -> 'Explainer':
        """Give one for the first joint, with methods in as few passes as can be: it fails where this one would."""
        found = copy.copy(self)
        found.joints = self.joints[:1]
        found.methods = {name: method.trial() for name, method in self.methods.items()}
        return found

    @torch.no_grad()
    def look(self, crops: Crops, same_picture: bool = False) -> Seen:
        """Run people and fix the target.

        Args:
            crops: P people; labels that they have are used by targets that need them.
            same_picture: Whether all are in one picture, so that one can be told from another.

        Raises:
            InputError: The target needs labels or another person, and there are none.
        """
        inputs = crops.inputs
        batches = in_batches(lambda some: self.function(inputs[some]), len(crops), self.batch_size, 'looking at people')
        outputs = Outputs.joined([part for _, part in batches])
        pose = self.function.decode(outputs)
        name, truth, other = self.target.name, None, None
        if name in _NEED_LABELS:
            truth = crops.truth
            if truth is None:
                without = [each for each in target_names(self.function.kind) if each not in _NEED_LABELS]
                raise InputError(
                    f"target '{name}' needs labels, which a photograph does not have; without them there are "
                    f'{", ".join(without)}'
                )
        if name == _NEED_OTHERS:
            if not same_picture or len(crops) < 2:
                raise InputError(f"target '{name}' needs another person in the same picture, and there is one alone")
            other = places_of_nearest(crops, pose)
        bound = self.target.bind(self.function, outputs, pose, truth=truth, other=other)
        return Seen(crops, pose, bound, bound.score(outputs))

    def maps(self, seen: Seen, person: int, method: str) -> Tensor:
        """Attribute a person's joints.

        Args:
            seen: Of :meth:`look`.
            person: Which of them.
            method: Name of a method.

        Returns:
            (J, H, W) float32 on the CPU, signed, pixels of the input.
        """
        alone = seen.bound.of_people(torch.tensor([person]))
        inputs = seen.crops.inputs[person : person + 1]
        return self.methods[method].attribute(self.function, inputs, alone, self.joints)[0].cpu()

    def residual(self, seen: Seen, person: int, method: str, maps: Tensor) -> Tensor | None:
        """How far maps (J, H, W) are from complete: (J,); None where the method does not promise it."""
        complete: Any = self.methods[method]
        if not complete.is_complete:
            return None
        alone = seen.bound.of_people(torch.tensor([person]))
        inputs = seen.crops.inputs[person : person + 1]
        with self.function.frozen():
            found: Tensor = complete.residual(self.function, inputs, alone, maps[None].to(inputs.device), self.joints)
        return found[0].cpu()


def default_method(function: PoseFunction, layer: str | None = None) -> str:
    """Name the method for a model where none was named: :data:`FAST` where it finds a map, at a layer or by itself."""
    return FAST if layer is not None or _map_of(function) else GENERAL


def usual_stage(function: PoseFunction) -> str | None:
    """Name the last stage of the backbone whose map has :data:`LEAST_CELLS` or more cells across and down.

    Late maps tell what a joint is seen by, but where they have a few cells, many joints lie in each and look alike. In
    networks that enlarge their maps again, those before the head have few channels, and cells that look at little more
    than the joint itself.

    Returns:
        The stage; the last one where all have fewer cells; None where the last one gives no single map.
    """
    try:
        *earlier, last = stages_of(function.model)
    except InputError:
        return None
    found = _map_of(function, last)
    if found is None:
        return None
    if min(found.size) < LEAST_CELLS:
        for stage in reversed(earlier):
            one = _map_of(function, stage)
            if one is not None and min(one.size) >= LEAST_CELLS:
                return stage
    return last


def _map_of(function: PoseFunction, layer: str | None = None) -> SpatialLayer | None:
    """The map of a layer, or the last before the head; None where there is none."""
    width, height = function.input_size
    try:
        return find_spatial_layer(function, torch.zeros(1, 3, height, width, device=function.device), layer)
    except InputError:
        return None


def places_of_nearest(crops: Crops, pose: Pose) -> Tensor:
    """For each of P people of one picture, the joints of the one whose joints lie nearest, in pixels of the own input.

    Returns:
        (P, K, 2).
    """
    in_image = crops.in_image(pose.places)
    apart = np.linalg.norm(in_image[:, None] - in_image[None], axis=-1).mean(-1)
    np.fill_diagonal(apart, np.inf)
    return crops.in_input(in_image[apart.argmin(1)])
