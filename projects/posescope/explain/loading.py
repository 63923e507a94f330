"""From a config and a checkpoint to a function."""

import copy
import logging
import re
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmengine.runner import load_state_dict
from mmpose.registry import MODELS
from torch import nn

from posescope.compat.checkpoint import load_checkpoint
from posescope.engine.architecture import refuse_other_architecture
from posescope.engine.building import building
from posescope.engine.codec_check import refuse_other_codec
from posescope.engine.skeleton_defaults import fill_skeleton
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_dataset
from posescope.explain.device import find_device
from posescope.explain.person_crops import PersonCutter
from posescope.explain.pose_function import PoseFunction
from posescope.explain.readouts import find_readout

__all__ = ['load_function']


def load_function(
    config: Config, checkpoint: str | Path | None = None, device: str | torch.device | None = None
) -> PoseFunction:
    """Build the model of a config.

    Args:
        config: A top-down config; what it says of training is not used.
        checkpoint: Its weights; None leaves it untrained, initialised as the config says but for pretrained weights.
        device: Where the model goes; None for the first accelerator, or the CPU without one.

    Raises:
        InputError: There is no such device, the config is no top-down model's, or the checkpoint is damaged or of
            another architecture or codec.
    """
    place = find_device(device)
    for key in ('model', 'test_dataloader'):
        if config.get(key) is None:
            raise InputError(f'config {config.filename or ""} lacks {key}'.replace('  ', ' '))
    dataset = _innermost(config.test_dataloader.dataset)
    with DefaultScope.overwrite_default_scope(config.get('default_scope') or 'mmpose'):
        config = copy.deepcopy(config)
        fill_skeleton(config)
        model = _build(config)
        find_readout(model)  # refuses others before their weights are read
        _fill(model, checkpoint, config)
        skeleton = skeleton_of_dataset(config.test_dataloader.dataset)
        cutter = PersonCutter(dataset['pipeline'], skeleton.metainfo)
    return PoseFunction(model.to(place), skeleton, cutter)


def _build(config: Config) -> nn.Module:
    wanted: Any = copy.deepcopy(config.model)
    wanted.train_cfg = None
    if 'preprocess_cfg' in config:
        wanted.setdefault('data_preprocessor', config.preprocess_cfg)
    _drop_pretrained(wanted)
    with building('model'):
        return revert_sync_batchnorm(MODELS.build(wanted))


def _drop_pretrained(part: Any) -> None:
    """Take out of a model's config, however deep, weights that would be fetched."""
    if isinstance(part, list | tuple):
        for inner in part:
            _drop_pretrained(inner)
    if not isinstance(part, dict):
        return
    initial = part.get('init_cfg')
    if isinstance(initial, dict) and initial.get('type') == 'Pretrained':
        part['init_cfg'] = None
    for inner in part.values():
        _drop_pretrained(inner)


def _fill(model: Any, checkpoint: str | Path | None, config: Config) -> None:
    """Load weights, or initialise them."""
    if checkpoint is None:
        before = logging.root.manager.disable
        logging.disable(logging.INFO)  # MMEngine tells how each of hundreds of parameters is initialised
        try:
            model.init_weights()
        finally:
            logging.disable(before)
        return
    content = load_checkpoint(checkpoint)
    refuse_other_architecture(model, content, str(checkpoint), partial=False)
    refuse_other_codec(config, content, str(checkpoint))
    weights = content.get('state_dict', content)
    load_state_dict(model, {re.sub(r'^module\.', '', str(key)): value for key, value in weights.items()})


def _innermost(dataset: Any) -> Any:
    """The data set that has the pipeline, where others wrap it; of several that are joined, the first one."""
    found = dataset
    while not found.get('pipeline') and (found.get('dataset') is not None or found.get('datasets')):
        found = found['datasets'][0] if found.get('dataset') is None else found['dataset']
    if not found.get('pipeline'):
        raise InputError('test_dataloader.dataset of the config has no pipeline, which would tell how crops are cut')
    return found
