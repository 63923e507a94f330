"""Every config in configs/selection/rendered: it crops as its codec decodes, it learns, and it predicts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.runner import set_random_seed
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS

from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco

FOLDER = ROOT / 'configs/selection/rendered'
CONFIGS = sorted(set(FOLDER.glob('*.py')) - {FOLDER / 'default.py'})
CUES = sorted((ROOT / 'configs/cues').glob('*.py'))
# What comes back from MoveNet's four maps is in tests/models/codecs/test_movenet_codec.py.
PLAIN_CODEC = [path for path in CONFIGS if 'movenet' not in path.stem]
each_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
QUICK = 'default', 'rtmpose_rendered-128x96', 'td-reg_res18_rendered-128x96'
"""Trained by `make test`, a few steps of each; `make test-all` trains all."""


@pytest.fixture(autouse=True)
def _reproducible() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # other tests run beside this one
    set_random_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def drawn_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of one drawn picture with two people."""
    return write_drawn_coco(tmp_path_factory.mktemp('pair'), num_images=1, people=2)


def dataset_of(loader: Config, annotations: Path) -> Any:
    """The loader's data set, with its own pipeline, on drawn people."""
    place = {'data_root': '', 'ann_file': str(annotations), 'data_prefix': {'img': str(annotations.parent)}}
    return DATASETS.build({**loader.dataset, **place})


def to_image(keypoints: np.ndarray, sample: dict[str, Any]) -> np.ndarray:
    """Carry keypoints (1, K, 2) of a crop back as MMPose's estimator does with predictions."""
    scale, center = sample['input_scale'], sample['input_center']
    return keypoints / sample['input_size'] * scale + center - 0.5 * scale


def spread(places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Share the probability of each place (K, 2) among its four cells, so that it is their mean; (K, H, W)."""
    columns, rows = (np.clip(1 - np.abs(np.arange(n) - places[:, axis, None]), 0, 1) for axis, n in enumerate(size))
    return (rows[:, :, None] * columns[:, None]).astype(np.float32)


@each_config
def test_what_all_have_in_common(path):
    config = Config.fromfile(path)
    assert config.custom_imports.imports == ['posescope']
    assert config.data_root == 'data/rendered_people/'
    assert config.model.test_cfg.flip_test is True
    assert config.train_cfg.max_epochs == config.epochs
    assert config.param_scheduler[-1].end == config.epochs, 'the schedule ends with the training'
    assert config.default_hooks.checkpoint.interval == config.epochs
    assert config.test_dataloader == config.val_dataloader
    assert config.model.get('backbone', {}).get('init_cfg') is None, 'nothing is downloaded'
    width, height = config.codec.input_size
    assert path.stem.endswith(f'rendered-{height}x{width}')


def test_the_default_is_one_of_them():
    default = Config.fromfile(FOLDER / 'default.py')
    assert default.to_dict() in [Config.fromfile(path).to_dict() for path in CONFIGS]


@pytest.mark.parametrize('path', CUES, ids=lambda path: path.stem)
def test_configs_with_cues_are_the_default_without_flips(path):
    default, config = Config.fromfile(FOLDER / 'default.py'), Config.fromfile(path)
    steps = list(config.train_dataloader.dataset.pipeline)
    cue = steps.pop(1)
    assert (cue.type, cue.cue, cue.strength) == ('PlantCue', 'band', 1.0)
    assert f'band-{cue.side}' in path.stem
    assert steps == [step for step in default.train_dataloader.dataset.pipeline if step.type != 'RandomFlip']
    assert config.model.pop('test_cfg').flip_test is False
    assert default.model.pop('test_cfg').flip_test is True
    for same in ('model', 'optim_wrapper', 'val_dataloader', 'test_dataloader'):
        assert config[same] == default[same], same
    assert config.param_scheduler[-1].end == config.train_cfg.max_epochs == config.epochs


@pytest.mark.parametrize('path', PLAIN_CODEC, ids=lambda path: path.stem)
def test_a_perfect_prediction_comes_back_to_the_labels(path, drawn_pair):
    """Through crop, target, decoding and the way back; a codec for UDP in another crop is off by up to a pixel."""
    config = Config.fromfile(path)
    config.val_dataloader.dataset.pipeline = config.val_pipeline[:-1]
    codec = KEYPOINT_CODECS.build(config.codec)
    for sample in dataset_of(config.val_dataloader, drawn_pair):
        crop, visible = sample['transformed_keypoints'], sample['keypoints_visible']
        encoded = codec.encode(crop.copy(), visible.copy())
        visible = encoded['keypoint_weights']  # nobody can point at a joint outside of the crop
        if 'keypoint_scales' in encoded:
            encoded['heatmaps'] = spread(encoded.pop('keypoint_labels')[0], config.codec.heatmap_size)
        names = ('heatmaps',), ('keypoint_x_labels', 'keypoint_y_labels'), ('keypoint_labels',)
        (targets,) = ([encoded[name] for name in group] for group in names if group[0] in encoded)
        decoded, _ = codec.decode(*targets)
        error = np.abs(to_image(decoded, sample) - sample['keypoints'])[visible > 0]
        pixel = (sample['input_scale'] / sample['input_size']).max()  # of the crop, in pixels of the picture
        assert error.max() < (0.26 if 'x_labels' in str(encoded.keys()) else 0.1) * pixel


@pytest.mark.parametrize(
    'path', [pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.long) for path in CONFIGS]
)
def test_a_few_steps_lower_the_loss_and_move_every_parameter(path, drawn_pair):
    config = Config.fromfile(path)
    config.train_dataloader.dataset.pipeline = [*config.val_pipeline[:-1], *config.train_pipeline[-2:]]
    dataset = dataset_of(config.train_dataloader, drawn_pair)
    model = MODELS.build(config.model)
    model.init_weights()
    model.train()
    config.optim_wrapper.optimizer.lr *= 0.1  # as early in the warm-up; the full rate is for later
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    batch = pseudo_collate([dataset[0], dataset[1]])
    moved, losses = {}, []
    for _ in range(6):  # Adam's first steps may overshoot: in HRNet the fourth does, by an amount of the processor
        before = {name: each.detach().clone() for name, each in model.named_parameters()}
        losses.append(model.train_step(batch, optim_wrapper)['loss'].item())
        for name, each in model.named_parameters():
            assert each.isfinite().all(), name
            moved[name] = moved.get(name, False) or not torch.equal(each, before[name])
    assert [name for name, any_change in moved.items() if not any_change] == []
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()

    model.eval()
    people = dataset_of(config.test_dataloader, drawn_pair)
    with torch.no_grad():
        predictions = model.test_step(pseudo_collate([people[0], people[1]]))
    for prediction in predictions:
        keypoints = prediction.pred_instances.keypoints
        assert keypoints.shape == (1, 17, 2)
        assert np.isfinite(keypoints).all()
        assert np.isfinite(prediction.pred_instances.keypoint_scores).all()
