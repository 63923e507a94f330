"""What FeatureMapHook and AttentionHook share: a store for each test run, and for chosen epochs of a training."""

import inspect
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from mmcv import imread, imwrite
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray
from torch import Tensor, nn

from posescope.capture.geometry import Grid
from posescope.capture.handful import Handful
from posescope.capture.hooks.epoch_interval import check_interval
from posescope.capture.identity import run_identity, weights_digest
from posescope.capture.layers import unwrapped
from posescope.capture.person_samples import crops_with_udp, pack_rotation
from posescope.capture.pictures import Crop, SkeletonStyle, to_rgb
from posescope.capture.recorder import Recorder
from posescope.capture.store.manifest import grid_entry
from posescope.capture.store.sample import Sample
from posescope.capture.store.writer import StoreWriter
from posescope.capture.stored_capture import Sink, StoredCapture
from posescope.engine.averaged_weights import averaged_weights
from posescope.errors import InputError, nearest

__all__ = ['DTYPES', 'Arrays', 'CaptureHook', 'Grids']

Arrays = Mapping[str, NDArray[Any]]
"""By name, one row of each array."""
Grids = Mapping[str, Mapping[str, Any] | None]
"""By name, how an array's cells lie in the model's input, as a store gives it."""

DTYPES = {'float16': torch.float16, 'float32': torch.float32, 'float64': torch.float64}


class CaptureHook(Hook, ABC):
    """Base of the hooks that write down what happens inside a model.

    In a test run, a store with everybody (:func:`posescope.open_store`) goes to ``<work_dir>/<out_dir>``. A run
    that was stopped goes on in its store. In a training, a store with a handful of people of the validation set goes to
    ``<work_dir>/<out_dir>/epoch_<n>``, before the first epoch and then after every ``interval``-th, with the weights
    that validation sees (:func:`~posescope.engine.averaged_weights.averaged_weights`).

    Args:
        out_dir: Folder of the store, below the work dir unless it is absolute.
        dtype: Floating point type in the store.
        pictures: How many people are drawn, into the store's folder and by all visualisation backends.
        photograph: Whether pictures show the photograph below the maps.
        interval: Epochs between two looks during a training; 0 for none.
        people: How many people are looked at during a training.

    Raises:
        InputError: An option makes no sense.
    """

    priority = 'LOW'
    kind: str
    """What the store holds, for those who draw from it: ``features`` or ``attention``."""

    def __init__(
        self,
        out_dir: str,
        dtype: str = 'float16',
        pictures: int = 0,
        photograph: bool = True,
        interval: int = 0,
        people: int = 8,
        **unknown: Any,
    ) -> None:
        kind = type(self).__name__
        for name in unknown:
            raise InputError(f'{kind} has no option {name!r} (nearest: {nearest(name, _options(type(self)))})')
        if dtype not in DTYPES:
            raise InputError(
                f'{kind}: dtype={dtype!r} is not one of {", ".join(DTYPES)} (nearest: {nearest(dtype, DTYPES, 1)})'
            )
        for name, value, least in (('pictures', pictures, 0), ('interval', interval, 0), ('people', people, 1)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f'{kind}: {name}={value!r} is not a whole number of {least} or more')
        self.out_dir, self.dtype = out_dir, dtype
        self.pictures, self.photograph = pictures, photograph
        self.interval, self.people = interval, people
        self._capture: StoredCapture | None = None
        self._loop: BaseLoop | None = None
        self._told = False

    @abstractmethod
    def recorder(self, runner: Runner, model: nn.Module, udp: bool) -> Recorder | None:
        """Make what looks into the model; None if there is nothing to look at, which was then logged."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """What of this hook decides the content of the store, as plain JSON."""

    @abstractmethod
    def draw(self, crop: Crop, arrays: Arrays, grids: Grids) -> dict[str, Figure]:
        """Draw one person: by name, matplotlib figures.

        Args:
            crop: The person.
            arrays: One row of each array.
            grids: Where their cells lie in the model's input.
        """

    def check(self, dataset: Any) -> None:
        """Refuse people who cannot be captured as the options say, before anything runs.

        Args:
            dataset: That is about to be looked at.

        Raises:
            InputError: It lacks something.
        """

    def sink(self, writer: StoreWriter, world: int) -> Sink:
        """What takes the arrays on their way to the store."""
        return writer

    def before_run(self, runner: Runner) -> None:
        """Let go of the model also where the test loop ends with an exception: MMEngine calls no hook then."""
        loop = runner._test_loop
        if isinstance(loop, BaseLoop) and loop is not self._loop:
            self._loop = loop
            loop.run = partial(self._run, loop.run)

    def before_test_epoch(self, runner: Runner) -> None:
        """Open the store and begin to look."""
        self._abandon()
        dataset = runner.test_loop.dataloader.dataset
        self.check(dataset)
        trained = isinstance(runner._train_loop, BaseLoop) and runner._train_loop.iter > 0
        checkpoint = None if trained else runner._load_from
        identity = run_identity(runner.cfg, unwrapped(runner.model), checkpoint, self.options())
        capture = self._open(
            runner, Path(runner.work_dir) / self.out_dir, identity, dataset, len(dataset), get_rank(), get_world_size()
        )
        self._capture = None if capture is None else capture.__enter__()

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[PoseDataSample] | None = None
    ) -> None:
        """Write what was seen of a batch."""
        if self._capture is not None:
            assert outputs is not None
            self._capture.add(outputs)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Complete the store."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.__exit__(None, None, None)

    def before_train(self, runner: Runner) -> None:
        """Look at the model as it is before it learns."""
        if not self.interval:
            return
        check_interval(self, self.interval, runner)
        if runner.epoch == 0:
            self._look(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the handful every ``interval`` epochs."""
        if self.interval and (runner.epoch + 1) % self.interval == 0:
            self._look(runner, runner.epoch + 1)

    def _look(self, runner: Runner, epoch: int = 0) -> None:
        if not is_main_process():
            return
        dataset, model = runner.val_loop.dataloader.dataset, unwrapped(runner.model)
        self.check(dataset)
        handful = Handful(dataset, self.people)
        folder = Path(runner.work_dir) / self.out_dir / f'epoch_{epoch}'
        shutil.rmtree(folder, ignore_errors=True)  # of a training before, whose checkpoint is replaced as well
        with averaged_weights(runner):  # those of the checkpoint of this epoch
            identity = {'checkpoint': weights_digest(model)}
            capture = self._open(runner, folder, identity, dataset, len(handful), 0, 1, epoch)
            if capture is not None:
                with capture:
                    capture.add(handful.predict(model))

    def _open(
        self,
        runner: Runner,
        folder: Path,
        identity: dict[str, str],
        dataset: Any,
        expected: int,
        rank: int,
        world: int,
        step: int = 0,
    ) -> StoredCapture | None:
        pack_rotation(dataset)
        udp = crops_with_udp(dataset)
        recorder = self.recorder(runner, unwrapped(runner.model), udp)
        if recorder is None:
            return None
        style = SkeletonStyle.of_metainfo(dataset.metainfo)
        details = {
            'model': type(unwrapped(runner.model)).__name__,
            'config': runner.cfg.filename or '',
            'options': self.options(),
            'kind': self.kind,
            'skeleton': {
                'joints': list(style.joints),
                'links': style.links.tolist(),
                'joint_colours': style.joint_colours.tolist(),
                'link_colours': style.link_colours.tolist(),
            },
        }
        writer = StoreWriter(
            folder, identity, rank, world, self.dtype, expected=expected, details=details, announce=runner.logger.info
        )
        sink = self.sink(writer, world)

        def draw(person: Sample, arrays: dict[str, Tensor], grids: dict[str, Grid | None]) -> None:
            self._draw(runner, folder / 'pictures', style, step, person, arrays, grids)

        return StoredCapture(recorder, sink, draw, self.pictures if rank == 0 else 0, udp)

    def _run(self, run: Callable[[], Any]) -> Any:
        """Run the test loop."""
        try:
            return run()
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """Let go of a capture whose run ended with an exception."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.__exit__(RuntimeError, RuntimeError('the run did not end'), None)

    def _draw(
        self,
        runner: Runner,
        folder: Path,
        style: SkeletonStyle,
        step: int,
        person: Sample,
        arrays: dict[str, Tensor],
        grids: dict[str, Grid | None],
    ) -> None:
        """Draw one person into files and into the visualisation backends."""
        crop = Crop.of_sample(person, style, self._photograph(runner, person.image_path))
        folder.mkdir(exist_ok=True)
        who = f'{person.image_id}' if person.ann_id is None else f'{person.image_id}_{person.ann_id}'
        values = {name: array.float().numpy() for name, array in arrays.items()}
        places = {name: grid_entry(grid) for name, grid in grids.items()}
        try:
            figures = self.draw(crop, values, places)
        except InputError as error:  # a picture is not worth a test
            runner.logger.warning(f'{type(self).__name__}: {who} is not drawn: {error}')
            return
        for name, figure in figures.items():
            picture = to_rgb(figure)
            file = f'{who}_{name}'.replace('/', '_')
            imwrite(picture[..., ::-1], str(folder / f'{file}.png'))
            # No slash: LocalVisBackend makes no folders, and loses a picture silently.
            runner.visualizer.add_image(f'{Path(self.out_dir).name}_{file}', picture, step=step)

    def _photograph(self, runner: Runner, path: str) -> NDArray[np.uint8] | None:
        """Read a photograph (H, W, 3), RGB; None, and a line in the log, where it is no picture on this machine."""
        if not self.photograph:
            return None
        found: NDArray[np.uint8] | None = None
        with suppress(cv2.error):
            found = imread(path, channel_order='rgb') if Path(path).is_file() else None
        if found is None and not self._told:
            self._told = True
            where = f'{path} is not a picture on this machine' if path else 'the data set names no files'
            runner.logger.info(f'{type(self).__name__}: {where}, so maps are drawn without the photograph')
        return found


def _options(hook: type[CaptureHook]) -> list[str]:
    """Names of what a hook takes."""
    names = [name for kind in (hook, CaptureHook) for name in inspect.signature(kind.__init__).parameters]
    return [name for name in dict.fromkeys(names) if name not in ('self', 'options', 'unknown')]
