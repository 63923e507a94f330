"""The released weights: what the graphs compute, and what comes out on real pictures."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, load_checkpoint
from mmpose.registry import MODELS

from posescope.compat.tfjs import GraphModel, read_graph_model
from tests.conftest import ROOT
from tests.models.tensorflow_graph import run_graph
from tools.test import main as run_test

pytestmark = pytest.mark.network

CONFIGS = {
    'thunder': ROOT / 'configs/selection/coco/td-hm_movenet-thunder_coco-256x256.py',
    'lightning': ROOT / 'configs/selection/coco/td-hm_movenet-lightning_coco-192x192.py',
}
GRAPH_SCOPES = {'heatmap': 'Sigmoid', 'center': 'Sigmoid_1', 'regress': 'kpt_regress_0/conv2d_6/BiasAdd',
                'offset': 'kpt_offset_0/conv2d_7/BiasAdd'}  # fmt: skip


@pytest.fixture
def weights(request: pytest.FixtureRequest) -> Path:
    path = ROOT / 'work_dirs' / 'weights' / f'movenet-{request.param}.pth'
    if not path.is_file():
        pytest.skip(f'{path.relative_to(ROOT)} is missing; `make movenet` fetches it')
    return path


def config(variant: str, real_coco: Path, work_dir: Path) -> Config:
    cfg = Config.fromfile(CONFIGS[variant])
    annotations = str(real_coco / 'test_coco.json')
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_dataloader.dataset.update(
        data_root='', ann_file=annotations, data_prefix={'img': str(real_coco)}, bbox_file=None
    )
    cfg.test_evaluator[0].ann_file = annotations
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.mark.parametrize(
    ('variant', 'weights', 'mode', 'expected'),
    [
        ('thunder', 'thunder', 'center_guided', 0.842),
        ('thunder', 'thunder', 'argmax', 0.784),
        ('lightning', 'lightning', 'center_guided', 0.768),
    ],
    indirect=['weights'],
)
def test_mean_oks_on_real_people(
    variant: str, weights: Path, mode: str, expected: float, real_coco: Path, tmp_path: Path
) -> None:
    """Expected values: measured with an independent implementation of model, cropping, decoding and similarity."""
    cfg = config(variant, real_coco, tmp_path)
    cfg.model.head.decoder.decode_mode = mode
    cfg.load_from = str(weights)
    metrics = Runner.from_cfg(cfg).test()
    assert metrics['oks/people'] == 12
    assert metrics['oks/mean'] == pytest.approx(expected, abs=0.02)
    assert metrics['coco/AP'] > 0.5


@pytest.mark.parametrize('weights', ['thunder'], indirect=True)
def test_diagnosis_on_real_people(
    weights: Path, real_coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """AP, the error budget, and no interval over four images."""
    data = [str(real_coco / 'test_coco.json'), str(real_coco)]
    arguments = [str(CONFIGS['thunder']), str(weights), '--work-dir', str(tmp_path), '--coco', *data]
    assert run_test(arguments) == 0
    shown = capsys.readouterr().out
    assert 'no interval: fewer than 50 images or scenes with people who count (4)' in shown
    assert 'error budget' in shown
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['coco/AP'] == pytest.approx(0.786, abs=0.01)
    assert metrics['coco/AP/low'] is None
    found = json.loads((tmp_path / 'diagnosis.json').read_text())
    assert found['labelled_joints'] == sum(one['count'] for one in found['classes'].values()) == 181
    assert found['classes']['good']['low'] is None


@pytest.mark.parametrize('weights', ['thunder', 'lightning'], indirect=True)
def test_checkpoint_fits_the_config_strictly(weights: Path) -> None:
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(Config.fromfile(CONFIGS[weights.stem.split('-')[1]]).model)
    load_checkpoint(model, str(weights), strict=True)


@pytest.fixture(scope='module')
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the released TensorFlow.js files."""
    from tools.fetch_movenet import fetch

    return fetch(tmp_path_factory.mktemp('npm'))


@pytest.mark.parametrize('variant', ['thunder', 'lightning'])
def test_released_graph_and_our_model_agree(variant: str, released: Path, real_coco: Path) -> None:
    """Run the graph node by node, decoding included, and compare four maps and the joints that it prints."""
    graph = read_graph_model(released / f'movenet-{variant}.json')
    cfg = Config.fromfile(CONFIGS[variant])
    model = converted(graph, cfg)
    size = cfg.codec.input_size[0]
    for image in crops(real_coco, size, 3):
        values = run_graph(graph, image[None].astype(np.int32))
        x = values['StatefulPartitionedCall/sub_1']
        data = model.data_preprocessor(
            {'inputs': [torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy())], 'data_samples': [_sample()]}
        )
        np.testing.assert_allclose(data['inputs'].numpy().transpose(0, 2, 3, 1), x, atol=1e-4)
        with torch.no_grad():
            output = model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), None, mode='tensor')
        for name, node in GRAPH_SCOPES.items():
            expected = values[f'StatefulPartitionedCall/{node}']
            np.testing.assert_allclose(
                getattr(output, name).numpy().transpose(0, 2, 3, 1), expected, atol=2e-4, err_msg=name
            )
        (keypoints,), (scores,) = model.head.decoder.batch_decode(*output)
        printed = values['Identity'].reshape(17, 3)  # y, x as shares of the picture, score
        np.testing.assert_allclose(keypoints[0] / size, printed[:, [1, 0]], atol=5e-4)
        np.testing.assert_allclose(scores[0], printed[:, 2], atol=1e-4)


def _sample() -> Any:
    from mmpose.structures import PoseDataSample

    return PoseDataSample()


def converted(graph: GraphModel, cfg: Config) -> torch.nn.Module:
    from posescope.models.movenet_weights import convert

    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(cfg.model)
    model.load_state_dict(convert(graph)[1], strict=True)
    return model.eval()


def crops(real_coco: Path, size: int, count: int) -> list[np.ndarray]:
    """RGB crops (size, size, 3) uint8 around labelled people."""
    data = json.loads((real_coco / 'test_coco.json').read_text())
    files = {image['id']: image['file_name'] for image in data['images']}
    found = []
    for person in [ann for ann in data['annotations'] if ann['num_keypoints'] >= 5][:count]:
        x, y, width, height = person['bbox']
        scale = size / (1.25 * max(width, height))
        center = np.array([x + width / 2, y + height / 2])
        matrix = np.c_[np.eye(2) * scale, size / 2 - center * scale]
        image = cv2.imread(str(real_coco / files[person['image_id']]))
        found.append(cv2.warpAffine(image, matrix, (size, size))[..., ::-1])
    return found
