"""What both hooks do with their stores: go on, refuse, let go of the model, and look in during a training."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmcv.transforms import BaseTransform
from mmengine.runner import EpochBasedTrainLoop
from mmengine.visualization import BaseVisBackend
from mmpose.registry import TRANSFORMS, VISBACKENDS

import posescope
from posescope.capture.hooks import CaptureHook
from posescope.capture.identity import weights_digest
from posescope.capture.pictures import Crop
from posescope.errors import InputError
from tests.capture.model_runs import build_run, run_config
from tests.drawn_people import write_drawn_coco
from tests.engine.runs import logged
from tests.small_config import write_small_config
from tools.train import main as run_train

HOOKS = [{'type': 'FeatureMapHook', 'layers': ['backbone.layers.*', 'head']}, {'type': 'AttentionHook'}]


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of four people in two pictures: a batch of three and one of one."""
    return write_drawn_coco(tmp_path_factory.mktemp('four'), num_images=2)


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw what was captured of the first layer as it is, where pictures themselves are not tested."""

    def draw(crop: Crop, arrays: Any, grids: Any) -> dict[str, Figure]:
        figure = Figure(figsize=(1, 1), dpi=50)
        figure.add_axes((0, 0, 1, 1)).imshow(next(iter(arrays.values()))[0])
        return dict.fromkeys(arrays, figure)

    monkeypatch.setattr('posescope.capture.hooks.feature_map_hook.draw_features', draw)


def files(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir() if path.suffix in ('.json', '.safetensors')}


def test_same_run_again_changes_nothing(people: Path, tmp_path: Path) -> None:
    build_run(run_config('vit', people, tmp_path, HOOKS)).test()
    first = files(tmp_path / 'features'), files(tmp_path / 'attention')
    assert [sorted(store) for store in first] == [['manifest.json', 'rank0-00000.safetensors', 'rank0.json']] * 2
    build_run(run_config('vit', people, tmp_path, HOOKS)).test()
    assert (files(tmp_path / 'features'), files(tmp_path / 'attention')) == first


def test_store_of_another_config_is_refused(people: Path, tmp_path: Path) -> None:
    build_run(run_config('vit', people, tmp_path, HOOKS[:1])).test()
    with pytest.raises(InputError, match=r'features was written with another config .* choose another folder'):
        build_run(run_config('vit', people, tmp_path, HOOKS[:1], flip=True)).test()


def test_store_of_other_weights_is_refused(people: Path, tmp_path: Path) -> None:
    build_run(run_config('vit', people, tmp_path, HOOKS[:1])).test()
    runner = build_run(run_config('vit', people, tmp_path, HOOKS[:1]))
    runner.model.head.final_layer.bias.data += 1
    with pytest.raises(InputError, match='features was written with another checkpoint'):
        runner.test()


def test_two_runs_on_one_folder_are_refused(people: Path, tmp_path: Path) -> None:
    first, second = (build_run(run_config('vit', people, tmp_path, HOOKS[:1])) for _ in range(2))
    hook = next(hook for hook in first.hooks if isinstance(hook, CaptureHook))
    hook.before_test_epoch(first)
    try:
        with pytest.raises(InputError, match='another run of this process writes to'):
            second.test()
    finally:
        hook.after_test_epoch(first)
    assert 'forward' not in vars(second.model.backbone)


def test_folder_elsewhere(people: Path, tmp_path: Path, quick_pictures: None) -> None:
    hook = {'type': 'FeatureMapHook', 'layers': 'head', 'out_dir': str(tmp_path / 'else' / 'where'), 'pictures': 1}
    build_run(run_config('vit', people, tmp_path / 'run', [hook])).test()
    assert posescope.open_store(tmp_path / 'else' / 'where').complete
    assert list((tmp_path / 'run').glob('*/vis_data/vis_image/where_1_1_head_0.png'))


@pytest.mark.parametrize('batch', [0, 1])
def test_an_exception_in_the_test_loop(batch: int, people: Path, tmp_path: Path) -> None:
    """The model is let go, and the same run goes on to the same store."""
    build_run(run_config('vit', people, tmp_path / 'whole', HOOKS)).test()
    runner = build_run(run_config('vit', people, tmp_path / 'broken', HOOKS))
    before = {name: set(vars(module)) for name, module in runner.model.named_modules()}
    process, number = runner.test_loop.evaluator.process, iter(range(9))

    def fails(*args: Any, **options: Any) -> None:
        if next(number) == batch:
            raise ZeroDivisionError
        process(*args, **options)

    runner.test_loop.evaluator.process = fails
    with pytest.raises(ZeroDivisionError):
        runner.test()
    assert {name: set(vars(module)) for name, module in runner.model.named_modules()} == before
    assert torch.utils._python_dispatch._len_torch_dispatch_stack() == 0
    assert torch.backends.mha.get_fastpath_enabled()
    if batch:
        with pytest.warns(UserWarning, match='features is not complete: 4 of 4 samples are missing'):
            assert not posescope.open_store(tmp_path / 'broken' / 'features').complete
    runner.test()  # the exception comes once
    for store in ('features', 'attention'):
        found, expected = (posescope.open_store(tmp_path / run / store) for run in ('broken', 'whole'))
        assert found.complete
        shard = 'rank0-00000.safetensors'
        assert files(found.folder)[shard] == files(expected.folder)[shard]


def test_weights_learnt_since_the_checkpoint_are_others(people: Path, tmp_path: Path) -> None:
    """A runner that trained before it tests has other weights than the file that it began with."""
    file = tmp_path / 'begin.pth'
    torch.save({'state_dict': build_run(run_config('vit', people, tmp_path)).model.state_dict(), 'meta': {}}, file)
    found = []
    for steps in (0, 7):
        config = run_config('vit', people, tmp_path / str(steps), HOOKS[:1])
        config.load_from = str(file)
        runner = build_run(config)
        if steps:
            runner._train_loop = EpochBasedTrainLoop(runner, config.test_dataloader, 1)
            runner._train_loop._iter = steps
        runner.test()
        found.append(posescope.open_store(tmp_path / str(steps) / 'features').identity['checkpoint'])
    assert found == [hashlib.sha256(file.read_bytes()).hexdigest(), weights_digest(runner.model)]


@VISBACKENDS.register_module()
class KeepingVisBackend(BaseVisBackend):
    """Keeps what it is told to show."""

    shown: ClassVar[list[tuple[str, int, np.ndarray]]] = []

    def _init_env(self) -> None:
        pass

    @property
    def experiment(self) -> 'KeepingVisBackend':
        return self

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **options: Any) -> None:
        self.shown.append((name, step, image))


LOOKS = """
custom_hooks = [
    dict(type='FeatureMapHook', layers=['head'], interval=2, people=3, pictures=1),
    dict(type='AttentionHook', required=False, interval=2),
]
vis_backends = [dict(type='LocalVisBackend'), dict(type='KeepingVisBackend')]
visualizer = dict(vis_backends=vis_backends)
"""


def test_looks_during_a_training(people: Path, tmp_path: Path, quick_pictures: None) -> None:
    KeepingVisBackend.shown.clear()
    for name, more in (('bare', ''), ('looked', LOOKS)):
        config = write_small_config(tmp_path / f'{name}.py', people.parent, epochs=3, val_interval=3, more=more)
        assert run_train([str(config), '--work-dir', str(tmp_path / name)]) == 0
    assert len(logged(tmp_path / 'bare')) == 6
    assert logged(tmp_path / 'looked') == logged(tmp_path / 'bare')
    bare, looked = (torch.load(tmp_path / name / 'epoch_3.pth')['state_dict'] for name in ('bare', 'looked'))
    assert all(torch.equal(looked[name], weight) for name, weight in bare.items())

    stores = tmp_path / 'looked' / 'features'
    assert sorted(path.name for path in stores.iterdir()) == ['epoch_0', 'epoch_2']
    before, after = (posescope.open_store(stores / f'epoch_{epoch}') for epoch in (0, 2))
    assert before.samples.keys == after.samples.keys == [(1, 1), (2, 3), (2, 4)]  # of four, evenly spaced
    assert not np.array_equal(before['head'][:], after['head'][:])
    assert after.complete

    shown = [(name, step) for name, step, _ in KeepingVisBackend.shown]
    assert shown == [('features_1_1_head', 0), ('features_1_1_head', 2)]
    for name, step, image in KeepingVisBackend.shown:
        (local,) = (tmp_path / 'looked').glob(f'*/vis_data/vis_image/{name}_{step}.png')
        np.testing.assert_array_equal(cv2.imread(str(local))[..., ::-1], image)


AVERAGED = """
custom_hooks = [
    dict(type='EMAHook', momentum=0.5, update_buffers=True, priority=49),
    dict(type='FeatureMapHook', layers=['head'], interval=1, people=2),
]
"""


def test_looks_at_the_weights_that_are_saved(people: Path, tmp_path: Path) -> None:
    """With a moving average of the weights, checkpoints hold the average: so do looks."""
    config = write_small_config(tmp_path / 'small.py', people.parent, epochs=1, more=AVERAGED)
    assert run_train([str(config), '--work-dir', str(tmp_path / 'run')]) == 0
    looked = posescope.open_store(tmp_path / 'run' / 'features' / 'epoch_1').identity['checkpoint']
    checkpoint = torch.load(tmp_path / 'run' / 'epoch_1.pth')
    assert looked == weights_digest(Weights(checkpoint['state_dict']))
    learnt = checkpoint['ema_state_dict']  # where MMEngine keeps them meanwhile
    assert looked != weights_digest(Weights({name: learnt[f'module.{name}'] for name in checkpoint['state_dict']}))


class Weights(torch.nn.Module):
    """A model that has nothing but its weights."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.weights = weights

    def state_dict(self, *args: Any, **options: Any) -> dict[str, torch.Tensor]:
        return self.weights


@TRANSFORMS.register_module()
class FarPicture(BaseTransform):
    """Says that a picture came from a store of objects, as with ``backend_args``, or does not say where from."""

    def __init__(self, path: str) -> None:
        self.path = path

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, 'img_path': self.path}


@pytest.mark.parametrize('path', ['s3://bucket/1.png', '', __file__], ids=['elsewhere', 'nowhere', 'no picture'])
def test_people_whose_photograph_cannot_be_read(
    path: str, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops: list[Crop] = []

    def draw(crop: Crop, arrays: Any, grids: Any) -> dict[str, Figure]:
        crops.append(crop)
        return {}

    monkeypatch.setattr('posescope.capture.hooks.feature_map_hook.draw_features', draw)
    config = run_config('resnet', people, tmp_path, [{'type': 'FeatureMapHook', 'layers': 'head', 'pictures': 2}])
    config.test_dataloader.dataset.pipeline.insert(1, {'type': 'FarPicture', 'path': path})
    config.log_level = 'INFO'
    build_run(config).test()
    assert [crop.photograph for crop in crops] == [None, None]
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert log.count('so maps are drawn without the photograph') == 1
    assert posescope.open_store(tmp_path / 'features').complete


@pytest.mark.parametrize(
    ('loop', 'more', 'message'),
    [
        ({}, 'val_dataloader = val_evaluator = val_cfg = None', 'takes its people from val_dataloader'),
        (
            {'iterations': 4, 'sampler': "dict(type='InfiniteSampler', shuffle=True)"},
            '',
            'counts epochs, but train_cfg counts iterations',
        ),
    ],
    ids=['no validation', 'iterations'],
)
def test_trainings_without_epochs_or_people(
    loop: dict, more: str, message: str, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    more += "\ncustom_hooks = [dict(type='FeatureMapHook', interval=1)]\n"
    config = write_small_config(tmp_path / 'small.py', people.parent, more=more, **loop)
    assert run_train([str(config), '--work-dir', str(tmp_path / 'run')]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error:')]
    assert f'FeatureMapHook: interval=1 {message}' in line
