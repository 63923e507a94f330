"""Stands in for ``mmcv._ext``, the compiled half of mmcv, over torchvision and plain PyTorch.

mmcv-lite carries all of ``mmcv.ops`` as Python and misses only that module. Every function here has the name, the
argument names and the output buffers of its compiled namesake, so that ``mmcv.ops`` runs unchanged on CPU and GPU. A
function that has no counterpart here exists as well, because ``mmcv.ops`` asks for all of them when it is imported, but
raises when it is called.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from posescope.compat.mmcv_ext.box_overlap import bbox_overlaps
from posescope.compat.mmcv_ext.build_info import get_compiler_version, get_compiling_cuda_version
from posescope.compat.mmcv_ext.carafe import (
    carafe_backward,
    carafe_forward,
    carafe_naive_backward,
    carafe_naive_forward,
)
from posescope.compat.mmcv_ext.deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
)
from posescope.compat.mmcv_ext.deform_roi_pool import deform_roi_pool_backward, deform_roi_pool_forward
from posescope.compat.mmcv_ext.deformable_attention import ms_deform_attn_backward, ms_deform_attn_forward
from posescope.compat.mmcv_ext.focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from posescope.compat.mmcv_ext.masked_conv import masked_col2im_forward, masked_im2col_forward
from posescope.compat.mmcv_ext.modulated_deform_conv import (
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from posescope.compat.mmcv_ext.roi_align import roi_align_backward, roi_align_forward
from posescope.compat.mmcv_ext.roi_pool import roi_pool_backward, roi_pool_forward
from posescope.compat.mmcv_ext.suppression import nms, nms_match, softnms

__all__ = [
    'bbox_overlaps',
    'carafe_backward',
    'carafe_forward',
    'carafe_naive_backward',
    'carafe_naive_forward',
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'deform_roi_pool_backward',
    'deform_roi_pool_forward',
    'get_compiler_version',
    'get_compiling_cuda_version',
    'masked_col2im_forward',
    'masked_im2col_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'nms_match',
    'roi_align_backward',
    'roi_align_forward',
    'roi_pool_backward',
    'roi_pool_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
    'softnms',
]


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Answer for a compiled function without a counterpart: it exists, and calling it says what is missing.

    Raises:
        AttributeError: For private and dunder names, which Python itself asks for and mmcv never does.
    """
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'mmcv.ops needs the compiled function {name!r}, which posescope does not supply; build full mmcv 2.1.0 '
            'from source for it (https://mmcv.readthedocs.io/en/2.x/get_started/build.html) and remove mmcv-lite'
        )

    missing.__name__ = missing.__qualname__ = name
    return missing
