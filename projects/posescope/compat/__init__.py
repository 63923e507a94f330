"""The only place that knows other libraries' internals: what MMPose needs to run on today's stack."""

import warnings

from posescope.compat.checkpoint import allow_mmengine_types
from posescope.compat.finder import StandInFinder
from posescope.compat.multimodal import MultimodalGuard

__all__ = ['install']


def install() -> None:
    """Offer stand-ins for what cannot be installed and let mmengine's checkpoints load safely.

    Calling it twice is harmless. A module that *is* installed is always preferred: the finder is asked last.
    """
    StandInFinder.install()
    MultimodalGuard.install()
    # mmengine imports it, at every config that inherits from MMPose; requirements/runtime.txt keeps it available.
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
    allow_mmengine_types()
