"""The same numbers as Captum's FeatureAblation with the same discs, joint by joint."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.dependency.discs import plan_discs
from posescope.explain.dependency.effects import measure_effects
from posescope.explain.dependency.feature_ablation import ablate_joint_by_joint
from posescope.explain.dependency.fills import Blur
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from tests.explain.dependency.planted_people import people
from tests.explain.small_models import crops, function

pytest.importorskip('captum')
RADIUS = 9.0


def labelled(made: PoseFunction, as_seen: bool) -> LabelledPeople:
    """A person of noise with three joints to hide, whose labels are far apart or where a random model sees them."""
    some = people(1)
    some.inputs.copy_(crops(1))
    if as_seen:
        seen = places_when_seen(made, some.inputs, 1) + 0.05
        some.truth[:] = np.clip(
            seen, some.region[:, None, :2], some.region[:, None, 2:]
        )  # what lies beside is not hidden
    some.visible[:] = False
    some.visible[:, [3, 9, 16]] = True
    return some


@pytest.mark.parametrize(
    ('name', 'quantity', 'perturbations', 'needed_only'),
    [
        ('resnet', 'ks', 1, True),
        ('simcc', 'displacement', 4, False),
        ('rle', 'displacement', 1, True),
        ('movenet', 'ks', 4, False),
    ],
)
def test_equal(name: str, quantity: str, perturbations: int, needed_only: bool) -> None:
    made = function(name)
    some = labelled(made, as_seen=quantity == 'ks')
    every = np.ones_like(some.visible)
    plan = plan_discs(some, some.truth, every, some.visible)
    surface = Blur().surface(some, torch.full((1,), RADIUS))
    hidden, control = ablate_joint_by_joint(made, some, plan, surface, quantity, perturbations, needed_only)
    ours = measure_effects(made, some, fills=['blur'], batch_size=5, good=-1)
    kept = np.isfinite(ours.control[quantity][0])
    assert kept.sum() > 20
    np.testing.assert_array_equal(np.isfinite(control), kept)
    for found, expected in ((ours.hidden, hidden), (ours.control, control)):
        np.testing.assert_allclose(found[quantity][0][kept], expected[kept], atol=1e-4)
        assert np.abs(expected[kept]).max() > 0.01


def test_unknown_quantity() -> None:
    made = function('rle')
    some = labelled(made, as_seen=False)
    plan = plan_discs(some, some.truth, np.ones_like(some.visible), some.visible)
    with pytest.raises(InputError, match='nearest: displacement'):
        ablate_joint_by_joint(made, some, plan, some.inputs, 'displace')
