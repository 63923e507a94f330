"""Keep decoded pictures in memory from one epoch to the next."""

from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.fileio import get
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CachedImage(BaseTransform):
    """Put before ``LoadImage``, which takes the picture that is there instead of reading the file again.

    Pictures are kept, until they take as much memory as they may; those that come later are read from their files as
    before. They are read-only: a transform that would write into one raises an error. Each worker of a data loader has
    pictures of its own.

    Required key: ``img_path``. Added: ``img``, by default (H, W, 3) uint8, BGR.

    Args:
        megabytes: Memory for the pictures, MiB.
        color_type: This and the next two have to be as ``LoadImage`` has them, which cannot be seen from here. All else
            that it takes, it does itself.
        imdecode_backend: Library that decodes.
        backend_args: Where files come from, if not from a disk.
    """

    def __init__(
        self,
        megabytes: int = 1024,
        color_type: str = 'color',
        imdecode_backend: str = 'cv2',
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        self.color_type, self.imdecode_backend, self.backend_args = color_type, imdecode_backend, backend_args
        self._room = megabytes << 20
        self._kept: dict[str, np.ndarray] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the picture, from memory or from its file; a file that cannot be read is left to ``LoadImage``."""
        path = results['img_path']
        image = self._kept.get(path)
        if image is None and self._room > 0 and (image := self._read(path)) is not None:
            image.setflags(write=False)
            self._room -= image.nbytes
            if self._room >= 0:
                self._kept[path] = image
        if image is not None:
            results['img'] = image
        return results

    def _read(self, path: str) -> np.ndarray | None:
        try:
            content = get(path, backend_args=self.backend_args)
            return mmcv.imfrombytes(content, flag=self.color_type, backend=self.imdecode_backend)
        except (OSError, cv2.error):  # OpenCV's is that of an empty file
            return None
