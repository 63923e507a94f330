from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from posescope.errors import InputError
from posescope.explain.loading import load_function
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import bottomup
from tests.explain.small_models import config, crops, function, photograph
from tests.small_config import write_small_config


def test_weights_come_from_the_checkpoint(tmp_path: Path) -> None:
    trained = function('resnet')
    path = tmp_path / 'model.pth'
    weights = {f'module.{key}': value for key, value in trained.model.state_dict().items()}
    torch.save({'state_dict': weights, 'meta': {}}, path)
    loaded = load_function(config('resnet'), path, 'cpu')
    torch.testing.assert_close(loaded(crops()).heatmap, trained(crops()).heatmap, rtol=0, atol=0)
    assert not loaded.model.training


def test_a_config_file_is_enough(tmp_path: Path, drawn_coco: Path, capfd: pytest.CaptureFixture) -> None:
    path = write_small_config(tmp_path / 'config.py', drawn_coco.parent)
    torch.manual_seed(3)
    made = PoseFunction.from_files(path, device='cpu')
    assert made.input_size == (64, 96)
    assert made.people_of(photograph()).inputs.shape == (1, 3, 96, 64)
    assert 'Initialized by' not in ''.join(capfd.readouterr())
    torch.manual_seed(3)
    again = PoseFunction.from_files(path, device='cpu')
    for key, value in made.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key])


def test_pretrained_weights_are_not_fetched_and_the_config_is_not_changed() -> None:
    wanted = config('resnet')
    pretrained = {'type': 'Pretrained', 'checkpoint': 'https://download.example/none.pth'}
    wanted.model.backbone.init_cfg = pretrained
    load_function(wanted, device='cpu')
    assert wanted.model.backbone.init_cfg == pretrained


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': function('simcc').model.state_dict()}, path)
    with pytest.raises(InputError, match='holds weights of another architecture than TopdownPoseEstimator'):
        load_function(config('resnet'), path)
    with pytest.raises(InputError, match=r'checkpoint .*none\.pth does not exist'):
        load_function(config('resnet'), tmp_path / 'none.pth')


def test_a_bottom_up_config_is_refused_by_name_before_its_checkpoint_is_read() -> None:
    wanted = Config({'model': bottomup(), 'test_dataloader': config('resnet').test_dataloader})
    with pytest.raises(InputError, match='BottomupPoseEstimator with AssociativeEmbeddingHead cannot be explained'):
        load_function(wanted, 'none.pth')


def test_what_the_config_lacks_is_named() -> None:
    with pytest.raises(InputError, match='lacks test_dataloader'):
        load_function(Config({'model': config('resnet').model}))
    with pytest.raises(InputError, match='has no pipeline'):
        load_function(Config({'model': config('resnet').model, 'test_dataloader': {'dataset': {}}}))


def test_a_data_set_may_be_wrapped() -> None:
    wanted = config('resnet')
    wanted.test_dataloader.dataset = {'type': 'RepeatDataset', 'times': 1, 'dataset': wanted.test_dataloader.dataset}
    assert load_function(wanted, device='cpu').people_of(photograph()).inputs.shape == (1, 3, 128, 96)


@pytest.mark.parametrize('inner', [False, True])
def test_several_data_sets_may_be_joined(inner: bool) -> None:
    """Their joints are converted to those of the whole, as in the RTMPose configs of MMPose; photographs have none."""
    wanted = config('resnet')
    pipeline = wanted.test_dataloader.dataset.pipeline
    convert = {'type': 'KeypointConverter', 'num_keypoints': 17, 'mapping': [(0, 0)]}
    wanted.test_dataloader.dataset = {
        'type': 'CombinedDataset',
        'metainfo': {'from_file': 'configs/_base_/datasets/coco.py'},
        'datasets': [{'type': 'MpiiDataset', 'pipeline': [convert, *pipeline] if inner else [convert]}],
        'pipeline': [] if inner else pipeline,
    }
    made = load_function(wanted, device='cpu')
    assert made.joints[9] == 'left_wrist'
    expected = load_function(config('resnet'), device='cpu').people_of(photograph()).inputs
    assert torch.equal(made.people_of(photograph()).inputs, expected)


def test_a_device_that_is_not_there_is_refused_before_anything_is_built() -> None:
    with pytest.raises(InputError, match=r"device 'gpu' cannot be used \(here there are: cpu"):
        load_function(Config(), 'none.pth', 'gpu')
