"""With how many threads runs of a study computed: one number, if their last digits are to be compared."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ['common_threads', 'differing_threads']

_NAMED = 3
"""Runs that a message names."""


def common_threads(hosts: Iterable[tuple[str, Mapping[str, Any]]]) -> int | None:
    """The number of threads that all runs had; None if they had different ones, or none is known.

    Args:
        hosts: What to call a run, and what :func:`posescope.study.host.describe_host` said of it.
    """
    found = _by_count(hosts)
    return next(iter(found)) if len(found) == 1 else None


def differing_threads(hosts: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Say in a line that runs had different numbers of threads; empty if they had not.

    Args:
        hosts: See :func:`common_threads`.
    """
    found = _by_count(hosts)
    if len(found) < 2:
        return ''
    usual, *others = sorted(found, key=lambda count: (-len(found[count]), count))
    parts = [f'{usual} for {len(found[usual])} of them', *(f'{count} for {_listed(found[count])}' for count in others)]
    return (
        f'Runs had different numbers of threads ({"; ".join(parts)}): their sums were added in another order, so that '
        'their last digits, and what training makes of these, differ without a cause. threads=… in the study sets it.'
    )


def _by_count(hosts: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[int, list[str]]:
    """Number of threads -> runs; what was trained on a GPU does not depend on it."""
    found: dict[int, list[str]] = {}
    for label, host in hosts:
        if host.get('threads') and not host.get('gpu'):
            found.setdefault(host['threads'], []).append(label)
    return found


def _listed(labels: list[str]) -> str:
    return ', '.join([*labels[:_NAMED], *([f'{len(labels) - _NAMED} more'] if len(labels) > _NAMED else [])])
