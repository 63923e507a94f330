"""Every config in configs/selection/coco: what it inherits, one step of training, and a run through tools/test.py."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmpose
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.fileio import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, set_random_seed
from mmpose.registry import DATASETS, MODELS

from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco
from tools.test import main

MMPOSE_CONFIGS = Path(mmpose.__file__).parent / '.mim/configs'
CONFIGS = sorted((ROOT / 'configs/selection/coco').glob('*.py'))
FROM_MMPOSE = {
    'rtmpose-m_coco-256x192': (192, 256),
    'rtmpose-s_coco-256x192': (192, 256),
    'simcc_res50_coco-256x192': (192, 256),
    'td-hm_ViTPose-base_coco-256x192': (192, 256),
    'td-hm_ViTPose-small_coco-256x192': (192, 256),
    'td-hm_hourglass52_coco-256x256': (256, 256),
    'td-hm_hrformer-base_coco-256x192': (192, 256),
    'td-hm_hrformer-small_coco-256x192': (192, 256),
    'td-hm_hrnet-w32_coco-256x192': (192, 256),
    'td-hm_res50_coco-256x192': (192, 256),
    'td-reg_res50_rle_coco-256x192': (192, 256),
}
"""Config that inherits from MMPose -> (width, height) of its input, as its name says in reverse order."""
# MMPose builds the blocks between two stacks of an hourglass also behind the last, and here only, stack.
UNUSED_PARAMETERS = {'td-hm_hourglass52_coco-256x256': r'backbone\.inters\.0\.'}

LARGE = ('hourglass52', 'hrformer-base', 'hrformer-small', 'ViTPose-base', 'rtmpose-m', 'td-reg_res50_rle')
"""Trained and tested by ``make test-all``: each takes about twenty seconds of a core, or has a small rendered twin."""

each_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
each_inherited = pytest.mark.parametrize(
    'path', [ROOT / f'configs/selection/coco/{name}.py' for name in FROM_MMPOSE], ids=lambda path: path.stem
)


def base_of(path: Path) -> str:
    """The ``_base_`` that a config names, without ``mmpose::``."""
    (base,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_'
    )
    scope, _, name = base.partition('::')
    assert scope == 'mmpose'
    return name


def metafile_entry(base: str) -> dict[str, Any]:
    """What MMPose's metafiles say about its own config ``base``."""
    (entry,) = (
        model
        for metafile in (MMPOSE_CONFIGS / base).parent.glob('*.yml')
        for model in yaml.safe_load(metafile.read_text())['Models']
        if model['Config'] == f'configs/{base}'
    )
    return entry


def published_ap(path: Path) -> str | None:
    """What a config says was published."""
    stated = re.search(r'^# Published: ([\d.]+) AP on COCO val2017', path.read_text(), re.MULTILINE)
    return stated and stated[1]


def expanded(pattern: str) -> list[str]:
    """Names that a pattern with one pair of braces, or none, stands for."""
    before, opened, rest = pattern.partition('{')
    choices, _, after = rest.partition('}')
    return [f'{before}{choice}{after}' for choice in choices.split(',')] if opened else [pattern]


def without_scope(value: Any) -> Any:
    """A copy without the ``_scope_='mmpose'`` that mmengine writes into what is inherited across packages."""
    if isinstance(value, dict):
        return {key: without_scope(entry) for key, entry in value.items() if (key, entry) != ('_scope_', 'mmpose')}
    if isinstance(value, list | tuple):
        return [without_scope(entry) for entry in value]
    return value


@each_config
def test_config_parses_and_registers_posescope(path):
    config = Config.fromfile(path)
    assert 'posescope' in config.custom_imports.imports
    assert config.custom_imports.allow_failed_imports is False
    assert config.default_scope == 'mmpose'


@each_inherited
def test_everything_else_is_as_in_mmpose(path):
    ours = Config.fromfile(path).to_dict()
    theirs = Config.fromfile(MMPOSE_CONFIGS / base_of(path)).to_dict()
    assert ours.pop('checkpoint_url')
    added = ours.pop('custom_imports')['imports']
    inherited = theirs.pop('custom_imports', {'imports': []})['imports']
    assert added == ['posescope', *inherited]
    assert without_scope(ours) == without_scope(theirs)
    assert tuple(ours['codec']['input_size']) == FROM_MMPOSE[path.stem]


@each_inherited
def test_checkpoint_and_published_ap_stand_in_mmposes_metafile(path):
    entry = metafile_entry(base_of(path))
    assert Config.fromfile(path).checkpoint_url == entry['Weights']
    assert float(published_ap(path)) == pytest.approx(100 * entry['Results'][0]['Metrics']['AP'])


def test_the_readme_lists_every_config_and_what_was_published():
    rows = re.findall(r'^\| [^|]+ \| (`[^|]+\.py`) \| ([^|]+) \|$', (ROOT / 'README.md').read_text(), re.MULTILINE)
    listed = {}
    for configs, stated in rows:
        paths = [path for pattern in re.findall(r'`([^`]+)`', configs) for path in expanded(pattern)]
        listed |= zip(paths, stated.split(', ') if stated[0].isdigit() else [None] * len(paths), strict=True)
    assert listed == {path.name: published_ap(path) for path in CONFIGS}


def test_transpose_is_as_large_as_that_of_its_paper():
    """6.0 million parameters (arXiv 2012.14214, TransPose-R-A4), which count the codes of 32 × 24 places."""
    model = MODELS.build(Config.fromfile(ROOT / 'configs/selection/coco/transpose_res50_coco-256x192.py').model)
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert (weights + 32 * 24 * 256) / 1e6 == pytest.approx(6.0, abs=0.05)


def test_custom_imports_suffice_under_mmposes_own_tools():
    """A fresh process that never imports posescope itself builds a model with attention and its own optimiser rules."""
    config = ROOT / 'configs/selection/coco/td-hm_ViTPose-small_coco-256x192.py'
    script = f"""
from mmengine.config import Config
config = Config.fromfile({str(config)!r})
from mmengine.registry import DefaultScope, OPTIM_WRAPPER_CONSTRUCTORS
from mmpose.registry import MODELS
with DefaultScope.overwrite_default_scope('mmpose'):
    print(type(MODELS.build(config.model).backbone).__name__)
print(OPTIM_WRAPPER_CONSTRUCTORS.get(config.optim_wrapper.constructor).__name__)
"""
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ['VisionTransformer', 'LayerDecayOptimWrapperConstructor']


@pytest.fixture(scope='module')
def drawn_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of one drawn picture with two people."""
    return write_drawn_coco(tmp_path_factory.mktemp('pair'), num_images=1, people=2)


@pytest.fixture(scope='module', autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Step:
    """What one step of training did to a model: ``checkpoint`` holds the model after it."""

    losses: dict[str, float]
    without_gradient: list[str]
    unchanged: list[str]
    not_finite: list[str]
    checkpoint: Path


def build_model(config: Config) -> torch.nn.Module:
    """The config's model with random weights, no two alike and no branch switched off."""
    config.model.backbone.init_cfg = None  # the pretrained backbone would come from the internet
    model = MODELS.build(config.model)
    model.init_weights()
    with torch.no_grad():
        for parameter in model.parameters():
            # Residual branches that start at exactly zero would hide whatever lies on them from the gradient …
            parameter.add_(0.01 * torch.randn_like(parameter))
    for module in model.modules():
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.0  # … and so would stochastic depth, when it drops both samples.
    return model.train()


def location(annotations: Path) -> dict[str, Any]:
    """Options of a dataset that make it read ``annotations`` and the pictures beside it."""
    return {'data_root': '', 'ann_file': str(annotations), 'data_prefix': {'img': str(annotations.parent)}}


def take_step(config: Config, annotations: Path, checkpoint: Path) -> Step:
    """Train the config's model for one step on two drawn people, through its own pipeline, codec and optimiser."""
    dataset = DATASETS.build({**config.train_dataloader.dataset, **location(annotations)})
    model = build_model(config)
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
    loss, losses = model.parse_losses(model(**batch, mode='loss'))
    optim_wrapper.backward(loss)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    without_gradient = [name for name, each in trained.items() if each.grad is None or not each.grad.any()]
    optim_wrapper.step()

    torch.save({'state_dict': model.state_dict()}, checkpoint)
    return Step(
        losses={name: float(value) for name, value in losses.items()},
        without_gradient=without_gradient,
        unchanged=[name for name, each in trained.items() if torch.equal(each, before[name])],
        not_finite=[name for name, each in model.state_dict().items() if not each.isfinite().all()],
        checkpoint=checkpoint,
    )


@pytest.fixture(
    scope='module',
    params=[
        pytest.param(path, marks=pytest.mark.long if any(name in path.stem for name in LARGE) else (), id=path.stem)
        for path in CONFIGS
    ],
)
def path_and_step(request, drawn_pair, tmp_path_factory) -> Iterator[tuple[Path, Step]]:
    """A config and what its first step of training did; both tests below share it."""
    set_random_seed(0)
    config = Config.fromfile(request.param)
    checkpoint = tmp_path_factory.mktemp('step') / 'random.pth'
    with DefaultScope.overwrite_default_scope(config.default_scope):
        yield request.param, take_step(config, drawn_pair, checkpoint)
    checkpoint.unlink()  # up to 380 MB each


def test_one_step_trains_every_parameter(path_and_step):
    path, step = path_and_step
    assert step.losses['loss'] > 0
    assert torch.tensor(list(step.losses.values())).isfinite().all()
    unused = UNUSED_PARAMETERS.get(path.stem, '$never')
    assert [name for name in step.without_gradient if not re.match(unused, name)] == []
    assert [name for name in step.unchanged if not re.match(unused, name)] == []
    assert step.not_finite == []


def run_test_tool(path: Path, checkpoint: Path, annotations: Path, work_dir: Path, *options: str) -> int:
    """Run ``tools/test.py`` on drawn people in this process and return its exit status."""
    arguments = [str(path), str(checkpoint), '--work-dir', str(work_dir), *options]
    arguments += ['--coco', str(annotations), str(annotations.parent), '--cfg-options']
    return main([*arguments, 'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False'])


def test_random_checkpoint_runs_through_tools_test(path_and_step, drawn_pair, tmp_path):
    path, step = path_and_step
    assert run_test_tool(path, step.checkpoint, drawn_pair, tmp_path) == 0
    (metrics,) = tmp_path.rglob('metrics.json')
    assert 0 <= json.loads(metrics.read_text())['coco/AP'] <= 1


def test_predictions_equal_those_of_mmpose(drawn_pair, tmp_path):
    """The same weights under MMPose's config and mmengine's Runner, and under ours and tools/test.py."""
    path = ROOT / 'configs/selection/coco/td-hm_res50_coco-256x192.py'
    checkpoint = tmp_path / 'random.pth'
    theirs = Config.fromfile(MMPOSE_CONFIGS / base_of(path))
    with DefaultScope.overwrite_default_scope('mmpose'):
        torch.save({'state_dict': build_model(Config.fromfile(path)).state_dict()}, checkpoint)
    theirs.test_dataloader.update(num_workers=0, persistent_workers=False)
    theirs.test_dataloader.dataset.update(**location(drawn_pair), bbox_file=None)
    theirs.test_evaluator = {'type': 'DumpResults', 'out_file_path': str(tmp_path / 'theirs.pkl')}
    theirs.update(work_dir=str(tmp_path / 'theirs'), load_from=str(checkpoint))
    Runner.from_cfg(theirs).test()

    dump = tmp_path / 'ours.pkl'
    assert run_test_tool(path, checkpoint, drawn_pair, tmp_path / 'ours', '--dump', str(dump)) == 0
    checkpoint.unlink()  # 136 MB

    pairs = list(zip(load(dump), load(tmp_path / 'theirs.pkl'), strict=True))
    assert len(pairs) == 2
    for mine, reference in pairs:
        for key in ('keypoints', 'keypoint_scores', 'bboxes'):
            np.testing.assert_array_equal(mine['pred_instances'][key], reference['pred_instances'][key], err_msg=key)
