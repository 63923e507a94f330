"""Matches of simulated models on simulated pictures, drawn from populations whose average precision is known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from posescope.evaluation.matching import Matches

__all__ = ['THRESHOLDS', 'simulate']

THRESHOLDS = np.array([0.5, 0.75])


def simulate(
    pictures: np.random.Generator,
    images: int,
    skills: Sequence[float] = (1.0,),
    thresholds: NDArray[np.float64] = THRESHOLDS,
    *,
    runs: np.random.Generator | None = None,
    own: float = 0.7,
    spurious: float = 1.0,
) -> list[Matches]:
    """Let models look at the same pictures.

    A picture holds 0 to 5 people and is easy or hard for all models, as is each person. A model finds 95 % of them,
    each with an OKS that rises with its skill, and a score that rises with the OKS; it also sees people elsewhere.

    Args:
        pictures: Draws pictures and people; the same state gives the same ones.
        images: Number of pictures.
        skills: One for each model: the mean logit of OKS.
        thresholds: (T,) least OKS of a match.
        runs: Draws the models' detections; None lets ``pictures`` draw them.
        own: Spread of what differs between the models on one person, as a logit.
        spurious: Mean number of detections of nobody on a picture.
    """
    people = pictures.choice(6, images, p=[0.2, 0.35, 0.2, 0.12, 0.08, 0.05])
    image = np.repeat(np.arange(images), people)
    shared = 0.7 * pictures.standard_normal(images)[image] + 0.8 * pictures.standard_normal(len(image))
    large = pictures.random(len(image)) < 0.4
    return [
        _detect(runs or pictures, images, image, shared + skill, large, thresholds, own, spurious) for skill in skills
    ]


def _detect(
    generator: np.random.Generator,
    images: int,
    person_image: NDArray[np.int64],
    ease: NDArray[np.float64],
    large: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    own: float,
    spurious: float,
) -> Matches:
    logit = ease + own * generator.standard_normal(len(ease))
    seen = np.flatnonzero(generator.random(len(ease)) < 0.95)
    nobody = np.repeat(np.arange(images), generator.poisson(spurious, images))
    image = np.concatenate([person_image[seen], nobody])
    person = np.concatenate([seen, np.full(len(nobody), -1)])
    quality = np.concatenate([expit(logit[seen]), np.zeros(len(nobody))])
    scores = np.concatenate(
        [logit[seen] + generator.standard_normal(len(seen)), generator.normal(-0.5, 1.2, len(nobody))]
    )
    order = np.lexsort((-scores, image))
    inside = _ranges(np.concatenate([large[seen], generator.random(len(nobody)) < 0.4]))[order]
    found = np.where(quality[order, None] >= thresholds, person[order, None], -1)
    return Matches(
        image_ids=np.arange(images),
        category_count=1,
        detection=order,
        image=image[order],
        category=np.zeros(len(order), np.int64),
        scores=scores[order],
        person=np.repeat(found[:, None], 3, axis=1).astype(np.int32),
        ignored=np.repeat(~inside[..., None], len(thresholds), axis=2),
        person_image=person_image,
        person_category=np.zeros(len(person_image), np.int64),
        person_counted=_ranges(large),
        thresholds=thresholds,
    )


def _ranges(large: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, 3), whether something belongs to the area ranges all, medium and large."""
    return np.stack([np.ones_like(large), ~large, large], axis=1)
