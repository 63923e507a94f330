"""Take channels out of a network, weights and all."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpose.models.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from posescope.errors import InputError

__all__ = ['slim_inner']


def slim_inner(block: nn.Module, conv: str, removed: Sequence[int], name: str) -> None:
    """Remove channels between two convolutions of a residual block.

    Output channels of the first, its batch normalisation's, and input channels of the next go, in place. What the block
    computes is what it computed with these channels silent after their normalisation. A checkpoint of the whole network
    fits as well as one of the slim network.

    Args:
        block: A residual block of MMPose.
        conv: Name of the convolution, ``conv1``; also ``conv2`` in a bottleneck.
        removed: Which channels.
        name: Of the convolution in its network, for messages.

    Raises:
        InputError: It is none of these convolutions, or another one reads its channels too.
    """
    inner = {BasicBlock: ('conv1',), Bottleneck: ('conv1', 'conv2')}
    allowed = next((names for kind, names in inner.items() if isinstance(block, kind)), ())
    if conv not in allowed:
        raise InputError(
            f"how='slim' cannot take channels out of {name}: they are read in other places too. Name conv1 of a "
            "residual block (conv2 too in a bottleneck), or choose how='silence'"
        )
    parts: Any = block
    number = int(conv[-1])
    first, norm, after = (getattr(parts, part, None) for part in (conv, f'norm{number}', f'conv{number + 1}'))
    if (
        not isinstance(first, nn.Conv2d)
        or not isinstance(after, nn.Conv2d)
        or first.groups != 1
        or after.groups != 1
        or not isinstance(norm, _BatchNorm)
    ):
        raise InputError(
            f"how='slim' needs plain convolutions and batch normalisation around {name}: use how='silence'"
        )
    kept = [index for index in range(first.out_channels) if index not in set(removed)]
    if not kept:
        raise InputError(f"how='slim' leaves no channel of {name}: bypass the block (type='BypassedBackbone')")
    before = first.out_channels
    for module, dimension in ((first, 0), (norm, 0), (after, 1)):
        _keep(module, torch.tensor(kept), before, dimension)
    first.out_channels = norm.num_features = after.in_channels = len(kept)


def _keep(module: nn.Module, kept: Tensor, whole: int, dimension: int) -> None:
    """Keep slices of a module's tensors, also of those that it will load."""
    sliced = []
    for key, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        # The next convolution's bias, and the number of batches seen, know nothing of these channels.
        if tensor.dim() > dimension and tensor.shape[dimension] == whole:
            sliced.append(key)
            part = tensor.detach().index_select(dimension, kept)
            if isinstance(tensor, nn.Parameter):
                setattr(module, key, nn.Parameter(part, requires_grad=tensor.requires_grad))
            else:
                setattr(module, key, part)

    def slice_loaded(loading: nn.Module, state: dict[str, Any], prefix: str, *unused: Any) -> None:
        for key in sliced:
            tensor = state.get(prefix + key)
            if tensor is not None and tensor.shape[dimension] == whole:
                state[prefix + key] = tensor.index_select(dimension, kept.to(tensor.device))

    module.register_load_state_dict_pre_hook(slice_loaded)
