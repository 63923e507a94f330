"""Write down feature maps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor, nn

from posescope.capture.drawings import draw_features
from posescope.capture.feature_recorder import FeatureRecorder
from posescope.capture.hooks.capture_hook import DTYPES, Arrays, CaptureHook, Grids
from posescope.capture.person_samples import sizes_vary
from posescope.capture.pictures import Crop
from posescope.capture.recorder import Recorder
from posescope.capture.reductions import ReducedWriter, build_reduction
from posescope.capture.store.writer import StoreWriter
from posescope.capture.stored_capture import Sink
from posescope.errors import InputError, nearest

__all__ = ['FeatureMapHook']

VARYING = ('refuse', 'pool')


@HOOKS.register_module()
class FeatureMapHook(CaptureHook):
    """Writes what layers give for every person of a test run to a store, and for a handful during a training.

    The model is not edited: layers are named. The store is read with :func:`posescope.open_store`.

    Args:
        layers: Names of modules or patterns (``backbone.layer*``, ``backbone[3]``, ``head.final_layer``), or
            ``'stages'`` for the stages of the backbone.
        reduction: None, or what is done with each layer's maps before they are stored: ``'pooled'``,
            ``dict(type='TopChannels', k=8)``, ``dict(type='PCA', k=8)`` or ``dict(type='JointCrops', size=3)``.
        varying: What is done where pictures reach the model in different sizes, as in bottom-up configs with
            ``resize_mode='expand'``, and maps would be of different sizes: ``'refuse'``, before anything runs, or
            ``'pool'``, to reduce them to the mean of each channel.
        mirrored: Whether what the second pass of ``flip_test`` gives is kept too, as ``<layer>@mirrored``.
        out_dir: Folder of the store, below the work dir unless it is absolute.
        **options: Further ones of :class:`CaptureHook`.

    Example:
        In a config::

            custom_hooks = [dict(type='FeatureMapHook', layers=['backbone.layer*', 'head'], pictures=4)]
    """

    kind = 'features'

    def __init__(
        self,
        layers: Sequence[str] | str = 'stages',
        reduction: str | Mapping[str, Any] | None = None,
        varying: str = 'refuse',
        mirrored: bool = True,
        out_dir: str = 'features',
        **options: Any,
    ) -> None:
        super().__init__(out_dir, **options)
        build_reduction(reduction)  # refuses a wrong one before anything runs
        if varying not in VARYING:
            raise InputError(
                f'FeatureMapHook: varying={varying!r} is not one of {", ".join(VARYING)} '
                f'(nearest: {nearest(varying, VARYING, 1)})'
            )
        self.reduction, self.varying = reduction, varying
        self.layers = layers if isinstance(layers, str) else list(layers)
        self.mirrored = mirrored

    def check(self, dataset: Any) -> None:
        """Refuse, or pool, maps of different sizes."""
        if self.reduction == 'pooled' or not sizes_vary(dataset):
            return
        if self.varying == 'refuse' or self.reduction is not None:
            raise InputError(
                "FeatureMapHook: pictures of this data set reach the model in different sizes (resize_mode='expand'), "
                "and so would maps: choose reduction='pooled', varying='pool', or resize_mode='fit' for BottomupResize"
            )
        print_log("FeatureMapHook: pictures have different sizes, so maps are reduced to 'pooled'", 'current')
        self.reduction = 'pooled'

    def recorder(self, runner: Runner, model: nn.Module, udp: bool) -> Recorder:
        """Copy the outputs of the layers."""
        # What is reduced is reduced from the model's own numbers.
        dtype = DTYPES[self.dtype] if self.reduction is None else None
        return FeatureRecorder(model, self.layers, dtype, self.mirrored)

    def sink(self, writer: StoreWriter, world: int) -> Sink:
        """Reduce on the way to the store."""
        if self.reduction is None:
            return writer
        return ReducedWriter(writer, self.reduction, _summed if world > 1 else None)

    def options(self) -> dict[str, Any]:
        """Layers and what is kept of them."""
        return {'layers': self.layers, 'reduction': self.reduction, 'mirrored': self.mirrored, 'dtype': self.dtype}

    def draw(self, crop: Crop, arrays: Arrays, grids: Grids) -> dict[str, Figure]:
        """Draw all layers beside each other, and the strongest channels of some."""
        return draw_features(crop, arrays, grids)


def _summed(tensor: Tensor) -> Tensor:
    """Sum a tensor over all processes."""
    total = tensor.clone()
    all_reduce(total)
    return total
