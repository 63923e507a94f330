"""Garments: pieces of the base mesh's suit and skirt, cut to length and pushed out from the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from posescope.data.body_parts import BODY_PARTS
from posescope.data.rendering.body import Body, BodyModel
from posescope.data.rendering.cutting import cut
from posescope.data.rendering.forms import Form
from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.patterns import RGB, Pattern, value_noise
from posescope.data.rendering.regions import NOWHERE

NO_LIMIT = -NOWHERE

NECKLINES = {
    # Height at the front of the neck (y = -0.06) in rest-pose metres, rise towards the back, depth of the V.
    'crew': (0.490, 0.35, 0.0),
    'scoop': (0.455, 0.70, 0.0),
    'v': (0.488, 0.35, 0.085),
    'turtle': (0.530, 0.0, 0.0),
}


@dataclass(frozen=True)
class Cloth:
    """What a garment is made of.

    Attributes:
        colour: Linear RGB.
        pattern: What is printed or woven on it.
        gloss: 0 for wool, 1 for patent leather.
    """

    colour: RGB
    pattern: Pattern | None = None
    gloss: float = 0.0

    def material(self, name: str) -> Material:
        """Make the material of a garment."""
        return Material(self.colour, self.pattern, self.gloss, two_sided=True, name=name)


@dataclass(frozen=True)
class Garment:
    """A garment: which piece of the suit or the skirt, and how it hangs.

    Lengths are coordinates along limbs as :class:`posescope.data.rendering.regions.Regions` defines them.

    Attributes:
        name: What it is; for reading.
        cloth: What it is made of.
        waist: Upper end on the leg coordinate; only for a garment without a top.
        hem: Lower end on the leg coordinate.
        sleeve: End on the arm coordinate; ``NOWHERE`` for a garment without a top, such as trousers or shoes.
        neckline: One of ``NECKLINES``.
        opening: Half width of the gap of an open front, metres; 0 for closed.
        thickness: How far it stands off the body where it is tight, metres.
        looseness: How much further it stands off where it hangs, metres.
        folds: Height of its folds, metres.
        form: ``'tights'`` or ``'skirt'``.
        seed: Which folds.
    """

    name: str
    cloth: Cloth
    waist: float = -0.4
    hem: float = 0.1
    sleeve: float = NOWHERE
    neckline: str = 'crew'
    opening: float = 0.0
    thickness: float = 0.006
    looseness: float = 0.01
    folds: float = 0.003
    form: str = 'tights'
    seed: int = 0

    def covers(self, form: Form) -> np.ndarray:
        """Tell how far inside the garment's outline each vertex of a form lies; (n,) float64, negative outside."""
        if self.sleeve == NOWHERE:
            return np.minimum(form.leg - self.waist, self.hem - form.leg)
        bottom = np.where(form.leg == NOWHERE, NO_LIMIT, self.hem - form.leg)
        return np.minimum(np.minimum(self.sleeve - form.arm, bottom), self._below_neckline(form.rest))

    def _below_neckline(self, rest: np.ndarray) -> np.ndarray:
        """Tell how far below the neckline points lie, in lengths of the thigh to match the limbs' coordinates."""
        x, y, z = rest.T
        height, rise, depth = NECKLINES[self.neckline]
        line = height + rise * np.clip(y + 0.06, 0, 0.12)
        line = line - depth * np.clip(1 - np.abs(x) / 0.075, 0, 1) * (y < -0.02)
        # However wide, it leaves the shoulders covered.
        line = line + 1.5 * np.clip(np.abs(x) - 0.07, 0, None)
        return (line - z) / 0.37


def sew(body: Body, model: BodyModel, garment: Garment) -> Mesh:
    """Make a garment as it lies on a posed body; its faces belong to the parts that they cover.

    Args:
        body: The posed body.
        model: The model it came from.
        garment: What to make.
    """
    form = model.forms[garment.form]
    part = BODY_PARTS['skirt'] if garment.form == 'skirt' else None
    smoothing = min(12, int(2 + 400 * garment.looseness))
    push = garment.thickness + garment.looseness * _hang(form, garment) + _folds(form, garment)
    mesh = form.mesh(body.vertices, body.normals, garment.cloth.material(garment.name), push, smoothing, part)
    mesh = cut(mesh, garment.covers(form))
    if garment.opening:
        x, y, _ = mesh.texture.T
        mesh = cut(mesh, np.where(y < -0.01, np.abs(x) - garment.opening, 0.05))
    return mesh


def bare_skin(body: Body, model: BodyModel, material: Material, garments: Sequence[Garment]) -> Mesh:
    """Keep the skin that no garment covers: what lies under clothes is left out.

    Args:
        body: The posed body.
        model: The model it came from.
        material: The skin.
        garments: Everything that is worn on the suit's form.
    """
    form = model.forms['body']
    hidden = np.full(len(form.index), -1.0)
    for garment in garments:
        if garment.form == 'tights' and not garment.opening:
            # The skin reaches a little under each hem.
            hidden = np.maximum(hidden, garment.covers(form) - 0.05)
    mesh = form.mesh(body.vertices, body.normals, material)
    return cut(mesh, -hidden)


def _hang(form: Form, garment: Garment) -> np.ndarray:
    """Tell where a garment hangs rather than fits: along the arms and legs and towards its hem; (n,) 0 to 1."""
    along_arm = np.clip(form.arm, 0, 1) * (form.arm > NOWHERE)
    start = -0.9 if garment.sleeve > NOWHERE else 0.15
    along_leg = np.clip((form.leg - start) / 0.9, 0, 1) * (form.leg > NOWHERE)
    return np.maximum(along_arm, along_leg)


def _folds(form: Form, garment: Garment) -> np.ndarray:
    """Make folds: noise that is longer along the body than across; (n,) metres."""
    if garment.folds == 0:
        return np.zeros(len(form.index))
    stretched = form.rest * np.array([22.0, 22.0, 14.0]) + 31.0 * garment.seed
    return garment.folds * (2 * value_noise(stretched, garment.seed) - 1)


def lower_half(mesh: Mesh, height: float, material: Material) -> Mesh:
    """Give what lies below a rest-pose height another material, as the sole of a shoe."""
    upper = cut(mesh, mesh.texture[:, 2] - height)
    lower = cut(mesh, height - mesh.texture[:, 2])
    return Mesh.merged([upper, replace(lower, materials=(material,) * len(lower.materials))])
