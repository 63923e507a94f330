"""How much of what speaks for a joint lies at each other joint: PoseIG's relation index, person by person."""

import numpy as np
import torch
from numpy.typing import NDArray

from posescope.explain.attribution.indices import indices_of
from posescope.explain.attribution.method import Method
from posescope.explain.attribution.registry import check_valid
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.explanation import build_methods, default_method, usual_stage
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import default_target

__all__ = ['attribution_between_joints', 'relation_method']

_MAPS_AT_ONCE = 68
"""Maps of attribution that are held at once: of four people with 17 joints, or of one with more."""


def relation_method(function: PoseFunction, method: str | Method | None = None, batch_size: int = 16) -> Method:
    """Make the method whose maps are read.

    Args:
        function: The model.
        method: A method or its name; None for what explains a model where none is named, see
            :func:`posescope.explain.explanation.default_method`.
        batch_size: Of a method that is made here.

    Raises:
        InputError: There is no such method, or it means nothing for this head.
    """
    layer = usual_stage(function)
    wanted = default_method(function, layer) if method is None else method
    (made,) = build_methods([wanted], None, batch_size, layer)
    check_valid(made.name, made, function.kind, default_target(function.kind).name)
    return made


def attribution_between_joints(
    function: PoseFunction, people: LabelledPeople, method: str | Method | None = None, batch_size: int = 16
) -> NDArray[np.float64]:
    """Attribute all joints of people, and read where their attribution lies.

    Args:
        function: The model. What is attributed is the target that asks for least, see
            :func:`posescope.explain.targets.default_target`.
        people: P people.
        method: As of :func:`relation_method`.
        batch_size: Most crops in a pass.

    Returns:
        (P, K, K) RI of PoseIG (CVPR 2023): mean absolute attribution of joint i (row) around the label of joint j
        (column), relative to that on the whole crop, so that 1 is what a uniform map has; the diagonal is LI. NaN where
        j is not labelled, or nothing is attributed to i.

    Raises:
        InputError: The method does not exist, or means nothing for this model.
    """
    made = relation_method(function, method, batch_size)
    joints = len(function.joints)

    def run(rows: slice) -> NDArray[np.float64]:
        inputs = people.inputs[rows]
        with torch.no_grad():
            outputs = function(inputs)
        bound = default_target(function.kind).bind(function, outputs, function.decode(outputs))
        maps = made.attribute(function, inputs, bound)
        places = torch.from_numpy(people.truth[rows]).to(maps.device)
        return indices_of(maps, places).ri.cpu().numpy()

    size = max(1, min(batch_size, _MAPS_AT_ONCE // joints))
    found = [part for _, part in in_batches(run, len(people), size, 'attribution between joints')]
    return np.concatenate(found) if found else np.empty((0, joints, joints))
