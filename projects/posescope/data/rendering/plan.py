"""What a picture will show, decided before anything is drawn: pure data that depends on seed and index alone."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import qmc

from posescope.data.rendering import composition
from posescope.data.rendering.backgrounds import Background, sample_background
from posescope.data.rendering.film import Film, sample_film
from posescope.data.rendering.lights import sample_lighting
from posescope.data.rendering.objects import Prop, sample_prop
from posescope.data.rendering.occluders import Occluder, sample_occluder
from posescope.data.rendering.outfits import Outfit, sample_outfit
from posescope.data.rendering.population import girth, sample_phenotype
from posescope.data.rendering.poses import Pose, sample_pose
from posescope.data.rendering.shading import Lighting
from posescope.data.rendering.views import View, sample_view

__all__ = ['PersonPlan', 'ScenePlan', 'fingerprint', 'plan_scene']

SIZES = ((320, 240), (240, 320), (256, 256))
"""Width and height of pictures, pixels."""
_SIZE_SHARES = (0.32, 0.48, 0.2)
_OCCLUDED = 0.18
"""Share of pictures with an object in front of the main person."""
_CUT = 1.2
"""Main people to be cut for every one that is stated, as many of the others are not."""
_CROWD = 3
_SPREAD = 0.7
"""Metres by which each further pair of people stands farther to the sides."""
_DIFFICULT = 10
"""Plans that come to nothing before a picture goes without what cuts or hides the main person."""
_LOOKING = 0.45
"""Share of people who look at the camera if they can."""
_BEARDLESS = 0.5
"""Age of the eldest who are dressed as if no beard could grow."""
_SEATS = ('chair', 'chair', 'chair', 'stool', 'box', 'bench')
_STREAM_OF_SHIFTS = 2**32 - 1


@dataclass(frozen=True)
class PersonPlan:
    """One person.

    Attributes:
        phenotype: Shape of the body.
        pose: How it is held.
        outfit: What it wears.
        heading: Degrees relative to the ray from the camera: 0 faces it, 90 faces the picture's right side.
        place: x and y of the torso, metres; the camera looks along y.
        seat: What a sitting person sits on; its measures are the body's.
    """

    phenotype: dict[str, float]
    pose: Pose
    outfit: Outfit
    heading: float
    place: tuple[float, float]
    seat: Prop | None


@dataclass(frozen=True)
class ScenePlan:
    """A picture.

    Attributes:
        seed: Seed of the set.
        index: Number of the picture within the set.
        attempt: How many plans for this picture came to nothing before.
        people: The main person first, who stands at the origin.
        view: How it is framed.
        occluders: What stands in front.
        furnishings: What stands around, and where: x, y in metres and degrees that it is turned.
        background: What is behind.
        lighting: How it is lit.
        film: How it is taken.
    """

    seed: int
    index: int
    attempt: int
    people: tuple[PersonPlan, ...]
    view: View
    occluders: tuple[Occluder, ...]
    furnishings: tuple[tuple[Prop, float, float, float], ...]
    background: Background
    lighting: Lighting
    film: Film

    def as_dict(self) -> dict[str, Any]:
        """Give all of it as numbers, words, lists and dictionaries."""
        return asdict(self)


@dataclass(frozen=True)
class _Quotas:
    """What is shared out over pictures rather than drawn by chance."""

    heading: float
    pose_class: str
    people: int
    truncated: bool
    occluded: bool
    size: tuple[int, int]


def plan_scene(seed: int, index: int, attempt: int = 0) -> ScenePlan:
    """Plan a picture.

    Args:
        seed: Seed of the set.
        index: Number of the picture within it, from 0. How many pictures the set has does not matter.
        attempt: Another plan with the same quotas, for when one cannot be drawn.

    Returns:
        The plan.
    """
    quotas = _quotas(seed, index)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, attempt])))
    easy = attempt >= _DIFFICULT
    truncated = quotas.truncated and quotas.people < _CROWD and not easy
    view = sample_view(rng, quotas.size, quotas.pose_class, quotas.people, truncated)
    people = [_plan_person(rng, quotas.pose_class, quotas.heading, (0.0, 0.0))]
    classes, shares = list(composition.POSES), np.array(list(composition.POSES.values()))
    for place in _places(rng, quotas.people - 1, view.cut):
        pose_class = classes[int(rng.choice(len(classes), p=shares / shares.sum()))]
        people.append(_plan_person(rng, pose_class, float(rng.uniform(0.0, 360.0)), place))
    occluders: tuple[Occluder, ...] = ()
    if quotas.occluded and not easy:
        count = 1 if rng.random() < 0.85 else 2
        occluders = tuple(sample_occluder(rng, quotas.pose_class) for _ in range(count))
    background = sample_background(rng)
    furnishings = tuple(_furnish(rng, background.indoors) for _ in range(int(rng.integers(0, 5))))
    places = [person.place for person in people] + [(x, y) for _, x, y, _ in furnishings]
    return ScenePlan(
        seed,
        index,
        attempt,
        tuple(people),
        view,
        occluders,
        furnishings,
        background.enclosing(places),
        sample_lighting(rng, background.indoors),
        sample_film(rng),
    )


def fingerprint(thing: Any) -> str:
    """Hash plain data, such as a body's shape, so that it can be told whether two are the same.

    Args:
        thing: Data whose ``repr`` tells all of it.

    Returns:
        16 hexadecimal digits.
    """
    return hashlib.sha256(repr(thing).encode()).hexdigest()[:16]


def _quotas(seed: int, index: int) -> _Quotas:
    """Share out quotas by a Halton sequence, so that every run of pictures is balanced; each set shifts it anew."""
    sequence = qmc.Halton(6, scramble=False)
    sequence.fast_forward(index)
    point = sequence.random()[0]
    shift = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _STREAM_OF_SHIFTS]))).random(6)
    heading, pose, people, cut, occluder, size = ((point + shift) % 1.0).tolist()
    width = 360.0 / composition.SECTORS
    return _Quotas(
        (360.0 * heading - width / 2) % 360.0,
        _share_out(composition.POSES, pose),
        _share_out(composition.PEOPLE, people),
        cut < _CUT * composition.TRUNCATED,
        occluder < _OCCLUDED,
        SIZES[_share_out(dict(enumerate(_SIZE_SHARES)), size)],
    )


def _share_out(shares: dict[Any, float], place: float) -> Any:
    """Find the key whose share of the interval from 0 to 1 holds ``place``."""
    keys, ends = list(shares), np.cumsum(list(shares.values()))
    return keys[min(int(np.searchsorted(ends / ends[-1], place, side='right')), len(keys) - 1)]


def _plan_person(rng: np.random.Generator, pose_class: str, heading: float, place: tuple[float, float]) -> PersonPlan:
    phenotype = sample_phenotype(rng)
    pose = sample_pose(rng, pose_class, girth(phenotype))
    if pose_class != 'lying' and rng.random() < _LOOKING:
        # Whom a camera sees often looks at it; only as far as a head turns, so from behind it does not show.
        towards_camera = (180.0 - heading) % 360.0 - 180.0
        pose = pose.looking(towards_camera * float(rng.uniform(0.6, 1.0))) if abs(towards_camera) < 120.0 else pose
    outfit = sample_outfit(rng, phenotype['gender'] if phenotype['age'] > _BEARDLESS else 1.0)
    seat = None
    if pose.seat == 'chair':
        seat = sample_prop(rng, 'chair')
        seat = replace(seat, kind=_SEATS[int(rng.integers(len(_SEATS)))])
    return PersonPlan(phenotype, pose, outfit, heading, place, seat)


def _places(rng: np.random.Generator, others: int, cut: str) -> list[tuple[float, float]]:
    """Spread other people around the main one: beside, behind and partly in front.

    Args:
        rng: Where chance comes from.
        others: How many.
        cut: Where the picture cuts the main person; then it shows little beside, so the others are behind.
    """
    places = []
    side = {'left': 1.0, 'right': -1.0}.get(cut, float(rng.choice([-1.0, 1.0])))
    for number in range(others):
        relation = rng.random()
        if cut != 'none':
            x, y = rng.uniform(0.25, 0.8), rng.uniform(0.6, 2.0)
        elif relation < 0.5:
            x, y = rng.uniform(0.5, 1.2), rng.uniform(-0.4, 0.5)
        elif relation < 0.8 or others > 1:
            x, y = rng.uniform(0.2, 1.3), rng.uniform(0.6, 2.6)
        else:
            x, y = rng.uniform(0.3, 0.8), rng.uniform(-1.0, -0.5)
        places.append((float(side * (x + _SPREAD * (number // 2))), float(y)))
        side = -side
    return places


def _furnish(rng: np.random.Generator, indoors: bool) -> tuple[Prop, float, float, float]:
    """Put something behind or beside the people."""
    kinds = ('chair', 'table', 'shelf', 'box', 'plant', 'panel', 'barrel', 'bench') if indoors else (
        'tree', 'bush', 'bench', 'pole', 'fence', 'box', 'parapet', 'panel', 'barrel')  # fmt: skip
    kind = kinds[int(rng.integers(len(kinds)))]
    x, y = rng.uniform(-2.5, 2.5), rng.uniform(0.8, 2.2 if indoors else 6.0)
    return sample_prop(rng, kind), float(x), float(y), float(rng.uniform(-40.0, 40.0))
