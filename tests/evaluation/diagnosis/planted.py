"""People and detections with known errors."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections, span_areas
from posescope.evaluation.people import People

FLIP = np.array([0, 2, 1])
"""A nose and a left and a right hand."""
SIGMAS = np.full(3, 0.05)


def people_at(keypoints: ArrayLike, areas: ArrayLike, image: ArrayLike | None = None, **fields: Any) -> People:
    """Make G people of one category from (G, K, 2 or 3) joints, by default each on an image of their own."""
    joints = np.array(keypoints, np.float64)
    if joints.shape[2] == 2:
        joints = np.concatenate([joints, np.full((*joints.shape[:2], 1), 2)], -1)
    count = len(joints)
    where = np.arange(count) if image is None else np.asarray(image)
    corner = joints[..., :2].min(1)
    none = np.zeros(count, bool)
    values = {
        'image_ids': np.arange(where.max(initial=-1) + 1),
        'category_ids': np.array([1]),
        'ids': np.arange(count),
        'image': where,
        'category': np.zeros(count, np.int64),
        'keypoints': joints,
        'boxes': np.concatenate([corner, joints[..., :2].max(1) - corner], 1),
        'areas': np.array(areas, np.float64),
        'crowd': none,
        'ignored': none,
    }
    return People(**{**values, **fields})


def detections_at(places: ArrayLike, image: ArrayLike | None = None, scores: ArrayLike | None = None) -> Detections:
    """Make D detections from (D, K, 2) joints, by default each on an image of its own with falling scores."""
    joints = np.array(places, np.float64)
    count = len(joints)
    return Detections(
        np.arange(count) if image is None else np.asarray(image),
        np.zeros(count, np.int64),
        np.concatenate([joints, np.ones((*joints.shape[:2], 1))], -1),
        1 - np.arange(count) / (count + 1) if scores is None else np.array(scores, np.float64),
        span_areas(joints),
    )


def distance(ks: float, area: float = 100.0, sigma: float = 0.05) -> float:
    """Distance at which a joint has a similarity: the inverse of ``exp(−d² / (2 · area · (2σ)²))``."""
    return float(np.sqrt(-2 * np.log(ks) * area) * 2 * sigma)


def area_of_exact(ks: float, offset: float = 1.0, sigma: float = 0.5) -> float:
    """Area at which an offset has this similarity to the last bit."""
    area = offset**2 / (-2 * np.log(ks) * (2 * sigma) ** 2)
    for steps in range(100):
        for direction in (0, np.inf):
            value = area
            for _ in range(steps):
                value = np.nextafter(value, direction)
            if np.exp(-(offset**2 / (2 * (value * (2 * sigma) ** 2)))) == ks:
                return float(value)
    raise AssertionError(f'no area gives exactly {ks}')


def random_scene(seed: int, joints: int = 17, images: int = 12) -> tuple[People, Detections, NDArray, NDArray]:
    """Draw people close to each other and detections with every kind of error.

    Returns:
        People, detections, sigmas and flip indices.
    """
    rng = np.random.default_rng(seed)
    flip = np.arange(joints)
    flip[1:] = np.arange(1, joints).reshape(-1, 2)[:, ::-1].ravel()
    image = np.sort(rng.integers(0, images, 3 * images))
    count = len(image)
    truth = rng.uniform(0, 60, (count, 1, 2)) + rng.uniform(0, 60, (count, joints, 2))
    truth = np.concatenate([truth, rng.choice([0, 1, 2, 2], (count, joints))[..., None]], -1)
    truth[rng.random(count) < 0.1, :, 2] = 0
    crowd = rng.random(count) < 0.1
    people = people_at(
        truth,
        rng.uniform(500, 4000, count),
        image,
        image_ids=np.arange(images),
        crowd=crowd,
        ignored=crowd | ~(truth[..., 2] > 0).any(1),
    )
    source = rng.integers(0, count, 2 * count)
    places = truth[source, :, :2] + rng.choice([0.5, 2, 5], (2 * count, joints, 1)) * rng.normal(size=(1, joints, 2))
    wrong = rng.random((2 * count, joints)) < 0.2
    places[wrong] = places[:, flip][wrong]
    swapped = rng.random((2 * count, joints)) < 0.1
    places[swapped] = truth[np.minimum(source + 1, count - 1), :, :2][swapped]
    sigmas = rng.choice([0.03, 0.06, 0.09], (joints + 1) // 2)[(np.arange(joints) + 1) // 2]
    scores = rng.choice(np.linspace(0.1, 1, 40), 2 * count)
    return people, detections_at(places, image[source], scores), sigmas, flip
