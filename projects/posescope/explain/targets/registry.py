"""Targets by name."""

from collections.abc import Mapping
from typing import Any

from posescope.explain.named_choice import NamedChoice, choice_of
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

__all__ = ['TARGETS', 'build_target', 'default_target', 'target_names', 'target_of']

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
        InputError: There is no such target, or it has no such option, or not of that kind; the message offers the
            nearest.
    """
    NamedChoice(name, options).check('target', TARGETS)
    return TARGETS[name](**options)


def target_of(asked: str | Mapping[str, Any] | NamedChoice | Target) -> Target:
    """Make a target as it is asked for; what is a target already stays.

    Args:
        asked: Its name, ``dict(type=NAME, OPTION=VALUE)``, the same as a choice, or a target.

    Raises:
        InputError: It is none of these, there is no such target, or it has no such option.
    """
    if isinstance(asked, Target):
        return asked
    choice = asked if isinstance(asked, NamedChoice) else choice_of(asked, 'target')
    return build_target(choice.name, **choice.options)


def default_target(kind: str) -> Target:
    """The target that asks for least, for a kind of head: no label, and nothing but the joint's own place."""
    return _DEFAULTS[kind]()


def target_names(kind: str) -> list[str]:
    """Names of the targets that mean something for a kind of head."""
    return [name for name, target in TARGETS.items() if kind in target.kinds]
