"""Labelled people as an intervention on their crops needs them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.dependency.visibility import graded_lists, visible_joints

__all__ = ['LabelledPeople']

_AREA_OF_BOX = 0.53
"""Area of a person relative to that of the box, where no area is labelled: MMPose's and COCO's estimate."""


@dataclass(frozen=True)
class LabelledPeople:
    """P people.

    Attributes:
        inputs: (P, 3, H, W) normalised crops.
        truth: (P, K, 2) labelled joints, pixels of the input, NaN where unlabelled.
        visible: (P, K) bool, which joints are labelled and can be seen.
        areas: (P,) of the person, pixels² of the input.
        images: (P,) what is resampled together: ids of pictures, or of scenes where twins share one.
        region: (P, 4) left, top, right and bottom of the part of the input that shows the picture, not what pads it.

    Raises:
        InputError: Shapes do not fit, or an area is not positive.
    """

    inputs: Tensor
    truth: NDArray[np.float64]
    visible: NDArray[np.bool_]
    areas: NDArray[np.float64]
    images: NDArray[Any]
    region: NDArray[np.float64]

    def __post_init__(self) -> None:
        people, joints = self.truth.shape[:2]
        wanted = {
            'inputs': (people, *self.inputs.shape[1:]),
            'visible': (people, joints),
            'areas': (people,),
            'images': (people,),
            'region': (people, 4),
        }
        for name, shape in wanted.items():
            if tuple(getattr(self, name).shape) != shape:
                raise InputError(f'{name} of {people} people has to be {shape}, not {tuple(getattr(self, name).shape)}')
        if not (self.areas > 0).all():
            person = int(np.flatnonzero(~(self.areas > 0))[0])
            raise InputError(f'person {person} (image {self.images[person]}) has area {self.areas[person]:g}, not > 0')

    def __len__(self) -> int:
        """Number of people P."""
        return len(self.truth)

    @property
    def roots(self) -> NDArray[np.float64]:
        """(P,) root of each person's area, pixels of the input."""
        return np.sqrt(self.areas)

    def on_picture(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which places (P, K, 2) lie on the part of the input that shows the picture: (P, K), false for NaN."""
        return ((places >= self.region[:, None, :2]) & (places <= self.region[:, None, 2:])).all(-1)

    @property
    def hideable(self) -> NDArray[np.bool_]:
        """(P, K), which joints can be seen in the crop, so that something would be hidden by hiding them."""
        return self.visible & self.on_picture(self.truth)

    @classmethod
    def of_crops(
        cls, crops: Crops, units: ArrayLike | None = None, graded: Collection[str] | None = None
    ) -> 'LabelledPeople':
        """Take labels from what MMPose packed beside crops.

        Args:
            crops: Of :meth:`posescope.explain.pose_function.PoseFunction.batch`.
            units: (P,) what is resampled together; None for the ids of the pictures.
            graded: Lists of joints whose v tells hidden from visible joints, of
                :func:`posescope.explain.dependency.visibility.graded_lists`; None asks these people alone.

        Raises:
            InputError: There are no labels, or neither ids nor paths of pictures nor ``units``.
        """
        truth = crops.truth
        if truth is None:
            raise InputError(
                'these crops have no labels, against which a joint could be good: take people of a labelled data '
                'set by PoseFunction.batch()'
            )
        places = truth.cpu().numpy().astype(np.float64)
        labelled = np.isfinite(places).all(-1)
        annotations = [sample.metainfo.get('raw_ann_info') for sample in crops.samples]
        told = graded_lists(annotations, places.shape[1]) if graded is None else graded
        visible = np.stack([visible_joints(*one, told) for one in zip(annotations, labelled, strict=True)])
        scale = np.abs(np.linalg.det(crops.to_image[:, :, :2]))  # pixels² of the picture for each of the input
        areas = np.array([_area(sample) for sample in crops.samples]) / scale
        images = _images(crops) if units is None else np.asarray(units)
        return cls(crops.inputs, places, visible, areas, images, _region(crops))

    def take(self, chosen: ArrayLike) -> 'LabelledPeople':
        """Take some of the people: (N,) indices or (P,) bool."""
        rows = np.arange(len(self))[np.asarray(chosen)]
        others = {name: getattr(self, name)[rows] for name in ('truth', 'visible', 'areas', 'images', 'region')}
        return replace(self, inputs=self.inputs[rows.tolist()], **others)


def _images(crops: Crops) -> NDArray[Any]:
    """(P,) id of each picture, or its path: a place within the batch would be that of other pictures, too."""
    for key in ('img_id', 'img_path'):
        if all(key in sample.metainfo for sample in crops.samples):
            return np.array([sample.metainfo[key] for sample in crops.samples])
    raise InputError(
        'data samples have neither img_id nor img_path, which would tell who is on one picture: let PackPoseInputs of '
        'the pipeline pack img_id (meta_keys)'
    )


def _area(sample: Any) -> float:
    """Area in pixels² of the picture."""
    annotation = sample.metainfo.get('raw_ann_info')
    if isinstance(annotation, dict) and annotation.get('area'):
        return float(annotation['area'])
    left, top, right, bottom = np.reshape(sample.gt_instances.bboxes, (-1, 4))[0]
    return float(_AREA_OF_BOX * (right - left) * (bottom - top))


def _region(crops: Crops) -> NDArray[np.float64]:
    """Where the picture lies in each input; the largest upright rectangle around it where the crop is turned."""
    width, height = crops.input_size
    whole = np.array([0, 0, width - 1, height - 1], np.float64)
    regions = np.tile(whole, (len(crops), 1))
    inverse = np.linalg.inv(crops.to_image[:, :, :2])
    for place, sample in enumerate(crops.samples):
        shape = sample.metainfo.get('ori_shape')
        if shape is None:
            continue
        bottom, right = shape[0] - 1, shape[1] - 1
        corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float64)
        inside = (corners - crops.to_image[place, :, 2]) @ inverse[place].T
        regions[place, :2] = np.maximum(regions[place, :2], inside.min(0))
        regions[place, 2:] = np.minimum(regions[place, 2:], inside.max(0))
    return regions
