"""MMEngine's runner with safe checkpoints, exact resuming, and errors that say what is wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import BaseLoop, Runner
from mmpose.registry import OPTIMIZERS, RUNNERS

from posescope.atomic import replacing
from posescope.compat.allocator import keep_freed_memory
from posescope.compat.checkpoint import load_checkpoint
from posescope.compat.loader_workers import end_workers
from posescope.compat.pretrained import PretrainedWeightsError, fetching
from posescope.data.annotations import annotation_files
from posescope.engine.architecture import refuse_other_architecture
from posescope.engine.building import building
from posescope.engine.codec_check import refuse_other_codec
from posescope.engine.config_parts import name_of
from posescope.engine.resume import ResumableEpochLoop, endless_iterator, fast_forward, latest_checkpoint
from posescope.engine.seeding import seeded
from posescope.errors import NO_ROOM, InputError, nearest


@RUNNERS.register_module()
class ResumableRunner(Runner):
    """A drop-in for mmengine's ``Runner``, used by ``tools/train.py`` and ``tools/test.py``.

    Order of samples, initial weights and numbers are those of ``Runner``. What differs: checkpoints are written beside
    their place and renamed; a resumed run goes on with exactly the losses of an undisturbed one (:mod:`.seeding`); a
    checkpoint of another architecture is refused; pretrained weights that cannot be fetched are named.
    """

    _loaded_meta: Mapping[str, Any] = MappingProxyType({})

    def train(self) -> Any:
        """Train, from the newest complete checkpoint if asked to resume.

        Returns:
            The trained model.
        """
        if self._resume and self._load_from is None:  # type: ignore[has-type]  # the config says so
            path = latest_checkpoint(Path(self.work_dir))
            self._load_from = None if path is None else str(path)
            if path is None:
                self.logger.info(f'{self.work_dir} holds no checkpoint to resume from: starting from the beginning')
        if get_device() == 'cpu':
            keep_freed_memory()
        with self._workers():
            return super().train()

    def val(self) -> dict[str, float]:
        """Validate, as the host does; worker processes end with it."""
        with self._workers():
            return dict(super().val())

    def test(self) -> dict[str, float]:
        """Test, as the host does; worker processes end with it."""
        with self._workers():
            return dict(super().test())

    @contextmanager
    def _workers(self) -> Iterator[None]:
        """End the worker processes of all loops at the end."""
        try:
            yield
        finally:
            for loop in (self._train_loop, self._val_loop, self._test_loop):
                if isinstance(loop, BaseLoop):
                    end_workers(loop.dataloader, endless_iterator(loop))

    @staticmethod
    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        """Build a data loader; name the annotation file of a data set that turns out empty or broken.

        Raises:
            InputError: The data set has no sample, or its file is not in COCO's format.
        """
        try:
            return Runner.build_dataloader(dataloader, *args, **kwargs)
        except (ValueError, KeyError) as error:
            if 'is not in the' in str(error):  # a type that no registry knows; the command explains it
                raise
            files = ', '.join(annotation_files(dataloader))
            if 'need at least one array to concatenate' in str(error):  # MMEngine serialising an empty list of samples
                raise InputError(f'{files} holds no people that the data set can use') from error
            if files and (isinstance(error, KeyError) or 'JSON' in type(error).__name__):
                raise InputError(f'{files} cannot be read as annotations: {type(error).__name__} {error}') from error
            raise

    def wrap_model(self, model_wrapper_cfg: Any, model: Any) -> Any:
        """Wrap for several processes; SyncBN, which several processes on a CPU cannot share, becomes BN."""
        if get_device() == 'cpu':
            model = revert_sync_batchnorm(model)
        return super().wrap_model(model_wrapper_cfg, model)

    def build_train_loop(self, loop: Any) -> Any:
        """Build the loop over data that are seeded per sample."""
        if isinstance(self._train_dataloader, dict):
            seeded(self._train_dataloader)
        if isinstance(loop, dict) and 'type' not in loop and loop.get('by_epoch'):
            loop = {'type': ResumableEpochLoop, **{key: value for key, value in loop.items() if key != 'by_epoch'}}
        elif isinstance(loop, dict) and name_of(loop.get('type')) == 'EpochBasedTrainLoop':
            loop = {**loop, 'type': ResumableEpochLoop}
        with building('train_dataloader or train_cfg'):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop: Any) -> Any:
        """Build the validation loop, as the host does."""
        with building('val_dataloader, val_cfg or val_evaluator'):
            return super().build_val_loop(loop)

    def build_test_loop(self, loop: Any) -> Any:
        """Build the test loop, as the host does."""
        with building('test_dataloader, test_cfg or test_evaluator'):
            return super().build_test_loop(loop)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimiser, as the host does; a type that is not registered is named."""
        optimizer = optim_wrapper.get('optimizer') if isinstance(optim_wrapper, dict) else None
        kind = optimizer.get('type') if isinstance(optimizer, dict) else None
        if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
            known = [*OPTIMIZERS.module_dict, *OPTIMIZERS.parent.module_dict]
            raise InputError(f"optimizer type='{kind}' is not registered (nearest: {nearest(kind, known)})")
        with building('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the learning rate's schedule, as the host does."""
        with building('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def _init_model_weights(self) -> None:
        if self._resume and self._load_from is not None:
            return  # every weight comes from the checkpoint
        try:
            with fetching():
                super()._init_model_weights()
        except PretrainedWeightsError as error:
            raise InputError(error.explain(self.cfg.get('model', {}))) from error

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume, then put the data where the run stopped."""
        if Path(filename).is_file():
            wanted = ['meta', 'optimizer', *(['param_schedulers'] if self.cfg.get('param_scheduler') else [])]
            lacking = [key for key in wanted if key not in load_checkpoint(filename)]
            if lacking:
                held = 'weights only' if 'meta' in lacking else f'no {" and no ".join(lacking)}'
                raise InputError(
                    f'{filename} holds {held}, not where a run stopped: resume from an epoch_*.pth or iter_*.pth, or '
                    f'start from it with --cfg-options load_from={filename}, without --resume'
                )
        super().resume(filename, *args, **kwargs)
        for hook in self.hooks:
            if hasattr(hook, 'catch_up'):
                hook.catch_up(self)
        seed = None if self._randomness_cfg.get('diff_rank_seed') else self.seed
        if not fast_forward(self.train_loop, seed, self._loaded_meta.get('position')):
            self.logger.warning('this data loader cannot be fast-forwarded: the host decides what is drawn next')

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict:
        """Load weights; refuse those of another architecture or, to test or to resume, of another codec.

        Raises:
            InputError: To test or to resume, a parameter of the model is missing or has another shape in the file, or
                it was trained with another codec; to start a training from it, not one parameter fits.
        """
        if Path(filename).is_file():
            self._refuse_others(load_checkpoint(filename), filename)
        try:
            with fetching():
                loaded: dict = super().load_checkpoint(filename, *args, **kwargs)
        except PretrainedWeightsError as error:
            raise InputError(f'{error}; put the file at {error.cache}') from error
        if not Path(filename).is_file():  # it was fetched
            self._refuse_others(loaded, filename)
        self._loaded_meta = loaded.get('meta') or {}
        return loaded

    def _refuse_others(self, content: dict, filename: str) -> None:
        """A training may start from a part of the weights, and with another codec."""
        starts = isinstance(self._train_loop, BaseLoop) and not self._resume
        refuse_other_architecture(self.model, content, filename, partial=starts)
        if not starts:
            refuse_other_codec(self.cfg, content, filename)

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write a checkpoint under another name and rename it when it is complete (local files)."""
        if isinstance(self.train_loop, ResumableEpochLoop):
            kwargs['meta'] = {**(kwargs.get('meta') or {}), 'position': self.train_loop.position()}
        if '://' in str(out_dir):
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        try:
            with replacing(Path(out_dir) / filename) as temporary:
                super().save_checkpoint(out_dir, temporary.name, *args, **kwargs)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            path = Path(out_dir) / filename
            last = latest_checkpoint(Path(self.work_dir))
            kept = 'there is no earlier one' if last is None else f'{last} is intact'
            raise InputError(f'{NO_ROOM[error.errno]}: {path} was not written; {kept}') from error
