"""One person as a drawing needs them: the region that the network saw, the photograph, the joints."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.checks import checked_array, checked_photograph
from posescope.capture.pictures.skeleton_style import SkeletonStyle
from posescope.capture.store.crops import crop_to_image
from posescope.capture.store.sample import Sample
from posescope.errors import InputError

__all__ = ['Crop']


@dataclass(frozen=True)
class Crop:
    """The region of an image that the network saw.

    Attributes:
        to_image: (2, 3) affine matrix: input pixel (x, y, 1) -> image pixel (x, y); centres of pixels at integers.
        input_size: Width and height of the network's input, pixels.
        skeleton: How to draw the joints.
        keypoints: (K, 2) x and y in the image, or (P, K, 2) where the network saw P people; NaN where there is none.
            None draws no skeleton.
        photograph: (H, W, 3) uint8 RGB, the whole image; None draws a plain background.
        title: What to call the person.

    Raises:
        InputError: Something has another shape or type.
    """

    to_image: NDArray[np.float64]
    input_size: tuple[int, int]
    skeleton: SkeletonStyle
    keypoints: NDArray[np.float64] | None = None
    photograph: NDArray[np.uint8] | None = None
    title: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'to_image', checked_array(self.to_image, 'to_image', (2, 3)))
        if not np.isfinite(self.to_image).all() or abs(np.linalg.det(self.to_image[:, :2])) < 1e-12:
            raise InputError('to_image of the crop is no finite map of the input to an area of the image')
        if min(self.input_size) <= 0:
            raise InputError(f'input_size={tuple(self.input_size)} is no width and height')
        if self.keypoints is not None:
            joints = len(self.skeleton.joints)
            people = ('P',) if np.ndim(self.keypoints) == 3 else ()
            object.__setattr__(self, 'keypoints', checked_array(self.keypoints, 'keypoints', (*people, joints, 2)))
        if self.photograph is not None:
            object.__setattr__(self, 'photograph', checked_photograph(self.photograph))

    @classmethod
    def of_sample(cls, sample: Sample, skeleton: SkeletonStyle, photograph: NDArray[np.uint8] | None = None) -> 'Crop':
        """Take the region and the predicted joints from a row of a capture store.

        Args:
            sample: The row.
            skeleton: How to draw the joints.
            photograph: (H, W, 3) uint8 RGB; None for a plain background.
        """
        width, height = (int(length) for length in sample.input_size)
        to_image = crop_to_image(sample.input_center, sample.input_scale, (width, height), sample.rotation, sample.udp)
        keypoints = sample.keypoints if len(sample.keypoints) else None
        title = f'image {sample.image_id}' + ('' if sample.ann_id is None else f', person {sample.ann_id}')
        return cls(to_image, (width, height), skeleton, keypoints, photograph, title)

    @property
    def people(self) -> NDArray[np.float64]:
        """(P, K, 2) joints in image pixels; P is 0 where none are known."""
        joints = len(self.skeleton.joints)
        return np.empty((0, joints, 2)) if self.keypoints is None else self.keypoints.reshape(-1, joints, 2)

    @property
    def outline(self) -> NDArray[np.float64]:
        """(4, 2) corners of the input's outermost pixels' outer edges, image pixels, around the region."""
        width, height = self.input_size
        left, top, right, bottom = -0.5, -0.5, width - 0.5, height - 0.5
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        return self.pixels(corners)

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the upright rectangle around the region, image pixels; bottom is larger."""
        (left, top), (right, bottom) = self.outline.min(0), self.outline.max(0)
        return float(left), float(right), float(bottom), float(top)

    @property
    def aspect(self) -> float:
        """Height of that rectangle relative to its width."""
        left, right, bottom, top = self.limits
        return (bottom - top) / (right - left)

    def pixels(self, inputs: ArrayLike) -> NDArray[np.float64]:
        """Give the image pixels, (..., 2) x and y, of pixels of the input, (..., 2) x and y."""
        return np.asarray(inputs, np.float64) @ self.to_image[:, :2].T + self.to_image[:, 2]
