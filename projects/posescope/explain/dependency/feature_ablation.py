"""The same effects by Captum's FeatureAblation, joint by joint: what ours are compared with."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.explain.dependency.discs import DiscPlan
from posescope.explain.dependency.effects import QUANTITIES, similarity
from posescope.explain.dependency.hiding import with_discs
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['ablate_joint_by_joint']


def ablate_joint_by_joint(
    function: PoseFunction,
    people: LabelledPeople,
    plan: DiscPlan,
    surface: Tensor,
    quantity: str = 'ks',
    perturbations: int = 1,
    needed_only: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure what discs do by Captum (N. Kokhlikyan et al., arXiv 2009.07896).

    Discs overlap, which features of one mask cannot. So a feature is whether a disc is left off, and the function that
    Captum sees puts the others on the crop. Each joint is an output of its own.

    Args:
        function: The model.
        people: P people.
        plan: Their discs.
        surface: (P, 3, H, W), what discs show.
        quantity: ``'ks'`` or ``'displacement'``.
        perturbations: Discs in a forward pass (``perturbations_per_eval`` of Captum).
        needed_only: Whether a joint gets only the discs that its row of differences needs, not all of the person's.

    Returns:
        (P, K, K) effects of hiding, and of controls; NaN without disc, where it covers i, and in rows without controls.

    Raises:
        InputError: Captum is missing, or there is no such quantity.
    """
    try:
        from captum.attr import FeatureAblation
    except ImportError:
        raise InputError('comparing with FeatureAblation needs Captum: pip install captum') from None

    if quantity not in QUANTITIES:
        raise InputError(f"quantity '{quantity}' does not exist (nearest: {nearest(quantity, QUANTITIES)})")
    hidden = np.full(plan.control.shape, np.nan)
    control = np.full(plan.control.shape, np.nan)
    whole = None if quantity == 'ks' else _whole_crops(function, people)
    for p, i in np.ndindex(plan.hidden.shape):
        if (plan.control[p, i] < 0).all():
            continue
        pairs = np.flatnonzero((plan.hidden[p] >= 0) & ~plan.covered[p, i])
        discs = np.union1d(plan.hidden[p, pairs], plan.control[p, i, pairs])
        discs = discs[discs >= 0] if needed_only else np.flatnonzero(plan.person == p)
        ablation = FeatureAblation(_reader(function, people, plan, surface, (p, i), discs, whole))
        present = torch.ones(1, len(discs), device=people.inputs.device)
        with torch.no_grad():
            found = ablation.attribute(present, baselines=0.0, perturbations_per_eval=perturbations)
        effect = dict(zip(discs.tolist(), found[0].tolist(), strict=True))
        hidden[p, i, pairs] = [effect[disc] for disc in plan.hidden[p, pairs].tolist()]
        control[p, i, pairs] = [effect.get(disc, np.nan) for disc in plan.control[p, i, pairs].tolist()]
    return hidden, control


def _whole_crops(function: PoseFunction, people: LabelledPeople) -> NDArray[np.float64]:
    """(P, K, 2) what the model sees without any disc, one crop at a time as Captum gives them; once for all joints."""
    with torch.no_grad():
        found = [function.decode(function(crop[None])).places[0].cpu().numpy() for crop in people.inputs]
    return np.stack(found)


def _reader(
    function: PoseFunction,
    people: LabelledPeople,
    plan: DiscPlan,
    surface: Tensor,
    which: tuple[int, int],
    discs: NDArray[np.int64],
    whole: NDArray[np.float64] | None,
) -> Callable[[Tensor], Tensor]:
    """What Captum ablates: (B, D) presence of what discs hide -> (B,) how well a person's joint is seen.

    That is its KS, or minus its displacement from where it is seen in ``whole`` crops, (P, K, 2), if these are given.
    """
    person, joint = which
    crop, fill = people.inputs[person : person + 1], surface[person : person + 1]
    centres = torch.from_numpy(plan.centre[discs]).to(crop.device, torch.float32)
    region = torch.from_numpy(people.region[person]).to(crop.device, torch.float32)
    radius = float(plan.radius[discs[0]])

    def read(present: Tensor) -> Tensor:
        nowhere = torch.full_like(centres, float('nan'))
        shown = torch.where(present[..., None] > 0.5, nowhere, centres)
        radii = torch.full((len(present),), radius, device=crop.device)
        many = len(present), -1, -1, -1
        inputs = with_discs(crop.expand(many), fill.expand(many), shown, radii, region.expand(len(present), -1))
        places = function.decode(function(inputs)).places.cpu().numpy().astype(np.float64)
        if whole is None:
            return torch.from_numpy(similarity(function, people, np.full(len(present), person), places)[:, joint])
        return -torch.from_numpy(np.linalg.norm(places[:, joint] - whole[which], axis=-1) / people.roots[person])

    return read
