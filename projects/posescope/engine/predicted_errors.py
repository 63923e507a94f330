"""How likely each person is to be got wrong, from errors that a diagnosis or a test found before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from posescope.data.annotations import read_json
from posescope.errors import InputError, nearest
from posescope.evaluation.diagnosis.error_classes import ErrorClass
from posescope.evaluation.diagnosis.populations import populations
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.people import People

__all__ = ['errors_by_matches', 'errors_by_strata']

_ERRORS = tuple(one.label for one in ErrorClass if one is not ErrorClass.GOOD)


def errors_by_strata(
    path: str | Path,
    content: Mapping[str, Any],
    people: People,
    families: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Predict errors from who a person is: heading, hidden joints, truncation, size, ….

    A diagnosis tells, for each population of a family, the share of joints with an error. The odds of an error at a
    joint are the odds of all joints, times for each family the odds of the joint's population over those of all joints,
    as if families were independent. Half a joint is added to both outcomes of each count, so that no odds are 0.

    Args:
        path: A ``diagnosis.json``, of any split: of dev, for a training to start from.
        content: Decoded annotations of the people.
        people: The G people of it.
        families: Which of the file's families count, e.g. ``['heading', 'size']``; None for all.
        kinds: Which classes of error count, e.g. ``['inversion']``; None for all but good.

    Returns:
        (G,) expected share of a person's labelled joints with an error.

    Raises:
        InputError: The file is no diagnosis, or has no such family or class.
    """
    diagnosis = read_json(Path(path), 'diagnosis')
    if not isinstance(diagnosis, Mapping) or not diagnosis.get('slices') or 'classes' not in diagnosis:
        raise InputError(f'{path} holds no slices: write it with tools/diagnose.py GT.json DT.json --out DIR')
    counted = _known(kinds, _ERRORS, path, 'class of error')
    of_file = dict.fromkeys(row['family'] for row in diagnosis['slices'])
    wanted = _known(families, of_file, path, 'family')
    everywhere = _log_odds(
        sum(diagnosis['classes'][one]['count'] for one in counted if one in diagnosis['classes']),
        next(iter(diagnosis['classes'].values()))['of'],
    )
    odds = _odds_by_population(diagnosis['slices'], counted)
    total = np.full(people.keypoints.shape[:2], everywhere)
    for family, names in populations(content, people).items():
        if family in wanted:
            for population in np.unique(names):
                total[names == population] += odds.get((family, population), everywhere) - everywhere
    labelled = people.labelled
    count = labelled.sum(1)
    mean = (expit(total) * labelled).sum(1) / np.maximum(count, 1)
    return np.where(count > 0, mean, expit(everywhere))


def errors_by_matches(path: str | Path, people: People) -> NDArray[np.float64]:
    """Take errors that were made on these very people: (G,) share of OKS thresholds at which a person was not found.

    Args:
        path: A ``matches.npz`` of a test on these people's annotations.
        people: The G people.

    Raises:
        InputError: The file is missing or damaged, or of other annotations.
    """
    matches = load_matches(Path(path)).matches
    same = len(matches.person_image) == len(people) and len(matches.image_ids) == len(people.image_ids)
    if not same or (matches.image_ids[matches.person_image] != people.image_ids[people.image]).any():
        raise InputError(
            f'{path} holds {len(matches.person_image)} people who are not the {len(people)} of the training data: '
            'test on the training annotations first, tools/test.py CONFIG CHECKPOINT --coco TRAIN.json IMAGE_DIR'
        )
    found = np.zeros((len(people), len(matches.thresholds)), bool)
    for column, person in enumerate(matches.person[:, 0].T):  # column 0 is people of any area
        found[person[person >= 0], column] = True
    return 1 - found.mean(1)


def _odds_by_population(rows: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> dict[tuple[str, str], float]:
    counts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        known = counts.setdefault((row['family'], row['population']), [0, row['of']])
        known[0] += row['count'] if row['class'] in kinds else 0
    return {population: _log_odds(*both) for population, both in counts.items()}


def _log_odds(count: int, of: int) -> float:
    return float(logit((count + 0.5) / (of + 1)))


def _known(wanted: Sequence[str] | None, known: Any, path: str | Path, what: str) -> list[str]:
    """Check names that a config lists; None stands for all of them."""
    for name in wanted or ():
        if name not in known:
            raise InputError(f'{path} has no {what} {name!r}; nearest: {nearest(str(name), known)}')
    return list(known if wanted is None else wanted)
