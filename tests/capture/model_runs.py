"""Test runs of small models with random weights on drawn people, and what a plain forward says of the same people."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from mmpose.registry import METRICS
from torch import Tensor, nn

from posescope.capture.outputs import path_name, tensors_in
from posescope.engine.launch import adapt
from posescope.engine.runner import ResumableRunner
from tests.capture import pose_models as small

SIZE = small.SIZE
"""Width and height of the models' input."""
_SQUARE = (64, 64)
_NUMBERS = count()
_SIMCC = {'type': 'SimCCLabel', 'input_size': SIZE, 'sigma': 4.0, 'simcc_split_ratio': 2.0}
_MOVENET = {'type': 'MoveNetCodec', 'input_size': _SQUARE, 'heatmap_size': (16, 16), 'sigma': 2}


def _hrformer() -> dict[str, Any]:
    stages = small.hrnet_stages()
    for stage in (2, 3, 4):
        stages[f'stage{stage}'] |= {
            'block': 'HRFORMERBLOCK',
            'num_blocks': (1,) * stage,
            'num_heads': (1, 2, 2, 4)[:stage],
            'mlp_ratios': (2,) * stage,
            'window_sizes': (7,) * stage,
        }
    stages['stage1'] |= {'num_heads': [1], 'num_mlp_ratios': [2]}
    return {'type': 'HRFormer', 'extra': {**stages, 'with_rpe': True, 'drop_path_rate': 0.0}}


OTHERS: dict[str, dict[str, Any]] = {
    'hrformer': {
        'backbone': _hrformer(),
        'neck': {'type': 'FeatureMapProcessor', 'select_index': 0},
        'head': small.heatmap_head(8, small.msra(4)),
    },
    'simcc': {
        'backbone': small.BACKBONES['resnet'],
        'head': {
            'type': 'SimCCHead',
            'in_channels': 64,
            'out_channels': small.JOINTS,
            'input_size': SIZE,
            'in_featuremap_size': (SIZE[0] // 32, SIZE[1] // 32),
            'simcc_split_ratio': 2.0,
            'deconv_out_channels': None,
            'decoder': _SIMCC,
        },
    },
    'movenet': {
        'backbone': {'type': 'MoveNetBackbone', 'widen_factor': 0.25, 'last_channels': 64, 'norm_cfg': {'type': 'BN'}},
        'head': {'type': 'MoveNetHead', 'in_channels': 24, 'out_channels': small.JOINTS, 'decoder': _MOVENET},
    },
}
"""Top-down models besides those of pose_models."""


def model_config(name: str, flip: bool = False) -> dict[str, Any]:
    """A model of ``small.TOPDOWN``, of ``OTHERS``, or ``'bottomup'``, which has flip_test in any case."""
    preprocessor = {'type': 'PoseDataPreprocessor', 'mean': [100.0] * 3, 'std': [60.0] * 3, 'bgr_to_rgb': True}
    if name == 'bottomup':
        return {**small.bottomup(), 'data_preprocessor': preprocessor}
    if name in OTHERS:
        parts = OTHERS[name]
    else:
        parts = {'backbone': small.BACKBONES[name], 'neck': small.NECKS.get(name), 'head': small.HEADS[name]}
    return {
        'type': 'TopdownPoseEstimator',
        'data_preprocessor': preprocessor,
        **parts,
        'test_cfg': {'flip_test': flip, 'flip_mode': 'heatmap', 'shift_heatmap': False},
    }


class QuickConfig(Config):
    """A config that is not printed: formatting an HRFormer's takes fifteen seconds."""

    pretty_text = ''


@METRICS.register_module()
class NoMetric(BaseMetric):
    """Measures nothing, quickly."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        return {'nothing': 0.0}


def run_config(
    name: str,
    annotations: Path,
    work_dir: Path,
    hooks: Sequence[dict[str, Any]] = (),
    *,
    flip: bool = False,
    batch: int = 3,
    udp: bool = False,
) -> Config:
    """The config of a test run."""
    model = model_config(name, flip)
    size = _SQUARE if name == 'movenet' else SIZE
    bottomup = name == 'bottomup'
    cut = (
        [{'type': 'BottomupResize', 'input_size': size, 'use_udp': udp}]
        if bottomup
        else [{'type': 'GetBBoxCenterScale'}, {'type': 'TopdownAffine', 'input_size': size, 'use_udp': udp}]
    )
    dataset = {
        'type': 'CocoDataset',
        'data_root': str(annotations.parent),
        'ann_file': annotations.name,
        'data_prefix': {'img': ''},
        'data_mode': 'bottomup' if bottomup else 'topdown',
        'test_mode': True,
        'pipeline': [{'type': 'LoadImage'}, *cut, {'type': 'PackPoseInputs'}],
    }
    return QuickConfig({
        'default_scope': 'mmpose',
        'work_dir': str(work_dir),
        'model': model,
        'test_dataloader': {
            'batch_size': 1 if bottomup else batch,
            'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'dataset': dataset,
        },
        'test_evaluator': {'type': 'NoMetric'},
        'test_cfg': {},
        'custom_hooks': list(hooks),
        'vis_backends': [],
        'visualizer': {'type': 'PoseLocalVisualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]},
        'log_level': 'ERROR',
        'experiment_name': f'run{next(_NUMBERS)}',
    })  # fmt: skip


def build_run(config: Config) -> Runner:
    """A runner whose weights are drawn once and for all, norms included."""
    adapt(config)
    runner = ResumableRunner.from_cfg(config)  # build_runner would collect garbage, for a second
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in runner.model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / max(1.0, weight[0].numel()) ** 0.5)
        for module in runner.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.weight.abs_().add_(0.5)
                module.running_mean.copy_(torch.empty(module.num_features).normal_(std=0.1, generator=generator))
    runner.model.eval()
    return runner


def plain_forward(runner: Runner, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """What layers give for all people in the order of the data set, by the model's parts called one by one.

    Args:
        runner: Before its run.
        layers: ``backbone``, ``head``, or modules in them that are called as ``module(x)``.

    Returns:
        By output, and with ``@mirrored`` for the mirrored picture, in the model's own type.
    """
    model = runner.model
    found: dict[str, list[Tensor]] = {}

    def keep(name: str, output: Any, suffix: str) -> None:
        for path, tensor in tensors_in(output):
            found.setdefault(name + path_name(path) + suffix, []).append(tensor.clone())

    def watch(name: str, suffix: str) -> Callable[..., None]:
        return lambda module, inputs, output: keep(name, output, suffix)

    with torch.no_grad():
        for batch in runner.test_dataloader:
            inputs = model.data_preprocessor(batch, False)['inputs']
            mirrored = {'@mirrored': inputs.flip(-1)} if model.test_cfg.get('flip_test') else {}
            for suffix, pictures in {'': inputs, **mirrored}.items():
                inner = [layer for layer in layers if layer not in ('backbone', 'head')]
                handles = [model.get_submodule(layer).register_forward_hook(watch(layer, suffix)) for layer in inner]
                features = model.backbone(pictures)
                if 'backbone' in layers:
                    keep('backbone', features, suffix)
                output = model.head(model.neck(features) if model.with_neck else features)
                if 'head' in layers:
                    keep('head', output, suffix)
                for handle in handles:
                    handle.remove()
    return {name: torch.cat(tensors).cpu().numpy() for name, tensors in found.items()}


def predictions(runner: Runner) -> list[Any]:
    """What the model predicts, sample by sample."""
    with torch.no_grad():
        return [sample for batch in runner.test_dataloader for sample in runner.model.test_step(batch)]


def crop_of(box: Sequence[float], size: tuple[int, int] = SIZE, padding: float = 1.25) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size, image pixels, of the crop that ``TopdownAffine`` cuts for a COCO box x, y, width, height."""
    x, y, width, height = box
    scale = np.array([width, height]) * padding
    ratio = size[0] / size[1]
    scale = np.array([max(scale[0], scale[1] * ratio), max(scale[1], scale[0] / ratio)])
    return np.array([x + width / 2, y + height / 2]), scale
