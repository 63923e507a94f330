"""mmpretrain's backbones beside a release of transformers that its language models know nothing of."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType


class MultimodalGuard(MetaPathFinder):
    """Lets mmpretrain leave its language models out, as it does where transformers is not installed.

    mmpretrain 1.2.0 takes any transformers from 4.28 on. With 5, names are gone that its language models derive from,
    so that nothing of mmpretrain can be imported: no ViT either. This finder finds nothing. It is asked first, and says
    so to mmpretrain when that is about to import its models.
    """

    @classmethod
    def install(cls) -> None:
        """Put one in front of ``sys.meta_path``, unless there is one already or transformers is old or absent."""
        if any(isinstance(finder, cls) for finder in sys.meta_path):
            return
        try:
            release = version('transformers')
        except PackageNotFoundError:
            return
        if int(release.split('.')[0]) >= 5:
            sys.meta_path.insert(0, cls())

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Claim nothing."""
        if fullname in ('mmpretrain.models', 'mmpretrain.datasets'):
            from mmpretrain.utils import dependency

            dependency.WITH_MULTIMODAL = False
