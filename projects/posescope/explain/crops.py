"""People cut out of a picture, as the model takes them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.store.crops import crop_to_image
from posescope.errors import InputError

__all__ = ['Crops']

_NEEDED = ('input_center', 'input_scale', 'input_size')


@dataclass(frozen=True)
class Crops:
    """P people.

    Attributes:
        inputs: (P, 3, H, W) float32, normalised: what the model takes.
        input_center: (P, 2) x and y of each crop's middle, pixels of its picture.
        input_scale: (P, 2) width and height of each crop, pixels of its picture.
        input_size: Width and height of the input, pixels.
        to_image: (P, 2, 3) float64, pixel (x, y, 1) of the input -> pixel (x, y) of the picture.
        samples: What MMPose packed beside each input: identities, boxes, labels.
    """

    inputs: Tensor
    input_center: NDArray[np.float64]
    input_scale: NDArray[np.float64]
    input_size: tuple[int, int]
    to_image: NDArray[np.float64]
    samples: list[PoseDataSample]

    def __len__(self) -> int:
        """Number of people P."""
        return len(self.inputs)

    @classmethod
    def of_samples(cls, inputs: Tensor, samples: list[PoseDataSample], udp: bool) -> 'Crops':
        """Take from data samples where their inputs were cut.

        Args:
            inputs: (P, 3, H, W), normalised.
            samples: P of them, one person each.
            udp: Whether the crops are UDP's, see :func:`posescope.capture.person_samples.crops_with_udp`.

        Raises:
            InputError: The samples do not tell where the inputs come from.
        """
        for key in _NEEDED:
            if any(key not in sample.metainfo for sample in samples):
                raise InputError(f'data samples lack {key}: let PackPoseInputs of the pipeline pack it (meta_keys)')
        center, scale, size = (
            np.array([sample.metainfo[key] for sample in samples], np.float64).reshape(-1, 2) for key in _NEEDED
        )
        rotation = [float(np.ravel(sample.metainfo.get('bbox_rotation', 0.0))[0]) for sample in samples]
        to_image = crop_to_image(center, scale, size, rotation, np.full(len(samples), udp))
        width, height = inputs.shape[-1], inputs.shape[-2]
        return cls(inputs, center, scale, (int(width), int(height)), to_image, samples)

    def alone(self, person: int) -> 'Crops':
        """One of the people."""
        own = slice(person, person + 1)
        return Crops(
            self.inputs[own],
            self.input_center[own],
            self.input_scale[own],
            self.input_size,
            self.to_image[own],
            self.samples[own],
        )

    def in_image(self, places: Tensor | NDArray[Any]) -> NDArray[np.float64]:
        """Give the pixels of the picture, (P, K, 2) x and y, of places (P, K, 2) in pixels of the input."""
        places = np.asarray(torch.as_tensor(places).detach().cpu(), np.float64)
        return places @ self.to_image[:, :, :2].swapaxes(1, 2) + self.to_image[:, None, :, 2]

    def in_input(self, places: Tensor | NDArray[Any]) -> Tensor:
        """Give the pixels of the input, (P, K, 2) float32, of places (P, K, 2) in pixels of the picture."""
        places = np.asarray(torch.as_tensor(places).detach().cpu(), np.float64)
        inverse = np.linalg.inv(self.to_image[:, :, :2])
        found = (places - self.to_image[:, None, :, 2]) @ inverse.swapaxes(1, 2)
        return torch.as_tensor(found, dtype=torch.float32, device=self.inputs.device)

    @property
    def truth(self) -> Tensor | None:
        """(P, K, 2) float32, labelled joints in pixels of the input, NaN where unlabelled; None without labels.

        MMPose fills in (0, 0) as visible where people come from detections, which is no label.
        """
        labels = [sample.gt_instances for sample in self.samples]
        if any('keypoints' not in label or 'keypoints_visible' not in label for label in labels):
            return None
        places = np.stack([np.asarray(label.keypoints, np.float64)[0, :, :2] for label in labels])
        visible = np.stack([np.reshape(label.keypoints_visible[0], (places.shape[1], -1))[:, :1] for label in labels])
        labelled = (np.asarray(visible) > 0) & (places != 0).any(-1, keepdims=True)
        return self.in_input(np.where(labelled, places, np.nan))
