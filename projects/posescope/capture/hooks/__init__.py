"""Hooks that write down what happens inside a model, from the config alone."""

from posescope.capture.hooks.attention_hook import AttentionHook
from posescope.capture.hooks.capture_hook import CaptureHook
from posescope.capture.hooks.feature_map_hook import FeatureMapHook

__all__ = ['AttentionHook', 'CaptureHook', 'FeatureMapHook']
