"""An import finder of last resort: it supplies modules that nothing else on the machine has."""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

STAND_INS = {
    'mmcv._ext': 'posescope.compat.mmcv_ext',
    'xtcocotools': 'posescope.compat.xtcocotools',
    'xtcocotools.coco': 'posescope.compat.xtcocotools.coco',
    'xtcocotools.cocoeval': 'posescope.compat.xtcocotools.cocoeval',
    'xtcocotools.mask': 'posescope.compat.xtcocotools.mask',
}
"""Module that the host imports -> module of ours that stands in for it."""


class StandInFinder(MetaPathFinder, Loader):
    """Makes one of our modules the module of a missing name: the same object under both names.

    It sits at the end of ``sys.meta_path``, so that an installed module always wins, and it costs nothing until the
    host asks for one of the names.
    """

    @classmethod
    def install(cls) -> None:
        """Append one finder to ``sys.meta_path`` unless there is one already, and pass over a broken xtcocotools."""
        if not any(isinstance(finder, cls) for finder in sys.meta_path):
            sys.meta_path.append(cls())
        replace_if_broken('xtcocotools', 'xtcocotools._mask')

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Claim the names in :data:`STAND_INS`, and no others."""
        if fullname not in STAND_INS:
            return None
        return ModuleSpec(fullname, self, is_package=fullname == 'xtcocotools')

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make the throw-away module that :meth:`exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        """Put our module in the place of the one that is being imported; the import system then hands that out."""
        register(module.__name__)


def register(name: str) -> None:
    """Enter our module under ``name`` in ``sys.modules``, and those below it under theirs.

    Those below are entered at once: left to themselves they would be found a second time, through our package's path.
    """
    for stand_in, module in STAND_INS.items():
        if stand_in == name or stand_in.startswith(f'{name}.'):
            sys.modules[stand_in] = importlib.import_module(module)


def replace_if_broken(name: str, binary: str) -> None:
    """Use our module where ``name`` is installed but was compiled for another numpy.

    Args:
        name: A package in :data:`STAND_INS`.
        binary: Its compiled module, the import of which shows whether it works.
    """
    if name in sys.modules:
        return  # ours, or one that somebody uses already
    spec = importlib.util.find_spec(name)
    if spec is None or isinstance(spec.loader, StandInFinder):
        return
    try:
        importlib.import_module(binary)
    except (ImportError, AttributeError, RuntimeError, ValueError) as error:  # what numpy raises for another ABI
        for loaded in [module for module in sys.modules if module == name or module.startswith(f'{name}.')]:
            del sys.modules[loaded]
        register(name)
        problem = f'{name} is installed but does not run here ({error})'
        warnings.warn(f'{problem}: posescope stands in for it', stacklevel=4)
