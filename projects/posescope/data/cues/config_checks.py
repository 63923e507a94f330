"""Looks at the cues of a config before anything expensive starts."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpose.registry import TRANSFORMS

from posescope.data.annotations import read_json, under_root
from posescope.data.body_parts import part_map_path
from posescope.data.cues.flips import flip_probability, transforms, warn_of_flip_test, warn_of_flips
from posescope.data.cues.rendered_person import true_sector
from posescope.errors import InputError


def check_cues(cfg: Mapping[str, Any], phases: Sequence[str]) -> None:
    """Refuse cues that cannot be planted; warn of what mirrors them.

    Args:
        cfg: The whole config.
        phases: Which data are going to be used: of ``'train', 'val', 'test'``.

    Raises:
        InputError: For a cue that does not exist, or on a data set that was not rendered.
    """
    for phase in phases:
        loader = cfg.get(f'{phase}_dataloader')
        if not loader:
            continue
        # Hooks may exchange the pipeline while a model is trained.
        used = [loader['dataset'], cfg.get('custom_hooks') if phase == 'train' else None]
        for planted in transforms(used, 'PlantCue'):
            planter = TRANSFORMS.build(planted).planter
            warn_of_flips(planter, flip_probability(used))
            if ((cfg.get('model') or {}).get('test_cfg') or {}).get('flip_test'):
                warn_of_flip_test(planter)
        for dataset in _planted_on(loader['dataset']):
            _require_rendered(dataset)


def _planted_on(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the configs of data sets with a cue in their pipeline, wrappers entered."""
    for inner in [dataset.get('dataset'), *(dataset.get('datasets') or [])]:
        if inner is not None:
            yield from _planted_on(inner)
    if dataset.get('ann_file') and any(transforms(dataset.get('pipeline'), 'PlantCue')):
        yield dataset


def _require_rendered(dataset: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` unless all people of a data set are the renderer's and its first picture has parts."""
    if '://' in f'{dataset["ann_file"]} {dataset.get("data_root")}':
        return
    path = under_root(dict(dataset), 'ann_file')
    content = read_json(path, 'annotation file')
    for annotation in content.get('annotations', []):
        try:
            true_sector(annotation)
        except InputError as error:
            raise InputError(f'{path}: {error}') from None
    folder = Path(dataset.get('data_root') or '') / (dataset.get('data_prefix') or {}).get('img', '')
    first = next((part_map_path(folder / image['file_name']) for image in content.get('images', [])), None)
    if first is not None and not first.is_file():
        raise InputError(f'{path}: part map {first} does not exist; cues can be planted on data with part maps only')
