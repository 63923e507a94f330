"""tools/benchmarks/explain.py: what is counted for Captum is what Captum needs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from posescope.explain.dependency.discs import plan_discs
from tests.explain.dependency.planted_people import JOINTS, people, planted
from tools.benchmarks.explain import Case, benchmark_dependency, counted_crops

pytest.importorskip('captum')


def seconds(*sides: Callable[[], object]) -> tuple[float, float]:
    """Run both once, and say what they took."""
    for side in sides:
        side()
    return 1.0, 2.0


@pytest.mark.parametrize('needed_only', [False, True])
def test_captum_gets_the_same_discs_or_those_that_a_joint_needs(needed_only: bool) -> None:
    some = people(1)
    some.visible[:] = False
    some.visible[0, [0, 5, 16]] = True
    plan = plan_discs(some, some.truth, np.ones_like(some.visible), some.visible)
    every = 1 + JOINTS * (1 + len(plan))
    needed = 1  # the whole crop, from which displacements of all joints are taken
    for joint in range(JOINTS):
        pairs = (plan.hidden[0] >= 0) & ~plan.covered[0, joint]
        discs = {*plan.hidden[0, pairs].tolist(), *plan.control[0, joint, pairs].tolist()} - {-1}
        needed += 1 + len(discs)  # Captum looks at the whole crop for each joint
    assert needed < every
    case = cast(Case, SimpleNamespace(function=planted(), people=some, medians=seconds))
    found: dict[str, Any] = benchmark_dependency(case, needed_only)
    assert found['equal']
    assert found['difference'] < 1e-4
    assert found['discs'] == len(plan)
    assert found['hidden'] == 3
    assert found['crops'] == 1 + len(plan)
    assert found['captum_crops'] == (needed if needed_only else every)


def test_crops_are_counted_only_meanwhile() -> None:
    made, inputs = planted(), people(3).inputs
    with counted_crops(made) as passes:
        made(inputs)
        made(inputs[:1])
    made(inputs)
    assert passes == [3, 1]
