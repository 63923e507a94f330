"""Keypoint codecs that MMPose does not have."""

from posescope.models.codecs.movenet_codec import MoveNetCodec

__all__ = ['MoveNetCodec']
