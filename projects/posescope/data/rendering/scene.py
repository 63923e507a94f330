"""From a plan to a picture with exact labels."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from posescope.data.body_parts import OCCLUDER, PEOPLE_STRIDE
from posescope.data.rendering.body import BodyModel
from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.occluders import place_occluder
from posescope.data.rendering.placing import Placed, place_furnishings, place_people
from posescope.data.rendering.plan import ScenePlan, fingerprint, plan_scene
from posescope.data.rendering.rasteriser import Camera, Fragments, rasterise
from posescope.data.rendering.shading import shade_linear
from posescope.data.rendering.shadows import ShadowMap, contact_shade, ground_shadow
from posescope.data.rendering.visibility import BY_OBJECT, BY_PERSON, NOT_HIDDEN, OUTSIDE, joint_occlusion

__all__ = ['RenderedPerson', 'RenderedScene', 'plan_scene', 'render_scene']

SUPERSAMPLE = 2
_LEAST_PIXELS, _LEAST_JOINTS = 180, 1
_LEAST_MAIN_PIXELS, _LEAST_MAIN_JOINTS = 1100, 3
_ATTEMPTS = 25
# A silhouette counts as truncated if more than this share of it lies outside of the picture.
_TRUNCATED = 0.02
# From this share on a silhouette counts as occluded; the main person is not hidden by more than the other one.
_NOTICEABLE, _GREATEST_HIDDEN = 0.08, 0.7


@dataclass(frozen=True)
class RenderedPerson:
    """A person on a picture.

    Attributes:
        joints: (17, 3): x and y in pixels, depth in metres.
        occlusion: (17,) int64: 0 not hidden, 1 by the own body, 2 by an object, 3 by another person, 4 outside.
        mask: (H, W) bool: the pixels that show the person.
        outside: Share of the silhouette that lies outside of the picture.
        truncated: Whether a joint or more than 2 % of the silhouette is outside.
        hidden: Share of the silhouette, as far as it is within the picture, that objects and other people hide.
        unoccluded: Whether neither an object nor another person hides a joint or a noticeable part.
        heading: Degrees relative to the camera's ray: 0 faces the camera, 90 faces the picture's right side.
        pose_class: A key of :data:`posescope.data.rendering.composition.POSES`.
        action: What the person does, in words.
        phenotype: Shape of the body.
        body_id: Hash of the shape.
        outfit_id: Hash of the outfit.
    """

    joints: NDArray[np.float64]
    occlusion: NDArray[np.int64]
    mask: NDArray[np.bool_]
    outside: float
    truncated: bool
    hidden: float
    unoccluded: bool
    heading: float
    pose_class: str
    action: str
    phenotype: dict[str, float]
    body_id: str
    outfit_id: str


@dataclass(frozen=True)
class RenderedScene:
    """A picture and what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        part_map: (H, W) uint8, see :mod:`posescope.data.body_parts`.
        people: Everyone on it; a person's place is the index in the part map.
        camera: Where it was taken from.
        background_id: Hash of what is behind.
        light: Directions and colours of the light, as plain data.
        plan: What was planned.
    """

    image: NDArray[np.uint8]
    part_map: NDArray[np.uint8]
    people: tuple[RenderedPerson, ...]
    camera: Camera
    background_id: str
    light: dict[str, Any]
    plan: ScenePlan


def render_scene(plan: ScenePlan, body_model: BodyModel) -> RenderedScene:
    """Render a plan, or, if people on it cannot be seen, the next plan for the same picture.

    Args:
        plan: What to show.
        body_model: Bodies.

    Returns:
        The picture.

    Raises:
        RuntimeError: No plan for this picture shows everyone; that is a mistake of ours.
    """
    for attempt in range(plan.attempt, plan.attempt + _ATTEMPTS):
        current = plan if attempt == plan.attempt else plan_scene(plan.seed, plan.index, attempt)
        scene = _render(current, body_model)
        if scene is not None:
            return scene
    raise RuntimeError(f'no plan of picture {plan.index} of seed {plan.seed} shows everyone in {_ATTEMPTS} attempts')


def _render(plan: ScenePlan, body_model: BodyModel) -> RenderedScene | None:
    placed = place_people(plan, body_model)
    if placed is None:
        return None
    people, camera, seats = placed
    bodies = [person.mesh for person in people]
    in_front = [place_occluder(occluder, camera, people[0].joints, bodies) for occluder in plan.occluders]
    if any(mesh is None for mesh in in_front):
        return None
    things = [*seats, *(mesh for mesh in in_front if mesh is not None)]
    things += place_furnishings(plan, bodies, camera)
    meshes = [*bodies, *things]
    fragments = rasterise(meshes, camera, SUPERSAMPLE)
    bare = rasterise(bodies, camera, SUPERSAMPLE) if things else fragments
    part_map = _part_map(fragments, bare, meshes, len(bodies))
    alone = [bare if len(bodies) == 1 else rasterise([body], camera, SUPERSAMPLE) for body in bodies]
    rendered = tuple(
        _describe(plan, person, index, fragments, meshes, camera, part_map, alone[index])
        for index, person in enumerate(people)
    )
    if not _everyone_is_seen(rendered):
        return None
    return RenderedScene(
        _paint(plan, meshes, fragments, camera),
        part_map,
        rendered,
        camera,
        fingerprint(plan.background),
        asdict(plan.lighting),
        plan,
    )


def _everyone_is_seen(people: tuple[RenderedPerson, ...]) -> bool:
    for index, person in enumerate(people):
        pixels, joints = int(person.mask.sum()), int((person.occlusion == NOT_HIDDEN).sum())
        main = index == 0
        if pixels < (_LEAST_MAIN_PIXELS if main else _LEAST_PIXELS):
            return False
        if joints < (_LEAST_MAIN_JOINTS if main else _LEAST_JOINTS) or (main and person.hidden > _GREATEST_HIDDEN):
            return False
    return True


def _paint(plan: ScenePlan, meshes: list[Mesh], fragments: Fragments, camera: Camera) -> NDArray[np.uint8]:
    """Light everything and take the picture."""
    key = plan.lighting.key
    shadows = ShadowMap.cast(meshes, key.direction, 0.03 if plan.background.indoors else 0.012)
    on_ground = ground_shadow(camera, shadows) * contact_shade(camera, meshes)
    behind = plan.background.paint(camera, plan.lighting, on_ground)
    if plan.background.blur > 0.15:
        behind = gaussian_filter(behind, (plan.background.blur,) * 2 + (0,), mode='nearest', truncate=3.0)
    return plan.film.develop(shade_linear(fragments, meshes, camera, plan.lighting, behind, shadows))


def _part_map(fragments: Fragments, bare: Fragments, meshes: list[Mesh], people: int) -> NDArray[np.uint8]:
    """Reduce what each sample shows to what each pixel shows: what most of its samples do, or else the nearest.

    Args:
        fragments: All that is seen.
        bare: What would be seen without objects.
        meshes: People first.
        people: How many of the meshes are people.
    """
    samples = np.zeros(fragments.mesh.shape, dtype=np.uint8)
    for index in range(people):
        here = fragments.mesh == index
        samples[here] = index * PEOPLE_STRIDE + meshes[index].part[fragments.face[here]]
    samples[(fragments.mesh >= people) & (bare.mesh >= 0)] = OCCLUDER
    step = fragments.supersample
    height, width = (length // step for length in samples.shape)

    def by_pixel(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(height, step, width, step).transpose(0, 2, 1, 3).reshape(height, width, step * step)

    labels, depth = by_pixel(samples), by_pixel(fragments.depth)
    part_map = labels[..., 0].copy()
    mixed = (labels != labels[..., :1]).any(axis=-1)
    labels, depth = labels[mixed], depth[mixed]
    agreeing = (labels[:, :, None] == labels[:, None, :]).sum(axis=-1)
    # The nearer of two equally frequent ones; a depth is far below the weight of one more sample.
    choice = np.argmax(agreeing - np.minimum(depth, 99.0) / 100.0, axis=-1)
    part_map[mixed] = labels[np.arange(len(labels)), choice]
    return part_map


def _describe(
    plan: ScenePlan,
    person: Placed,
    index: int,
    fragments: Fragments,
    meshes: list[Mesh],
    camera: Camera,
    part_map: NDArray[np.uint8],
    alone: Fragments,
) -> RenderedPerson:
    """Measure what is known about one person on the picture; ``alone`` is what is seen without all others."""
    planned = plan.people[index]
    occlusion = joint_occlusion(fragments, meshes, camera, person.joints, index)
    mask = (part_map // PEOPLE_STRIDE == index) & (part_map > index * PEOPLE_STRIDE) & (part_map != OCCLUDER)
    outside = _share_outside(meshes[index], camera)
    hidden = 1 - (fragments.mesh == index).sum() / max((alone.mesh == 0).sum(), 1)
    return RenderedPerson(
        joints=camera.project(person.joints),
        occlusion=occlusion,
        mask=mask,
        outside=outside,
        truncated=bool((occlusion == OUTSIDE).any() or outside > _TRUNCATED),
        hidden=float(hidden),
        unoccluded=bool(not np.isin(occlusion, (BY_OBJECT, BY_PERSON)).any() and hidden < _NOTICEABLE),
        heading=person.heading,
        pose_class=planned.pose.pose_class,
        action=planned.pose.action,
        phenotype=planned.phenotype,
        body_id=fingerprint(planned.phenotype),
        outfit_id=fingerprint(planned.outfit),
    )


def _share_outside(mesh: Mesh, camera: Camera) -> float:
    """Measure which share of a silhouette lies outside of the picture, on a wider and coarser one."""
    places = camera.project(mesh.vertices)
    low, high = places[:, :2].min(axis=0), places[:, :2].max(axis=0)
    picture = np.array([camera.width, camera.height])
    if places[:, 2].min() > 0 and (low >= -0.5).all() and (high <= picture - 0.5).all():
        return 0.0
    coarse, margin = 0.25, 2  # margin: pictures on each side
    wide = Camera(
        round(camera.width * coarse) * (2 * margin + 1),
        round(camera.height * coarse) * (2 * margin + 1),
        camera.focal * coarse,
        camera.position,
        camera.rotation,
    )
    seen = rasterise([mesh], wide, 1).mesh >= 0
    rows, columns = (
        slice(margin * length // (2 * margin + 1), (margin + 1) * length // (2 * margin + 1)) for length in seen.shape
    )
    return float(1 - seen[rows, columns].sum() / max(seen.sum(), 1))
