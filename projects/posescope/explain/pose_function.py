"""A pose model as a differentiable function of its input."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from posescope.capture.layers import unwrapped
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import Skeleton, skeleton_of_file, skeleton_of_metainfo
from posescope.explain.crops import Crops
from posescope.explain.joint_names import find_joints
from posescope.explain.outputs import Outputs
from posescope.explain.person_crops import PersonCutter
from posescope.explain.pose import Pose
from posescope.explain.readouts import find_readout

__all__ = ['PoseFunction']


class PoseFunction:
    """A top-down model of MMPose: crops in, tensors of the head out, gradients pass.

    There is no flip test. The model is put into evaluation mode; its parameters stay as they are.

    Args:
        model: The model, possibly wrapped or compiled.
        skeleton: Names, counterparts and spreads of its joints; None takes them from ``model.dataset_meta``.
        cutter: Cuts people out of pictures, for :meth:`people_of`; :meth:`from_config` brings one.

    Attributes:
        model: The model.
        readout: How joints are read from its head.
        skeleton: Its joints.
        udp: Whether its crops are cut as UDP does; without a cutter, what its codec expects.

    Raises:
        InputError: It is no top-down model, or its joints are not those of the skeleton.
    """

    def __init__(self, model: nn.Module, skeleton: Skeleton | None = None, cutter: PersonCutter | None = None) -> None:
        self.model: Any = unwrapped(model)
        self.readout = find_readout(self.model)
        self.skeleton = skeleton or _skeleton_of(self.model, self.readout.joint_count)
        if self.readout.joint_count not in (None, len(self.joints)):
            raise InputError(
                f'{type(self.readout.head).__name__} gives {self.readout.joint_count} joints, and the skeleton names '
                f'{len(self.joints)}: {", ".join(self.joints)}'
            )
        self.udp = cutter.udp if cutter else type(self.readout.decoder).__name__ == 'UDPHeatmap'
        self._cutter = cutter
        self.model.eval()

    @classmethod
    def from_config(
        cls, config: Config, checkpoint: str | Path | None = None, device: str | torch.device | None = None
    ) -> 'PoseFunction':
        """Build the model of a config, see :func:`posescope.explain.loading.load_function`."""
        from posescope.explain.loading import load_function

        return load_function(config, checkpoint, device)

    @classmethod
    def from_files(
        cls, config: str | Path, checkpoint: str | Path | None = None, device: str | torch.device | None = None
    ) -> 'PoseFunction':
        """Build the model of a config file, see :func:`posescope.explain.loading.load_function`."""
        from posescope.engine.config import load_config

        return cls.from_config(load_config(str(config)), checkpoint, device)

    @property
    def kind(self) -> str:
        """``'heatmap'``, ``'simcc'``, ``'regression'`` or ``'centre_guided'``."""
        return self.readout.kind

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the K joints."""
        return self.skeleton.joints

    @property
    def flip_indices(self) -> NDArray[np.int64]:
        """(K,) index of each joint's counterpart on the other side, its own where it has none."""
        return self.skeleton.flip_indices

    @property
    def sigmas(self) -> NDArray[np.float64]:
        """(K,) spread of each joint relative to the root of a person's area.

        Raises:
            InputError: The metainfo does not tell one for each joint, as that of many sets of hands and faces.
        """
        count = len(self.skeleton.sigmas)
        if count != len(self.joints):
            raise InputError(
                f'the metainfo has {count} sigmas for {len(self.joints)} joints, so there is no KS: give the data set '
                'a metainfo with sigmas'
            )
        return self.skeleton.sigmas

    @property
    def links(self) -> list[tuple[int, int]]:
        """Pairs of joints between which the skeleton draws a bone."""
        return [(int(a), int(b)) for a, b in self.skeleton.metainfo.get('skeleton_links') or []]

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input, pixels."""
        return self.readout.input_size

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def own(self, inputs: Tensor) -> Tensor:
        """Put a tensor where the model is, in the format of its weights, without a graph."""
        return inputs.detach().to(next(self.model.parameters()))

    @property
    def mean_colour(self) -> Tensor:
        """(3, 1, 1) the data set's mean colour as the model takes it, which is zero."""
        return torch.zeros(3, 1, 1, device=self.device)

    @property
    def black(self) -> Tensor:
        """(3, 1, 1) black as the model takes it."""
        preprocessor = self.model.data_preprocessor
        if not getattr(preprocessor, '_enable_normalize', False):
            return torch.zeros(3, 1, 1, device=self.device)
        return (-preprocessor.mean / preprocessor.std).reshape(3, 1, 1).to(self.device)

    def joint_indices(self, names: list[str] | None = None) -> list[int]:
        """Find joints by name; None gives all of them.

        Raises:
            InputError: There is no such joint; the message offers the nearest.
        """
        return list(range(len(self.joints))) if names is None else find_joints(names, self.joints)

    def forward(self, inputs: Tensor) -> Outputs:
        """Run the model.

        Args:
            inputs: (B, 3, H, W) float32, normalised.

        Returns:
            What the head gives; gradients pass.

        Raises:
            InputError: Somebody put the model into training mode again, where it depends on who else is in the batch.
        """
        if self.model.training:
            raise InputError('the model is in training mode: model.eval() before it is explained')
        return self.readout.read(self.readout.head.forward(self.model.extract_feat(inputs)))

    __call__ = forward

    def decode(self, outputs: Outputs) -> Pose:
        """Find joints as the model's own codec does, in pixels of the input."""
        return self.readout.decode(outputs)

    @contextmanager
    def frozen(self) -> Iterator['PoseFunction']:
        """While entered, no gradients are computed for parameters, and none of activations twice to save memory.

        Leaving restores what was asked for.
        """
        before = [(parameter, parameter.requires_grad) for parameter in self.model.parameters()]
        recomputing = [module for module in self.model.modules() if getattr(module, 'with_cp', False) is True]
        try:
            for parameter, _ in before:
                parameter.requires_grad_(False)
            for module in recomputing:
                module.with_cp = False
            yield self
        finally:
            for parameter, wanted in before:
                parameter.requires_grad_(wanted)
            for module in recomputing:
                module.with_cp = True

    def people_of(self, image: NDArray[np.uint8], boxes: ArrayLike | None = None) -> Crops:
        """Cut people out of a picture as the config's test pipeline does.

        Args:
            image: (H, W, 3) uint8 BGR, see :func:`posescope.explain.picture_file.read_picture`.
            boxes: (P, 4) left, top, right and bottom, pixels; None for the whole picture.

        Raises:
            InputError: The array is no picture, a box is not on it, or no config told how to cut.
        """
        if self._cutter is None:
            raise InputError(
                'this PoseFunction was made from a model alone, which does not tell how crops are cut: make it with '
                'PoseFunction.from_config(config, checkpoint), or give cutter=PersonCutter(pipeline, metainfo)'
            )
        return self.batch(self._cutter.cut(image, boxes))

    def batch(self, data: Mapping[str, Any] | list[dict[str, Any]]) -> Crops:
        """Prepare a batch of a data loader, or a list of samples of a data set.

        Args:
            data: ``inputs``, P tensors (3, H, W) uint8, and ``data_samples``; or P dictionaries with one each.

        Returns:
            The people, on the model's device.
        """
        if isinstance(data, list):
            data = {key: [sample[key] for sample in data] for key in ('inputs', 'data_samples')}
        prepared = self.model.data_preprocessor(dict(data), False)
        return Crops.of_samples(prepared['inputs'], prepared['data_samples'], self.udp)


def _skeleton_of(model: Any, count: int | None) -> Skeleton:
    """Take the skeleton from a model, or COCO's where its head has 17 joints."""
    metainfo = getattr(model, 'dataset_meta', None)
    if metainfo is not None:
        return skeleton_of_metainfo(metainfo)
    if count != 17:
        raise InputError(f'the model has no dataset_meta, which would name its {count} joints: give a skeleton')
    warnings.warn('the model has no dataset_meta: its 17 joints are taken to be COCO’s', stacklevel=3)
    return skeleton_of_file('coco')
