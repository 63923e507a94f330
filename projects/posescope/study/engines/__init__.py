"""Where trials are carried out: on this machine, or on many."""

from posescope.study.engines.engine import Engine, EngineLostError, TrialLostError
from posescope.study.engines.local import LocalEngine

__all__ = ['Engine', 'EngineLostError', 'LocalEngine', 'TrialLostError']
