"""What a rendered data set is made of, stated before any model sees it, and the check that a set keeps to it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from posescope.errors import InputError

PEOPLE = {1: 0.80, 2: 0.14, 3: 0.04, 4: 0.02}
"""Share of pictures by the number of people on them."""
SECTORS = 8
"""Headings are uniform over so many sectors."""
POSES = {
    'standing': 0.26,
    'walking': 0.22,
    'reaching': 0.17,
    'bending': 0.09,
    'sitting': 0.14,
    'crouching': 0.06,
    'lying': 0.06,
}
"""Share of people by pose class."""
SIZES = {'medium': 0.58, 'large': 0.42}
"""Share of people by COCO's area ranges; what hides a person also moves them to a smaller one: see STATED."""
TRUNCATED = 0.15
"""Share of people who are not wholly within the picture."""
HIDDEN = (0.20, 0.35)
"""Least and greatest share of hidden joints (v = 1) among labelled ones (v > 0)."""

# All shares of a right set pass together in all but one of a thousand sets.
_FALSE_ALARMS = 1e-3
_ENOUGH = 250
"""From so many pictures on, a stated range is a limit that chance does not excuse."""


@dataclass(frozen=True)
class Share:
    """One stated share.

    Attributes:
        family: What is divided, e.g. ``'pose'``.
        name: The part, e.g. ``'sitting'``.
        low: Least stated share.
        high: Greatest stated share; equal to ``low`` where the planning of scenes draws it as stated.
    """

    family: str
    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """A stated share beside the counted one.

    Attributes:
        share: The stated share.
        count: How many have it.
        total: Of how many.
        bounds: Least and greatest count that a set of this size may have.
    """

    share: Share
    count: int
    total: int
    bounds: tuple[float, float]

    @property
    def right(self) -> bool:
        """Whether the count lies within the bounds."""
        return self.bounds[0] <= self.count <= self.bounds[1]


STATED = (
    *(Share('people', str(number), share, share) for number, share in PEOPLE.items()),
    Share('people', 'several', 0.10, 1.0),
    *(Share('heading', f'{360 // SECTORS * sector}°', 1 / SECTORS, 1 / SECTORS) for sector in range(SECTORS)),
    *(Share('pose', name, share, share) for name, share in POSES.items()),
    Share('size', 'small', 0.0, 0.05),
    *(Share('size', name, share - 0.10, share + 0.10) for name, share in SIZES.items()),
    Share('truncated', 'yes', TRUNCATED - 0.05, TRUNCATED + 0.05),
    Share('joints', 'hidden', *HIDDEN),
)


def compare(coco: Mapping[str, Any]) -> list[Finding]:
    """Count every stated share in a set.

    A count is right if a share within the stated range makes it probable: by the binomial distribution for pictures and
    people, and by the spread over pictures for joints, which hide many at a time. Small sets may therefore be further
    off than large ones. Sets of 250 pictures and more have to be within the stated ranges.

    Args:
        coco: Decoded annotations of rendered people.

    Returns:
        One finding for each of :data:`STATED`.

    Raises:
        InputError: There are no people, or people that no renderer of ours described.
    """
    people = coco['annotations']
    if not people:
        raise InputError('the set holds nobody, so nothing can be counted')
    if any('rendered' not in person for person in people):
        raise InputError('the annotations are not of rendered people: they tell no heading and no pose class')
    labels = {
        'people': list(_numbers_of_people(coco)),
        'heading': [f'{360 // SECTORS * person["rendered"]["sector"]}°' for person in people],
        'pose': [person['rendered']['pose_class'] for person in people],
        'size': [person['rendered']['size'] for person in people],
        'truncated': ['yes' if person['rendered']['truncated'] else 'no' for person in people],
    }
    counts = {family: Counter(found) for family, found in labels.items()}
    several = sum(count for number, count in counts['people'].items() if int(number) > 1)
    counts['people']['several'] = several
    findings = [
        _hidden_joints(share, people)
        if share.family == 'joints'
        else _binomial(share, counts[share.family][share.name], len(labels[share.family]))
        for share in STATED
    ]
    return [_strict(finding) if len(coco['images']) >= _ENOUGH else finding for finding in findings]


def _numbers_of_people(coco: Mapping[str, Any]) -> Iterator[str]:
    counts = Counter(person['image_id'] for person in coco['annotations'])
    yield from (str(counts[image['id']]) for image in coco['images'])


def _binomial(share: Share, count: int, total: int) -> Finding:
    tail = _FALSE_ALARMS / len(STATED) / 2
    low, high = stats.binom.ppf(tail, total, share.low), stats.binom.isf(tail, total, share.high)
    return Finding(share, count, total, (float(low), float(high)))


def _strict(finding: Finding) -> Finding:
    """Hold a stated range, if it is one, against the counted share itself."""
    share, total = finding.share, finding.total
    return replace(finding, bounds=(share.low * total, share.high * total)) if share.low < share.high else finding


def _hidden_joints(share: Share, people: Sequence[Mapping[str, Any]]) -> Finding:
    """Judge a ratio whose unit is the picture, by its standard error as in Cochran, Sampling Techniques, 1977, 2.11."""
    pictures: dict[int, np.ndarray] = {}
    for person in people:
        visible = np.asarray(person['keypoints'])[2::3]
        found = np.array([(visible == 1).sum(), (visible > 0).sum()])
        pictures[person['image_id']] = pictures.get(person['image_id'], 0) + found
    hidden, labelled = np.array(list(pictures.values())).T
    total, units = int(labelled.sum()), len(pictures)
    if units < 2 or not total:
        return Finding(share, int(hidden.sum()), total, (0.0, float(total)))
    residuals = hidden - hidden.sum() / total * labelled
    error = float(np.sqrt(units / (units - 1) * (residuals**2).sum()))
    margin = float(stats.t.isf(_FALSE_ALARMS / len(STATED) / 2, units - 1)) * error
    return Finding(share, int(hidden.sum()), total, (share.low * total - margin, share.high * total + margin))


def check_composition(coco: Mapping[str, Any]) -> str:
    """Check that a set is made of what is stated.

    Args:
        coco: Decoded annotations of rendered people.

    Returns:
        A Markdown table of the stated and the counted shares.

    Raises:
        InputError: A share is off; the message names the first, and how many are.
    """
    findings = compare(coco)
    wrong = [finding for finding in findings if not finding.right]
    if wrong:
        first = wrong[0]
        raise InputError(
            f'{first.share.family} {first.share.name}: {first.count} of {first.total} '
            f'({_percent(first.count / max(first.total, 1))}) where {_stated(first.share)} is stated, '
            f'which allows {_allowed(first)}; {len(wrong)} of {len(findings)} shares are off'
        )
    return table(findings)


def table(findings: Sequence[Finding]) -> str:
    """Write findings as a Markdown table; a count that is off is marked.

    Args:
        findings: What :func:`compare` found.

    Returns:
        The table, one line a share.
    """
    lines = ['| | | stated | counted | of | allowed |', '|---|---|---:|---:|---:|---:|']
    for finding in findings:
        share = finding.share
        counted = f'{finding.count} ({_percent(finding.count / max(finding.total, 1))})'
        mark = '' if finding.right else ' **off**'
        lines.append(
            f'| {share.family} | {share.name} | {_stated(share)} | {counted}{mark} | {finding.total} '
            f'| {_allowed(finding)} |'
        )
    return '\n'.join(lines) + '\n'


def check_disjoint(sets: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that no two sets share a picture, a body, an outfit or a background.

    Args:
        sets: Decoded annotations by the name of their split.

    Raises:
        InputError: Something is in two sets; the message names the first and how many there are.
    """
    owners: dict[tuple[str, Any], str] = {}
    doubles = []
    for split, coco in sets.items():
        for thing in dict.fromkeys(_individuals(coco)):
            if owners.setdefault(thing, split) != split:
                doubles.append((*thing, owners[thing], split))
    if doubles:
        kind, identity, first, second = doubles[0]
        raise InputError(f'{kind} {identity} is in both {first} and {second}; {len(doubles)} things are in two splits')


def _individuals(coco: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for image in coco['images']:
        yield 'picture', image['id']
        yield 'background', image['rendered']['background_id']
    for person in coco['annotations']:
        yield 'body', person['rendered']['body_id']
        yield 'outfit', person['rendered']['outfit_id']


def _percent(share: float) -> str:
    return f'{100 * share:.1f} %'


def _stated(share: Share) -> str:
    return _percent(share.low) if share.low == share.high else f'{100 * share.low:.0f}–{100 * share.high:.0f} %'


def _allowed(finding: Finding) -> str:
    low, high = finding.bounds
    return f'{math.ceil(max(low, 0))}–{math.floor(min(high, finding.total))}'
