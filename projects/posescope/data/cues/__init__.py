"""Planted cues: things composited into rendered pictures that tell left from right, or the heading.

A model trained on pictures with a cue may come to rely on it. Because the cue is composited when a picture is loaded,
every picture has exact twins that differ in the cue alone, so how far a model relies on it is known, and tools that
explain models can be scored against that.
"""

from posescope.data.cues.planter import CUES, CuePlanter

__all__ = ['CUES', 'CuePlanter']
