import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from posescope.compat.tfjs import GraphModel, read_graph_model
from posescope.errors import InputError
from posescope.models.movenet_weights import VARIANTS, convert, convert_file
from tests.models.random_movenet import write_random_movenet
from tests.models.tensorflow_graph import run_graph

BRANCHES = {'heatmap': 'kpt_heatmap_0', 'center': 'center_0', 'regress': 'kpt_regress_0', 'offset': 'kpt_offset_0'}


@pytest.fixture(scope='module')
def random_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_movenet(tmp_path_factory.mktemp('tfjs') / 'model.json')


def build(variant: str, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    model = MODELS.build(
        {
            'type': 'TopdownPoseEstimator',
            'backbone': {'type': 'MoveNetBackbone', 'widen_factor': VARIANTS[variant]},
            'head': {'type': 'MoveNetHead'},
        }
    )
    model.load_state_dict(state, strict=True)
    return model.eval()


def test_every_module_computes_what_the_graph_computes(random_graph: Path) -> None:
    graph = read_graph_model(random_graph)
    variant, state = convert(graph)
    assert variant == 'lightning'
    image = np.random.default_rng(1).normal(0, 0.5, (1, 64, 64, 3)).astype(np.float32)
    values = run_graph(graph, image)
    model = build(variant, state)
    with torch.no_grad():
        output = model(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()), None, mode='tensor')
    for name, scope in BRANCHES.items():
        raw = next(v for k, v in values.items() if scope in k and '/conv2d_' in k and k.endswith('BiasAdd'))
        expected = 1 / (1 + np.exp(-raw)) if name in ('heatmap', 'center') else raw
        ours = getattr(output, name).numpy().transpose(0, 2, 3, 1)
        assert ours.std() > 1e-3
        np.testing.assert_allclose(ours, expected, atol=1e-4, err_msg=name)


def test_checkpoint_is_plain_and_complete(random_graph: Path, tmp_path: Path) -> None:
    target = tmp_path / 'new' / 'movenet.pth'
    assert convert_file(random_graph, target) == 'lightning'
    checkpoint = torch.load(target, weights_only=True)
    assert checkpoint['meta']['widen_factor'] == 1.0
    build('lightning', checkpoint['state_dict'])
    assert [path.name for path in target.parent.iterdir()] == ['movenet.pth']


def test_other_architecture_names_what_differs(random_graph: Path, tmp_path: Path) -> None:
    graph = read_graph_model(random_graph)
    renamed = [
        node.__class__(
            node.name, node.op, tuple(i.replace('block_7_', 'stage_7_') for i in node.inputs), node.attributes
        )
        for node in graph.nodes
    ]
    weights = {name.replace('block_7_', 'stage_7_'): value for name, value in graph.weights.items()}
    with pytest.raises(
        InputError, match=r'without counterpart: .*stage_7_expand.*not found: backbone\.layer4\.1\.conv\.0'
    ):
        convert(GraphModel(renamed, weights))
    name = next(name for name in graph.weights if 'kpt_offset_0/conv2d' in name and 'Conv2D' in name)
    wrong = graph.weights | {name: graph.weights[name][..., :4]}
    with pytest.raises(InputError, match=r'head\.offset\.1\.weight is \(4, 96, 1, 1\), not \(34, 96, 1, 1\)'):
        convert(GraphModel(graph.nodes, wrong))
    empty = tmp_path / 'empty.json'
    empty.write_text(json.dumps({'modelTopology': {'node': []}, 'weightsManifest': []}))
    with pytest.raises(InputError, match=r'empty\.json: not a single-person movenet-thunder or movenet-lightning'):
        convert_file(empty, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()
