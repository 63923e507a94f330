"""Fit probes at the end of a test, or while a model learns."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS

from posescope.atomic import atomic_write, replacing
from posescope.capture.person_samples import pack_rotation
from posescope.errors import InputError
from posescope.explain.hooks.explaining_hook import ExplainingHook

if TYPE_CHECKING:
    from posescope.explain.depth import DatasetPeople
    from posescope.explain.pose_function import PoseFunction

__all__ = ['ProbeHook']


@HOOKS.register_module()
class ProbeHook(ExplainingHook):
    """Writes how well each joint can be read off each layer by a linear probe.

    Probes are fitted to people of ``train_dataloader``, loaded by the pipeline of the test, and tested on those of the
    test, or during a training of the validation. A test writes ``<work_dir>/probes.json`` and ``probes.png``, a
    training ``probes_epoch_<n>.json`` and ``.png``.

    Args:
        layers: Names of layers with maps or patterns, or ``'stages'`` for the stages of the backbone.
        train: Most people to fit to, evenly spaced over the data set.
        dev: Most people to test on; None for all.
        untrained: Whether layers have to beat those of the same network untrained, too.
        folds: Of the cross-validation over images.
        interval: Epochs between two looks during a training; 0 for none.
        batch_size: Crops at once.
        out: Name of the files below the work dir, without their ending.

    Raises:
        InputError: An option makes no sense.

    Example:
        In a config::

            interpret = dict(hooks=[dict(type='ProbeHook', layers='stages', train=200)])
    """

    def __init__(
        self,
        layers: Sequence[str] | str = 'stages',
        train: int = 500,
        dev: int | None = None,
        untrained: bool = True,
        folds: int = 5,
        interval: int = 0,
        batch_size: int = 16,
        out: str = 'probes',
        **unknown: Any,
    ) -> None:
        super().__init__(interval, **unknown)
        self.check_whole({'train': train, 'batch_size': batch_size, **({} if dev is None else {'dev': dev})}, 1)
        self.check_whole({'folds': folds}, 2)
        self.layers = layers if isinstance(layers, str) else list(layers)
        self.train, self.dev, self.untrained, self.folds = train, dev, untrained, folds
        self.batch_size, self.out = batch_size, out

    def before_run(self, runner: Runner) -> None:
        """Refuse a run without people to fit to.

        Raises:
            InputError: The config has no training data.
        """
        if runner.cfg.get('train_dataloader') is None:
            raise InputError('ProbeHook fits probes to people of train_dataloader: the config has none')

    def check(self, function: 'PoseFunction', dataset: Any) -> None:
        """Refuse layers that give no map."""
        import torch

        from posescope.explain.depth import LayerMaps

        width, height = function.input_size
        LayerMaps(function, torch.zeros(1, 3, height, width), self.layers)

    def explain(self, runner: Runner, function: 'PoseFunction', dataset: Any, epoch: int | None) -> None:
        """Fit, test and write."""
        from posescope.explain.depth import DatasetPeople, ProbeSettings, draw_probes, measure_probes

        fitted = _train_people(runner.cfg, 'test_dataloader' if epoch is None else 'val_dataloader')
        train = DatasetPeople(function, fitted, self.train, self.batch_size)
        dev = DatasetPeople(function, dataset, self.dev, self.batch_size)
        untrained = _untrained(runner.cfg, function, train) if self.untrained else None
        settings = ProbeSettings(folds=self.folds)
        report = measure_probes(function, train, dev, self.layers, untrained=untrained, settings=settings)
        name = self.out if epoch is None else f'{self.out}_epoch_{epoch}'
        path = Path(runner.work_dir) / f'{name}.json'
        atomic_write(path, (json.dumps(report.content(), indent=1) + '\n').encode())
        with replacing(path.with_suffix('.png')) as unfinished:
            draw_probes(report).savefig(unfinished, format='png')
        runner.logger.info(f'probes of {len(report.layers)} layers are in {path} and {path.with_suffix(".png").name}')


def _untrained(cfg: Any, function: 'PoseFunction', train: 'DatasetPeople') -> 'PoseFunction':
    """The network that the training started from, with norms that saw the people whom probes are fitted to."""
    from posescope.explain.depth import untrained_function

    seed = (cfg.get('randomness') or {}).get('seed') or 0
    return untrained_function(cfg, seed, (batch.inputs for batch in train), function.device)


def _train_people(cfg: Any, loader: str) -> Any:
    """The data set of the training, loaded as that of a test is: nothing is drawn at random."""
    wanted = copy.deepcopy(cfg.train_dataloader.dataset)
    pipeline = copy.deepcopy(_outermost(cfg[loader].dataset, loader)['pipeline'])
    _outermost(wanted, 'train_dataloader')['pipeline'] = pipeline
    dataset = DATASETS.build(wanted)
    pack_rotation(dataset)
    return dataset


def _outermost(dataset: Any, loader: str) -> Any:
    """The outermost data set that has a pipeline.

    Raises:
        InputError: None has.
    """
    while dataset.get('pipeline') is None and dataset.get('dataset') is not None:
        dataset = dataset['dataset']
    if dataset.get('pipeline') is None:
        raise InputError(f'{loader}.dataset of the config has no pipeline, which would tell how crops are cut')
    return dataset
