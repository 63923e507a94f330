"""Targets by name."""

from inspect import signature
from typing import Any

from posescope.errors import InputError, nearest
from posescope.explain.targets.against_mirror import AgainstMirror
from posescope.explain.targets.against_person import AgainstPerson
from posescope.explain.targets.against_truth import AgainstTruth
from posescope.explain.targets.displacement import Displacement
from posescope.explain.targets.likelihood import Likelihood
from posescope.explain.targets.log_likelihood import LogLikelihood
from posescope.explain.targets.log_probability import LogProbability
from posescope.explain.targets.target import Target
from posescope.explain.targets.value import Value
from posescope.explain.targets.weighted_score import WeightedScore

__all__ = ['TARGETS', 'build_target', 'default_target', 'target_names']

TARGETS: dict[str, type[Target]] = {
    kind.name: kind
    for kind in (
        Value,
        LogProbability,
        WeightedScore,
        Displacement,
        LogLikelihood,
        AgainstMirror,
        AgainstPerson,
        AgainstTruth,
        Likelihood,
    )
}
"""All targets by name."""
_DEFAULTS: dict[str, type[Target]] = {
    'heatmap': Value,
    'simcc': LogProbability,
    'centre_guided': WeightedScore,
    'regression': Displacement,
}


def build_target(name: str, **options: Any) -> Target:
    """Make a target.

    Args:
        name: One of :data:`TARGETS`.
        **options: Those of its class.

    Raises:
        InputError: There is no such target, or it has no such option; the message offers the nearest.
    """
    if name not in TARGETS:
        raise InputError(f"target '{name}' does not exist (nearest: {nearest(name, TARGETS)})")
    known = [] if TARGETS[name].__init__ is object.__init__ else [*signature(TARGETS[name]).parameters]
    for option in options:
        if option not in known:
            raise InputError(f"target '{name}' has no option {option} (it has {', '.join(known) or 'none'})")
    return TARGETS[name](**options)


def default_target(kind: str) -> Target:
    """The target that asks for least, for a kind of head: no label, and nothing but the joint's own place."""
    return _DEFAULTS[kind]()


def target_names(kind: str) -> list[str]:
    """Names of the targets that mean something for a kind of head."""
    return [name for name, target in TARGETS.items() if kind in target.kinds]
