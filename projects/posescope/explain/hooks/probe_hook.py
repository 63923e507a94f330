"""Fit probes at the end of a test, or while a model learns."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS

from posescope.atomic import atomic_write, replacing
from posescope.capture.person_samples import pack_rotation
from posescope.errors import InputError
from posescope.explain.hooks.explaining_hook import ExplainingHook

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posescope.explain.depth import DatasetPeople, ProbeSettings
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
        most_bytes: Most memory for the matrices of a layer; None for the 4 GiB of
            :class:`posescope.explain.depth.probes.ProbeSettings`.

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
        most_bytes: int | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(interval, **unknown)
        self.check_whole({'train': train, 'batch_size': batch_size, **({} if dev is None else {'dev': dev})}, 1)
        self.check_whole({'folds': folds}, 2)
        self.check_whole({} if most_bytes is None else {'most_bytes': most_bytes}, 1)
        self.layers = layers if isinstance(layers, str) else list(layers)
        self.train, self.dev, self.untrained, self.folds = train, dev, untrained, folds
        self.batch_size, self.out, self.most_bytes = batch_size, out, most_bytes

    def before_run(self, runner: Runner) -> None:
        """Refuse a run without people to fit to.

        Raises:
            InputError: The config has no training data.
        """
        if runner.cfg.get('train_dataloader') is None:
            raise InputError('ProbeHook fits probes to people of train_dataloader: the config has none')

    def check(self, runner: Runner, function: 'PoseFunction', dataset: Any, training: bool) -> None:
        """Refuse layers without a map or that take too much memory, joints without a spread, and missing people."""
        import torch

        from posescope.explain.annotated_people import annotated_people
        from posescope.explain.depth import LayerMaps

        function.sigmas  # noqa: B018  what KS needs
        width, height = function.input_size
        inputs = torch.zeros(1, 3, height, width, device=function.device)
        maps = LayerMaps(function, inputs, self.layers).of(inputs)
        if next(annotated_people(dataset, self.dev), None) is None:
            raise InputError(
                f'ProbeHook: none of {len(dataset)} people to test on has a label: give labelled people with their own '
                'boxes, or leave the hook out'
            )
        fitted = _loadable_train_people(runner.cfg, _loader(training), function)
        labels = list(annotated_people(fitted, self.train))
        images = {image: number for number, image in enumerate(dict.fromkeys(image for image, _ in labels))}
        if len(images) < self.folds:
            raise InputError(
                f'ProbeHook: {min(self.train, len(fitted))} people of train_dataloader, to which probes are fitted, '
                f'have labels in {len(images)} images, and folds={self.folds}: take fewer folds, or more people (train)'
            )
        self._check_memory(
            {name: int(values.shape[1]) for name, values in maps.items()},
            [[known for image, known in labels if images[image] % self.folds == fold] for fold in range(self.folds)],
        )

    def _settings(self) -> 'ProbeSettings':
        from posescope.explain.depth import ProbeSettings

        if self.most_bytes is None:
            return ProbeSettings(folds=self.folds)
        return ProbeSettings(folds=self.folds, most_bytes=self.most_bytes)

    def _check_memory(self, channels: Mapping[str, int], folds: 'Sequence[Sequence[NDArray[np.bool_]]]') -> None:
        """Refuse layers whose normal equations take more than is allowed.

        Args:
            channels: Of each layer.
            folds: For each fold, which joints each of its people has.
        """
        from posescope.explain.depth.normal_equations import count_matrices

        matrices = count_matrices(folds)
        most = self._settings().most_bytes
        for name, count in channels.items():
            needed = 8 * matrices * (count + 1) ** 2
            if needed > most:
                raise InputError(
                    f'ProbeHook: the {matrices} matrices of {count} channels of {name} take {needed / 2**30:.2g} GiB, '
                    f'and most_bytes allows {most / 2**30:.2g}: take fewer folds or people, a narrower layer, or raise '
                    'most_bytes'
                )

    def explain(self, runner: Runner, function: 'PoseFunction', dataset: Any, epoch: int | None) -> None:
        """Fit, test and write."""
        from posescope.explain.depth import DatasetPeople, ProbeReport, draw_probes, measure_probes
        from posescope.explain.memory import halving

        fitted = _train_people(runner.cfg, _loader(epoch is not None))

        def measure(batch_size: int) -> ProbeReport:
            train = DatasetPeople(function, fitted, self.train, batch_size)
            dev = DatasetPeople(function, dataset, self.dev, batch_size)
            untrained = _untrained(runner.cfg, function, train) if self.untrained else None
            return measure_probes(function, train, dev, self.layers, untrained=untrained, settings=self._settings())

        report, self.batch_size = halving(measure, self.batch_size, 'ProbeHook')
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


def _loader(training: bool) -> str:
    return 'val_dataloader' if training else 'test_dataloader'


def _loadable_train_people(cfg: Any, loader: str, function: 'PoseFunction') -> Any:
    """The data set of the training, of which one picture was read.

    Raises:
        InputError: Annotations or pictures are missing, or the joints are other ones.
    """
    try:
        dataset = _train_people(cfg, loader)
        dataset[0]
    except (AssertionError, OSError, IndexError) as error:
        raise InputError(
            'ProbeHook fits probes to people of train_dataloader, which cannot be loaded '
            f'({" ".join(str(error).split())}): bring the training data, or leave the hook out'
        ) from error
    count = dataset.metainfo['num_keypoints']
    if count != len(function.joints):
        raise InputError(
            f'ProbeHook: people of train_dataloader have {count} joints, and the model has {len(function.joints)}'
        )
    return dataset


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
    while not dataset.get('pipeline') and dataset.get('dataset') is not None:
        dataset = dataset['dataset']
    if not dataset.get('pipeline'):
        raise InputError(f'{loader}.dataset of the config has no pipeline, which would tell how crops are cut')
    return dataset
