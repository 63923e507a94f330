"""The data set's skeleton, where a part of a config would otherwise take COCO's."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from posescope.errors import InputError
from posescope.models.codecs.categorical_heatmap import COCO_SIGMAS
from posescope.models.losses.joint_labels import COCO_FLIP_INDICES

__all__ = ['fill_skeleton']

_FILLED = {
    'CategoricalHeatmap': ('sigmas',),
    'ExpectedKSCodec': ('sigmas',),
    'CalibratedHead': ('sigmas',),
    'OKSHeatmapLoss': ('sigmas',),
    'InversionMarginLoss': ('sigmas', 'flip_indices'),
}
"""Types -> arguments whose None stands for COCO's 17 joints."""
_COCO: dict[str, list[Any]] = {'sigmas': list(COCO_SIGMAS), 'flip_indices': list(COCO_FLIP_INDICES)}
_LOADERS = ('train_dataloader', 'test_dataloader', 'val_dataloader')


def fill_skeleton(cfg: Config) -> None:
    """Give the skeleton's sigmas and mirror joints to all parts of a config that leave them open.

    With COCO's skeleton nothing changes, nor where no data set tells its own.

    Args:
        cfg: The config; it is changed.
    """
    metainfo = next((found for name in _LOADERS if (found := _metainfo((cfg.get(name) or {}).get('dataset')))), None)
    if metainfo is None:
        return
    known: dict[str, list[Any]] = {}
    for name, plain in (('sigmas', float), ('flip_indices', int)):
        values = [plain(value) for value in metainfo.get(name, ())]
        of_coco = len(values) == len(_COCO[name]) and np.allclose(values, _COCO[name], atol=1e-6)
        if len(values) == metainfo['num_keypoints'] and not of_coco:
            known[name] = values
    for part in (cfg.get(name) for name in ('model', *_LOADERS)):
        for inner in _dicts(part):
            kind = inner.get('type')
            kind = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
            for name in _FILLED.get(kind.rpartition('.')[2], ()):
                if name in known and inner.get(name) is None:
                    inner[name] = known[name]


def _metainfo(dataset: Any) -> dict[str, Any] | None:
    """What a data set's config, wrappers entered, says of its skeleton; None if it says nothing."""
    if not isinstance(dataset, Mapping):
        return None
    given = dataset.get('metainfo')
    kind = dataset.get('type')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if isinstance(found, type) and issubclass(found, BaseCocoStyleDataset):
        try:
            return dict(found._load_metainfo(dict(given) if given else None))  # type: ignore[attr-defined]
        except OSError as error:
            raise InputError(f'metainfo of {kind}: {error}') from error
    if given and 'datasets' in dataset:  # of several, whose joints are converted to these
        return dict(parse_pose_metainfo(dict(given)))
    inner = [dataset.get('dataset'), *(dataset.get('datasets') or [])]
    return next((one for one in map(_metainfo, inner) if one), None)


def _dicts(part: Any) -> Iterator[Any]:
    """Yield every dict within a part of a config."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _dicts(inner)
