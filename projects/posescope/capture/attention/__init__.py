"""Attention: rows rebuilt from the queries and keys of any attention module, checked against its own output."""

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.attention_taps import AttentionTaps, attention_layers
from posescope.capture.attention.readers.reader import Reader, Seen
from posescope.capture.attention.readers.registry import register_reader
from posescope.capture.attention.rollout import rollout
from posescope.capture.attention.windowed_call import WindowedCall

__all__ = [
    'AttentionCall',
    'AttentionTaps',
    'Reader',
    'Seen',
    'WindowedCall',
    'attention_layers',
    'register_reader',
    'rollout',
]
