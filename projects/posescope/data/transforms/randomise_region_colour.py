"""Give a region of a person other colours, so that a model cannot rely on the ones it has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from numpy.typing import NDArray

from posescope.data.annotations import joint_places
from posescope.data.body_parts import BODY_PARTS, part_map_path, part_pixels, read_part_map
from posescope.data.body_regions import body_mask, disc_mask, limb_mask, shifted_region
from posescope.data.colour_changes import changed_by, turn_hue
from posescope.data.cues.rendered_person import true_sector
from posescope.data.picture_fills import another_texture
from posescope.data.sample_joints import area_of, joint_names_of, labelled_joints, links_of, sample_generator
from posescope.errors import InputError, nearest

__all__ = ['RandomiseRegionColour']

CHANGES = ('hue', 'affine', 'texture')
PLACES = ('region', 'anywhere')
_GREATEST_OFFSET = 128
_MOVED = ('flip', 'input_size', 'transformed_keypoints')
"""Keys that show that the picture no longer is what was loaded."""


@TRANSFORMS.register_module()
class RandomiseRegionColour(BaseTransform):
    """Changes the colours of a named region at random; stands right after ``LoadImage``, after ``PlantCue``.

    What a finding says a model wrongly relies on (a band, a sleeve, a shoe) is made uninformative, and the rest of the
    picture stays. A region is made of body parts (rendered people, whose part maps tell), or of discs around joints
    and capsules along bones (any labelled person). The placebo, ``where='anywhere'``, changes another region of the
    person with exactly as many pixels, which is elsewhere each time.

    Required Keys:

        - img
        - keypoints
        - keypoints_visible
        - area, or bbox
        - skeleton_links
        - img_path, raw_ann_info (for parts)

    Modified Keys:

        - img

    Args:
        parts: Names of :data:`posescope.data.body_parts.BODY_PARTS`.
        joints: Names of joints; the region has a disc around each that is labelled.
        bones: Pairs of names; the region has a capsule along each whose ends are labelled.
        colour: ``'hue'`` turns all hues by one random angle (grey stays grey); ``'affine'`` gives each channel a random
            gain and offset; ``'texture'`` shows a piece of another picture instead.
        where: ``'region'``, or ``'anywhere'`` for the placebo.
        prob: Probability that anything is changed.
        strength: Of ``'affine'``: gains are within 1 ± strength, offsets within ± 128 · strength grey levels.
        radius: Of discs and capsules, in roots of the person's area; never under one pixel.

    Raises:
        InputError: An option does not exist or is out of its range, or nothing names a region; when it is used, for a
            joint that the data set does not have, parts of a person who was not rendered, or a picture that was
            transformed already.
    """

    def __init__(
        self,
        parts: Sequence[str] = (),
        joints: Sequence[str] = (),
        bones: Sequence[Sequence[str]] = (),
        colour: str = 'hue',
        where: str = 'region',
        prob: float = 0.5,
        strength: float = 0.5,
        radius: float = 0.15,
    ) -> None:
        for name, value, known in (('colour', colour, CHANGES), ('where', where, PLACES)):
            if value not in known:
                raise InputError(f"RandomiseRegionColour({name}='{value}'): nearest are {nearest(str(value), known)}")
        for part in parts:
            if part not in BODY_PARTS:
                raise InputError(f"RandomiseRegionColour: no part '{part}'; nearest: {nearest(part, BODY_PARTS)}")
        if not (parts or joints or bones) or any(len(bone) != 2 for bone in bones):
            raise InputError("RandomiseRegionColour needs parts, joints, or bones=[('left_elbow', 'left_wrist'), …]")
        if not (0 <= prob <= 1 and 0 <= strength <= 1 and 0 < radius <= 1):
            raise InputError(
                f'RandomiseRegionColour(prob={prob}, strength={strength}, radius={radius}): each is from 0 to 1, '
                'radius above 0'
            )
        self.parts, self.joints, self.bones = tuple(parts), tuple(joints), tuple(tuple(bone) for bone in bones)
        self.colour, self.where, self.prob = colour, where, prob
        self.strength, self.radius = strength, radius
        self._indices: dict[str, int] | None = None

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace ``results['img']``, (H, W, 3) uint8 or float32 in 0 to 255, by a copy with other colours."""
        moved = [key for key in _MOVED if key in results]
        if moved:
            raise InputError(
                'RandomiseRegionColour has to stand right after LoadImage in the pipeline: regions fit the picture as '
                f"loaded, but '{moved[0]}' shows that another transform came before"
            )
        generator = sample_generator()
        if generator.random() >= self.prob:
            return results
        region = self.region(results)
        if self.where == 'anywhere':
            region = shifted_region(region, self._body(results), generator)
        if region.any():
            image = results['img'].copy()
            image[region] = np.rint(self._recoloured(image, region, results, generator))
            results['img'] = image
        return results

    def region(self, results: dict[str, Any]) -> NDArray[np.bool_]:
        """Mark the region of a sample: (H, W) bool."""
        shape = results['img'].shape
        mask = self._parts(results, *self.parts) if self.parts else np.zeros(shape[:2], bool)
        if self.joints or self.bones:
            places, labelled = labelled_joints(results, 'keypoints')
            names = self._names(results, len(places))
            radius = self._radius(results)
            at = [names[joint] for joint in self.joints if labelled[names[joint]]]
            along = [[names[end] for end in bone] for bone in self.bones]
            along = [bone for bone in along if labelled[bone].all()]
            mask |= disc_mask(shape, places[at], radius)
            mask |= limb_mask(shape, places[np.asarray(along, np.int64).reshape(-1, 2)], radius)
        return mask

    def _body(self, results: dict[str, Any]) -> NDArray[np.bool_]:
        if self.parts:
            return self._parts(results)
        places, labelled = labelled_joints(results, 'keypoints')
        return body_mask(results['img'].shape, places, labelled, links_of(results), self._radius(results))

    def _parts(self, results: dict[str, Any], *names: str) -> NDArray[np.bool_]:
        annotation: Any = results.get('raw_ann_info')
        true_sector(annotation)  # refuses people who were not rendered, by name
        part_map = read_part_map(part_map_path(results['img_path']))
        if part_map.shape != results['img'].shape[:2]:
            raise InputError(
                f'{results["img_path"]} is {results["img"].shape[:2]} and its part map {part_map.shape} pixels: parts '
                'have to be looked up right after the picture was loaded'
            )
        marked: NDArray[np.bool_] = part_pixels(part_map, int(annotation['rendered']['person_index']), *names)
        return marked

    def _radius(self, results: dict[str, Any]) -> float:
        return max(self.radius * area_of(results) ** 0.5, 1.0)

    def _names(self, results: dict[str, Any], joints: int) -> dict[str, int]:
        """Index of each joint that the region names."""
        if self._indices is None:
            names = joint_names_of(results)
            if names is None:
                raise InputError('RandomiseRegionColour needs a data set of MMPose, which names its joints')
            wanted = dict.fromkeys([*self.joints, *(end for bone in self.bones for end in bone)])
            self._indices = {joint: _place(joint, names) for joint in wanted}
        return self._indices

    def _recoloured(
        self, image: NDArray[Any], region: NDArray[np.bool_], results: dict[str, Any], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """New colours (N, 3) of the region's pixels."""
        if self.colour == 'texture':
            return another_texture(image.shape, results, generator)[region]
        if self.colour == 'hue':
            return turn_hue(image[region], generator.uniform(0, 360))
        gain, offset = generator.uniform(-self.strength, self.strength, (2, 3))
        return changed_by(image[region], 1 + gain, _GREATEST_OFFSET * offset)

    def __repr__(self) -> str:
        return (
            f'RandomiseRegionColour(parts={self.parts}, joints={self.joints}, bones={self.bones}, '
            f'colour={self.colour!r}, where={self.where!r}, prob={self.prob})'
        )


def _place(joint: str, names: Sequence[str]) -> int:
    places = joint_places(joint, names)
    if len(places) > 1:
        meant = ' or '.join(names[place] for place in places)
        raise InputError(f"RandomiseRegionColour: joint '{joint}' may be {meant}; spell it as the data set does")
    if not places:
        raise InputError(
            f"RandomiseRegionColour: the data set has no joint '{joint}'; nearest: {nearest(joint, names)}"
        )
    return places[0]
