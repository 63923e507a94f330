"""Rows of attention in a store are those of eager attention, at the cell under the joint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import posescope
from posescope.capture.hooks import AttentionHook
from posescope.errors import CaptureError, InputError
from tests.capture.model_runs import SIZE, build_run, crop_of, run_config
from tests.drawn_people import write_drawn_coco

CLOSE = {'rtol': 0, 'atol': 5e-5}
LAYERS = ('backbone.layers.0.attn', 'backbone.layers.1.attn')
ROWS, COLUMNS = 8, 6


def hook(**options: Any) -> dict[str, Any]:
    return {'type': 'AttentionHook', 'dtype': 'float32', **options}


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of four people in two pictures: a batch of three and one of one."""
    return write_drawn_coco(tmp_path_factory.mktemp('four'), num_images=2)


def eager(runner: Runner) -> dict[str, np.ndarray]:
    """(N, heads, L, L) of both layers of the ViT and, with ``@mirrored``, of the mirrored pictures."""
    model, found = runner.model, {}

    def attend(module: Any, inputs: Any) -> None:
        tokens = module.qkv(inputs[0])
        q, k, _ = tokens.view(*tokens.shape[:2], 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.mT / q.shape[-1] ** 0.5
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        found.setdefault(names[module] + passing[0], []).append(weights / weights.sum(-1, keepdim=True))

    names = {model.get_submodule(layer): layer for layer in LAYERS}
    passing = ['']
    handles = [module.register_forward_pre_hook(attend) for module in names]
    with torch.no_grad():
        for batch in runner.test_dataloader:
            inputs = model.data_preprocessor(batch, False)['inputs']
            for passing[0], pictures in (('', inputs), ('@mirrored', inputs.flip(-1))):
                model.backbone(pictures)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts).cpu().numpy() for name, parts in found.items()}


def queries_under(joints: np.ndarray, people: Path, mirrored: bool) -> np.ndarray:
    """(N, K) tokens under joints (N, K, 2) in image pixels."""
    found = []
    for person, xy in zip(json.loads(people.read_text())['annotations'], joints, strict=True):
        x, y, width, height = person['bbox']
        left, top = max(x, 0), max(y, 0)
        centre, scale = crop_of([left, top, x + width - left, min(y + height, 159) - top])
        pixels = ((xy - centre) / scale + 0.5) * SIZE
        columns = SIZE[0] - 1 - pixels[:, 0] if mirrored else pixels[:, 0]
        cells = np.stack([pixels[:, 1], columns], 1) / 16 - 5.5 / 16  # patches begin two pixels outside
        cells = np.floor(cells + 0.5).astype(int).clip(0, [ROWS - 1, COLUMNS - 1])
        found.append(cells[:, 0] * COLUMNS + cells[:, 1])
    return np.stack(found)


@pytest.mark.parametrize('heads', ['each', 'mean'])
def test_rows_under_predicted_joints(heads: str, people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('vit', people, tmp_path, [hook(heads=heads)], flip=True))
    weights = eager(runner)
    runner.test()
    store = posescope.open_store(tmp_path / 'attention')
    assert set(store.layers) == set(weights)
    assert len(store.layers) == 4
    for name, full in weights.items():
        queries = queries_under(store.samples.keypoints, people, '@' in name)
        assert len(np.unique(queries)) > 5
        expected = np.stack([of_person[:, rows] for of_person, rows in zip(full, queries, strict=True)])
        expected = expected.reshape(4, 2, 17, ROWS, COLUMNS)
        assert expected.max() > 2 / (ROWS * COLUMNS), 'attention is not flat'
        np.testing.assert_allclose(store[name][:], expected.mean(1) if heads == 'mean' else expected, **CLOSE)
        assert store.grid(name)['scale'] == [16, 16]
        assert store.grid(name)['offset'] == [5.5, 5.5]


def test_rows_under_labelled_joints(people: Path, tmp_path: Path) -> None:
    runner = build_run(
        run_config('vit', people, tmp_path, [hook(queries='labelled', mirrored=False, pictures=1)], flip=True)
    )
    weights = eager(runner)
    runner.test()
    store = posescope.open_store(tmp_path / 'attention')
    assert store.layers == LAYERS
    labels = np.array([person['keypoints'] for person in json.loads(people.read_text())['annotations']]).reshape(
        4, 17, 3
    )
    for name in LAYERS:
        queries = queries_under(labels[..., :2], people, False)
        expected = np.stack([of_person[:, rows] for of_person, rows in zip(weights[name], queries, strict=True)])
        expected[np.broadcast_to(labels[:, None, :, 2] == 0, expected.shape[:3])] = np.nan
        assert np.isnan(expected).any()
        np.testing.assert_allclose(store[name][:], expected.reshape(4, 2, 17, ROWS, COLUMNS), **CLOSE)
    assert (tmp_path / 'attention' / 'pictures' / '1_1_layers.png').is_file()


def test_detected_boxes_have_no_labelled_joints(people: Path, tmp_path: Path) -> None:
    """MMPose gives people from a box file joints at (0, 0), as if they had been labelled there."""
    boxes = tmp_path / 'dets.json'
    box = {'image_id': 1, 'category_id': 1, 'bbox': [10, 10, 60, 90], 'score': 0.9}
    boxes.write_text(json.dumps([box, {**box, 'image_id': 2}]))

    def config(queries: str) -> Config:
        made = run_config('vit', people, tmp_path / queries, [hook(queries=queries)])
        made.test_dataloader.dataset.bbox_file = str(boxes)
        return made

    runner = build_run(config('labelled'))
    message = rf"queries='labelled' takes labelled people, and these are boxes of {boxes}; choose 'predicted'"
    with pytest.raises(InputError, match=message):
        runner.test()
    assert 'forward' not in vars(runner.model.backbone)
    assert not (tmp_path / 'labelled' / 'attention').exists()
    build_run(config('predicted')).test()
    assert len(posescope.open_store(tmp_path / 'predicted' / 'attention').samples) == 2


def test_all_rows_and_rollout(people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('vit', people, tmp_path, [hook(queries='all', rollout=True)], flip=True))
    weights = eager(runner)
    runner.test()
    store = posescope.open_store(tmp_path / 'attention')
    assert set(store.layers) == {*weights, 'rollout', 'rollout@mirrored'}
    for name, full in weights.items():
        np.testing.assert_allclose(store[name][:], full.reshape(4, 2, 48, ROWS, COLUMNS), **CLOSE)
    for suffix in ('', '@mirrored'):
        first, second = (weights[layer + suffix].mean(1) / 2 + np.eye(48) / 2 for layer in LAYERS)
        expected = (second @ first).reshape(4, 1, 48, ROWS, COLUMNS)
        np.testing.assert_allclose(store['rollout' + suffix][:], expected, **CLOSE)


def test_between_joint_tokens(people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('rtmpose', people, tmp_path, [hook(pictures=1)]))
    tokens: list[torch.Tensor] = []
    unit = runner.model.head.gau
    handle = unit.register_forward_pre_hook(lambda module, inputs: tokens.append(inputs[0].clone()))
    with torch.no_grad():
        for batch in runner.test_dataloader:
            runner.model.test_step(batch)
        handle.remove()
        x = torch.cat(tokens)
        base = torch.nn.functional.silu(unit.uv(unit.ln(x)))[..., -unit.s :]
        q, k = (base * unit.gamma[i] + unit.beta[i] for i in range(2))
        expected = ((q @ k.mT).relu() ** 2 / unit.s).cpu().numpy()  # relu(qk/√s)²
    runner.test()
    store = posescope.open_store(tmp_path / 'attention')
    assert store.layers == ('head.gau',)
    assert store['head.gau'].shape == (4, 1, 17, 17)
    assert expected.max() > 1e-3
    np.testing.assert_allclose(store['head.gau'][:, 0], expected, rtol=1e-5, atol=5e-5)
    assert store.grid('head.gau') is None
    assert (tmp_path / 'attention' / 'pictures' / '1_1_head.gau.png').is_file()


def test_windows(people: Path, tmp_path: Path) -> None:
    """Rows of HRFormer cover the window of the joint's cell, and sum to one where no cell was padded."""
    build_run(run_config('hrformer', people, tmp_path, [hook(layers=['**.branches.0.**'])], flip=True)).test()
    store = posescope.open_store(tmp_path / 'attention')
    assert len(store.layers) == 6
    for layer in store.layers:
        assert store[layer].shape == (4, 1, 17, 32, 24)
        sums = store[layer][:].sum((3, 4))
        assert (sums < 1 + 1e-4).all()
        assert np.isclose(sums, 1, atol=1e-4).any()
        assert ((store[layer][:] > 0).sum((3, 4)) <= 49).all()


def test_model_without_attention(people: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = run_config('resnet', people, tmp_path / 'asked', [hook()])
    with pytest.raises(InputError, match='matches no attention'):
        build_run(config).test()
    config = run_config('resnet', people, tmp_path / 'default', [hook(required=False)])
    config.log_level = 'INFO'
    build_run(config).test()
    log = next((tmp_path / 'default').glob('*/*.log')).read_text()
    assert 'AttentionHook: this model has no attention; nothing is written' in log
    assert not (tmp_path / 'default' / 'attention').exists()


def test_what_only_calls_the_fused_function_is_read_unasked(people: Path, tmp_path: Path) -> None:
    """As --interpret does, for a module that nobody made a reader for."""

    class Attending(torch.nn.Module):
        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            tokens = maps.flatten(2).mT
            mixed = torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return mixed.mT.unflatten(2, maps.shape[2:])

    runner = build_run(run_config('resnet', people, tmp_path, [hook(required=False)]))
    runner.model.backbone.layer1.add_module('own', Attending())
    runner.test()
    assert posescope.open_store(tmp_path / 'attention').layers == ('backbone.layer1.own',)


def test_whole_images_have_no_joint_to_look_from(people: Path, tmp_path: Path) -> None:
    config = run_config('bottomup', people, tmp_path / 'asked', [hook()])
    with pytest.raises(InputError, match="queries='predicted' takes a model of one person"):
        build_run(config).test()
    build_run(run_config('bottomup', people, tmp_path / 'default', [hook(required=False)])).test()
    assert not (tmp_path / 'default' / 'attention').exists()


def test_bad_options(people: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"AttentionHook has no option 'head' \(nearest: heads"):
        AttentionHook(head='mean')
    for option, wrong, near in (('queries', 'predict', 'predicted'), ('heads', 'every', 'each')):
        with pytest.raises(InputError, match=f'{option}={wrong!r} is not one of .*{near}'):
            AttentionHook(**{option: wrong})
    with pytest.raises(InputError, match=r'nearest: backbone\.layers\.0\.attn'):
        build_run(run_config('vit', people, tmp_path, [hook(layers='backbone.layer.0.attn')])).test()


def test_rollout_over_other_tokens_is_refused(people: Path, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match='tokens must stay the same'):
        build_run(run_config('hrformer', people, tmp_path, [hook(rollout=True)])).test()
