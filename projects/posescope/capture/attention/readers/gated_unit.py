"""Attention of gated attention units: between joints in RTMPose and RTMO."""

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.readers.reader import Reader, Seen
from posescope.capture.attention.readers.registry import register_reader
from posescope.errors import CaptureError

__all__ = ['GatedUnitReader']


@register_reader
class GatedUnitReader(Reader):
    """Reads ``relu((q kᵀ + bias) / √s)²`` (Transformer Quality in Linear Time, arXiv 2202.10447), one head.

    Rows do not sum to one. Its tokens are the joints of one person, in MMPose's heads. Further leading dimensions, as
    in RTMO, are joined to N.
    """

    classes = ('mmpose.models.utils.rtmcc_block.RTMCCBlock', 'mmpose.models.utils.transformer.GAUEncoder')

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The activation of its joint projection, the output projection, and those of cross attention."""
        crossed = getattr(module, 'attn_type', 'self-attn') != 'self-attn'
        return ('act_fn', 'o', 'k_fc', 'v_fc') if crossed else ('act_fn', 'o')

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        hidden = seen.parts['act_fn'].output
        if 'k_fc' in seen.parts:
            gate, q, k, v = self._crossed(module, seen, hidden)
        else:
            gate, v, base = hidden.split([module.e, module.e, module.s], -1)
            q, k = self._queries_and_keys(module, seen, base)
        bias = _relative_bias(module, q.shape[-2], k.shape[-2])
        left_out = _left_out(name, seen) if hasattr(module, 'spatial_dim') else None
        if left_out is not None:
            bias = left_out if bias is None else bias + left_out
        gate, q, k, v, output = (_three(tensor) for tensor in (gate, q, k, v, seen.parts['o'].args[0]))
        gate = gate.detach()
        return AttentionCall(
            name=name,
            q=q[:, None],
            k=k[:, None],
            scale=1 / module.sqrt_s,
            bias=bias,
            kind='squared_relu',
            v=v[:, None],
            output=output,
            mixed=lambda mixed: gate * mixed[:, 0],
            tokens='sequence' if 'k_fc' in seen.parts else 'joints',
            exact=not (module.training and module.dropout_rate > 0),
        )

    def _queries_and_keys(self, module: Any, seen: Seen, base: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift one shared base twice, then tell positions."""
        both = base.unsqueeze(-2) * module.gamma + module.beta
        if hasattr(module, 'spatial_dim'):
            q, k = both.unbind(-2)
            return _positioned(module, q, seen), _positioned(module, k, seen)
        if module.pos_enc:
            both = _rope(module)(both, dim=1)
        q, k = both.unbind(-2)
        return q, k

    def _crossed(self, module: Any, seen: Seen, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gate, queries, keys and values of cross attention."""
        gate, q = hidden.split([module.e, module.s], -1)
        k, v = seen.parts['k_fc'].output, seen.parts['v_fc'].output
        if module.pos_enc:
            q, k = _rope(module)(q, 1), _rope(module)(k, 1)
        return gate, q, k, v


def _rope(module: nn.Module) -> Any:
    """The rotary positions that the module's own file defines."""
    return importlib.import_module('mmpose.models.utils.rtmcc_block').rope


def _positioned(module: Any, tokens: Tensor, seen: Seen) -> Tensor:
    """Tell positions as ``GAUEncoder`` does."""
    encoding = seen.argument(2, 'pos_enc')
    if module.pos_enc == 'rope':
        sine = importlib.import_module('mmpose.models.utils.transformer').SinePositionalEncoding
        return sine.apply_rotary_pos_enc(tokens, encoding, module.spatial_dim)
    return tokens + encoding if module.pos_enc == 'add' else tokens


def _relative_bias(module: Any, queries: int, keys: int) -> Tensor | None:
    """The bias of relative positions, scaled like the products, (1, Lq, Lk)."""
    if not getattr(module, 'use_rel_bias', False):
        return None
    bias = module.rel_pos_bias(queries, keys)[:, :queries, :keys]
    return bias / module.sqrt_s


def _left_out(name: str, seen: Seen) -> Tensor | None:
    """The mask that ``GAUEncoder`` multiplies weights with, as a bias.

    Raises:
        CaptureError: It does not only hold zeros and ones.
    """
    mask = seen.argument(1, 'mask')
    if mask is None:
        return None
    if ((mask != 0) & (mask != 1)).any():
        raise CaptureError(f'{name}: its mask holds numbers other than 0 and 1, which no reader knows')
    bias = torch.zeros(mask.shape, device=mask.device).masked_fill_(mask == 0, -torch.inf)
    return bias.flatten(0, -3)[:, None] if bias.ndim > 2 else bias


def _three(tokens: Tensor) -> Tensor:
    """Join leading dimensions, (N, L, C)."""
    return tokens.flatten(0, -3)
