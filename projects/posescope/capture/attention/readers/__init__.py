"""Readers: how each class of attention makes scores of queries and keys, one class of reader a file."""

from posescope.capture.attention.readers.gated_unit import GatedUnitReader
from posescope.capture.attention.readers.hrformer_windows import HRFormerWindowsReader
from posescope.capture.attention.readers.mmpretrain_attention import MMPretrainReader
from posescope.capture.attention.readers.reader import PartCall, Reader, Seen
from posescope.capture.attention.readers.registry import known_classes, reader_of, register_reader
from posescope.capture.attention.readers.swin_windows import SwinWindowsReader
from posescope.capture.attention.readers.timm_attention import TimmReader
from posescope.capture.attention.readers.token_attention import TokenAttentionReader
from posescope.capture.attention.readers.torch_attention import MMCVReader, TorchReader

__all__ = [
    'GatedUnitReader',
    'HRFormerWindowsReader',
    'MMCVReader',
    'MMPretrainReader',
    'PartCall',
    'Reader',
    'Seen',
    'SwinWindowsReader',
    'TimmReader',
    'TokenAttentionReader',
    'TorchReader',
    'known_classes',
    'reader_of',
    'register_reader',
]
