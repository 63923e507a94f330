"""Dresses a body: skin that shows, eyes, clothes, shoes, hair and hat, as one mesh."""

from __future__ import annotations

from posescope.data.rendering.body import Body, BodyModel
from posescope.data.rendering.face import Eye, Skin
from posescope.data.rendering.garments import bare_skin, lower_half, sew
from posescope.data.rendering.hair import grow, put_on
from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.outfits import Outfit, sample_outfit

__all__ = ['Outfit', 'dress', 'sample_outfit']

_SOLE = -0.880
"""Rest-pose z below which a shoe is sole, metres."""


def dress(body: Body, outfit: Outfit, body_model: BodyModel) -> Mesh:
    """Dress a body. Skin under clothes is left out, so torso, hips and the top of the thighs are never bare.

    Args:
        body: The posed body.
        outfit: What it looks like and wears.
        body_model: The model that posed it.

    Returns:
        One mesh in the body's frame; every face belongs to a part.
    """
    skin = Material(outfit.skin, Skin(outfit.brow, outfit.lips, outfit.beard), gloss=0.12, two_sided=False, name='skin')
    eye = Material((0.68, 0.66, 0.64), Eye(outfit.iris), gloss=0.6, two_sided=False, name='eye')
    meshes = [bare_skin(body, body_model, skin, outfit.garments)]
    meshes += [body_model.forms[side].mesh(body.vertices, body.normals, eye) for side in ('left_eye', 'right_eye')]
    for garment in outfit.garments:
        mesh = sew(body, body_model, garment)
        if garment.name == 'shoes' and outfit.sole is not None:
            mesh = lower_half(mesh, _SOLE, Material(outfit.sole, name='sole'))
        meshes.append(mesh)
    meshes += grow(body, body_model, outfit.hair, under_hat=outfit.hat is not None)
    if outfit.hat is not None:
        meshes += put_on(body, body_model, outfit.hat)
    return Mesh.merged(meshes)
