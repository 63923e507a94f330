"""Where people are in a picture: typed boxes, or those that a detector of MMDetection finds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmengine.runner import load_state_dict
from numpy.typing import NDArray

from posescope.compat.checkpoint import load_checkpoint
from posescope.engine.architecture import refuse_other_architecture
from posescope.engine.building import building
from posescope.engine.config import load_config
from posescope.errors import InputError
from posescope.explain.device import find_device

__all__ = ['PersonDetector', 'read_box']

_PERSON = ('person', 'pedestrian', 'human', 'people')


def read_box(text: str) -> tuple[float, float, float, float]:
    """Read a box as it is typed.

    Args:
        text: ``X,Y,W,H`` in pixels, as COCO counts boxes.

    Returns:
        Left, top, right and bottom.

    Raises:
        InputError: These are not four numbers.
    """
    try:
        left, top, width, height = (float(part) for part in text.split(','))
    except ValueError:
        raise InputError(f"box '{text}' is not X,Y,W,H: left, top, width and height in pixels") from None
    return left, top, left + width, top + height


class PersonDetector:
    """Finds people by a detector of MMDetection.

    Args:
        config: Of the detector.
        checkpoint: Its weights.
        threshold: Score that a person needs.
        device: Where it runs; None for the first accelerator, or the CPU without one.

    Raises:
        InputError: Config or weights are missing or broken, it does not know people, or there is no such device.
    """

    def __init__(
        self, config: str | Path, checkpoint: str | Path, threshold: float = 0.3, device: str | None = None
    ) -> None:
        if not 0 <= threshold <= 1:
            raise InputError(f'the score that a person needs, {threshold:g}, has to be from 0 to 1')
        place = find_device(device)
        self.threshold, self._name = threshold, str(config)
        cfg = load_config(str(config))
        content = load_checkpoint(checkpoint)
        with DefaultScope.overwrite_default_scope('mmdet'):
            self._model = _built(cfg, str(config))
            self._steps = _pipeline(cfg, str(config))
        refuse_other_architecture(self._model, content, str(checkpoint), partial=False)
        weights = content.get('state_dict', content)
        load_state_dict(self._model, {str(key).removeprefix('module.'): value for key, value in weights.items()})
        self._model.to(place).eval()
        self._label = _label_of_people(_classes(cfg, content), str(config))

    @torch.no_grad()
    def find(self, image: NDArray[np.uint8], name: str = 'the picture') -> tuple[NDArray[np.float64], list[float]]:
        """Find people.

        Args:
            image: (H, W, 3) uint8 BGR.
            name: What to call the picture in a message.

        Returns:
            (P, 4) left, top, right and bottom, and P scores, best first.

        Raises:
            InputError: There is nobody.
        """
        with DefaultScope.overwrite_default_scope('mmdet'):
            sample = self._steps({'img': image, 'img_id': 0})
            batch = {'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]}
            found = self._model.test_step(batch)[0].pred_instances.cpu()
        scores = np.where(found.labels.numpy() == self._label, found.scores.numpy().astype(np.float64), -1.0)
        height, width = image.shape[:2]
        boxes = found.bboxes.numpy().astype(np.float64).clip(0, [width, height, width, height])
        scores[(boxes[:, 2:] <= boxes[:, :2]).any(1)] = -1
        order = np.argsort(-scores, kind='stable')
        order = order[scores[order] >= self.threshold]
        if not len(order):
            best = scores.max(initial=-1)
            what = f'the best one scores {best:.2f}' if best >= 0 else 'it finds none at all'
            raise InputError(
                f'{self._name} finds no person in {name} with a score of {self.threshold:g} or more ({what}): lower '
                'the threshold, or give boxes'
            )
        return boxes[order], scores[order].tolist()


def _built(cfg: Config, name: str) -> Any:
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    if cfg.get('model') is None or cfg.model.get('type') is None:
        raise InputError(f'config {name} of the detector lacks model')
    cfg.model.update({key: None for key in ('train_cfg', 'pretrained') if key in cfg.model})
    for part in ('backbone', 'neck'):
        if isinstance(cfg.model.get(part), dict):
            cfg.model[part].init_cfg = None
    with building('model of the detector'):
        return revert_sync_batchnorm(MODELS.build(cfg.model))


def _pipeline(cfg: Config, name: str) -> Compose:
    """The test pipeline, which takes a picture in memory and no labels."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while dataset.get('pipeline') is None and dataset.get('dataset') is not None:
        dataset = dataset['dataset']
    if not dataset.get('pipeline'):
        raise InputError(f'config {name} of the detector lacks test_dataloader.dataset.pipeline')
    steps = [dict(step) for step in dataset['pipeline'] if 'LoadAnnotations' not in str(step['type'])]
    for step in steps:
        if str(step['type']).rpartition('.')[2] == 'LoadImageFromFile':
            step['type'] = 'mmdet.LoadImageFromNDArray'
            step.pop('backend_args', None)
    with building('pipeline of the detector'):
        return Compose(steps)


def _classes(cfg: Config, content: dict[str, Any]) -> Sequence[str] | None:
    """Names of the classes that a detector knows: its checkpoint tells, or its config, or they are COCO's."""
    meta = content.get('meta') or {}
    told = meta.get('dataset_meta') or {}
    classes = told.get('classes') or told.get('CLASSES') or meta.get('CLASSES')
    if classes:
        return [classes] if isinstance(classes, str) else list(classes)
    metainfo = ((cfg.get('test_dataloader') or {}).get('dataset') or {}).get('metainfo') or {}
    classes = metainfo.get('classes')
    return None if not classes else [classes] if isinstance(classes, str) else list(classes)


def _label_of_people(classes: Sequence[str] | None, name: str) -> int:
    if classes is None:
        return 0  # COCO's first, and the one of a detector of people alone
    plain = [each.lower() for each in classes]
    found = [plain.index(person) for person in _PERSON if person in plain]
    if not found:
        shown = ', '.join(list(classes)[:5])
        raise InputError(f'the detector {name} does not know people, only {shown} …')
    return found[0]
