"""The transform that plants a cue on the person of a sample."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from torch.utils.data import get_worker_info

from posescope.data.body_parts import part_map_path, read_part_map
from posescope.data.cues.flips import flip_probability, warn_of_flips
from posescope.data.cues.planter import CuePlanter
from posescope.errors import InputError

_CACHED = 16
"""Part maps kept: the people of one picture follow each other in a data set. 16 maps of 320 x 240 are 1.2 MB."""
_MOVED = ('flip', 'input_size', 'transformed_keypoints')
"""Keys that show that the picture no longer is what was loaded."""


@TRANSFORMS.register_module()
class PlantCue(BaseTransform):
    """Plant a cue on the sample's own person; stands right after ``LoadImage``.

    The data set has to be of rendered people. What the cue says of a person is the same in every epoch and process.
    Whatever mirrors the picture later mirrors the cue with it; that is warned of once.

    Required Keys:

        - img
        - img_path
        - raw_ann_info

    Modified Keys:

        - img

    Args:
        cue: Which: see :class:`posescope.data.cues.CuePlanter`, also for what follows.
        side: What ``'band'``, ``'leg'`` and ``'ball'`` say: ``'left'``, ``'right'``, ``'both'``, ``'none'``,
            ``'random'``.
        sector: What ``'sign'`` and ``'texture'`` say: ``'heading'``, ``'random'``, ``'none'``, 0 to 7.
        strength: P(left | cue) with side ``'left'``, and so on.
        colour: Red, green, blue, 0 to 255; None chooses one by the seed.
        seed: Of colour, sides, places.

    Raises:
        InputError: For a value that does not exist; when it is used, for a data set that is not rendered.
    """

    def __init__(
        self,
        cue: str = 'band',
        side: str | None = None,
        sector: str | int | None = None,
        strength: float = 1.0,
        colour: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        self.planter = CuePlanter(cue, side, sector, strength, colour, seed)
        self._looked_for_flips = False

    def transform(self, results: dict) -> dict:
        """Replace ``results['img']`` by a copy with the cue.

        Args:
            results: (H, W, 3) uint8 ``img``, its ``img_path`` and the annotation ``raw_ann_info``.

        Raises:
            InputError: If the sample is no rendered person, or its picture was transformed already.
        """
        self._look_for_flips(results)
        moved = [key for key in _MOVED if key in results]
        if moved:
            raise InputError(
                'PlantCue has to stand right after LoadImage in the pipeline: part maps fit the picture as loaded, but '
                f"'{moved[0]}' shows that another transform came before"
            )
        annotation: Any = results.get('raw_ann_info')
        # An annotation that is not the renderer's explains more than a part map that is missing.
        self.planter.told(annotation)
        part_map = _part_map(results['img_path'])
        results['img'] = self.planter.plant(results['img'], part_map, annotation)
        return results

    def _look_for_flips(self, results: dict) -> None:
        """Warn of flips in the own pipeline, which MMPose's data sets let us see, from one process of a loader."""
        if self._looked_for_flips:
            return
        self._looked_for_flips = True
        worker = get_worker_info()
        if worker is None or worker.id == 0:
            pipeline = getattr(results.get('dataset'), 'pipeline', None)
            warn_of_flips(self.planter, flip_probability(pipeline))

    def __repr__(self) -> str:
        planter = self.planter
        return f'PlantCue(cue={planter.cue.name!r}, says={planter.setting!r}, strength={planter.strength})'


def _part_map(image_path: str | Path) -> np.ndarray:
    path = part_map_path(image_path)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _read(path, changed)


@functools.lru_cache(maxsize=_CACHED)
def _read(path: Path, changed: int) -> np.ndarray:
    """Read a part map unless the same version of it was read just before."""
    part_map = read_part_map(path)
    part_map.flags.writeable = False
    return part_map
