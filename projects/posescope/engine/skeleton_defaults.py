"""The data set's skeleton, where a part of a config would otherwise take COCO's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config

from posescope.engine.config_parts import dicts_in, name_of
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import metainfo_of_dataset
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

    Raises:
        InputError: A part would take the sigmas of COCO's joints for 17 others, whose data set has none.
    """
    metainfo = next((found for name in _LOADERS if (found := _told((cfg.get(name) or {}).get('dataset')))), None)
    if metainfo is None:
        return
    known: dict[str, list[Any]] = {}
    for name, plain in (('sigmas', float), ('flip_indices', int)):
        values = [plain(value) for value in metainfo.get(name, ())]
        of_coco = len(values) == len(_COCO[name]) and np.allclose(values, _COCO[name], atol=1e-6)
        if len(values) == metainfo['num_keypoints'] and not of_coco:
            known[name] = values
    for part in (cfg.get(name) for name in ('model', *_LOADERS)):
        for inner in dicts_in(part):
            for name in _FILLED.get(name_of(inner.get('type')), ()):
                if inner.get(name) is not None:
                    continue
                if name in known:
                    inner[name] = known[name]
                elif name == 'sigmas' and 'flip_indices' in known and len(known['flip_indices']) == len(COCO_SIGMAS):
                    raise InputError(
                        f"{name_of(inner['type'])}: the data set's skeleton has 17 joints that are not COCO's, and no "
                        'sigmas: give sigmas=…, one for each joint'
                    )


def _told(dataset: Any) -> Mapping[str, Any] | None:
    """What a data set's config says of its skeleton; of several that say nothing together, the first that does."""
    if not isinstance(dataset, Mapping):
        return None
    inner = [dataset.get('dataset'), *(dataset.get('datasets') or [])]
    return metainfo_of_dataset(dataset) or next((found for one in inner if (found := _told(one))), None)
