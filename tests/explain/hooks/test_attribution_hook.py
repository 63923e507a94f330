"""What the hook writes is what methods say of the same people."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.runner import Runner
from safetensors.numpy import load_file
from scipy.ndimage import binary_dilation

from posescope.capture.interpret import add_interpretation
from posescope.engine.launch import adapt
from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file, skeleton_of_metainfo
from posescope.explain.attribution import BoneFrames
from posescope.explain.explanation import Explainer
from posescope.explain.explanation_content import person_content
from posescope.explain.hooks.attribution_hook import AttributionHook
from posescope.explain.person_mask import labelled_mask
from posescope.explain.pose_function import PoseFunction
from tests.capture.model_runs import QuickConfig, build_run, run_config
from tests.drawn_people import write_drawn_coco
from tests.explain.hooks.traces import traces
from tests.small_config import write_small_config

JOINTS = ['nose', 'left_wrist']
METHODS = ['hirescam']
METHODS_WITHOUT_ATTENTION = ['occlusion', 'rise', 'blur_integrated_gradients', 'captum']
HOOK = {'type': 'AttributionHook', 'method': METHODS, 'joints': JOINTS}


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of four people in two pictures."""
    return write_drawn_coco(tmp_path_factory.mktemp('four'), num_images=2)


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draw next to nothing, where pictures themselves are not tested."""
    for name in ('explanation_figures.draw_joint_maps', 'pictures.draw_bone_average'):
        monkeypatch.setattr(f'posescope.explain.{name}', lambda *args, **options: Figure((1, 1)))
    return


def test_a_test_writes_what_methods_say(people: Path, tmp_path: Path) -> None:
    config = run_config('resnet', people, tmp_path, flip=True)
    config.interpret = {'hooks': [{**HOOK, 'people': 3, 'pictures': 1, 'batch_size': 2}]}
    add_interpretation(config)
    runner = build_run(config)
    runner.test()
    folder = tmp_path / 'attribution'
    assert {path.name for path in folder.glob('*.png')} == {
        f'{what}_{method}.png' for what in ('1_1', 'bone_relative') for method in METHODS
    }
    content = json.loads((folder / 'explanation.json').read_text())
    assert content['maps'] == 'pixels of the input'
    who = [(person['image_id'], person['person_id'], Path(person['picture']).name) for person in content['people']]
    assert who == [(1, 1, '000001.png'), (2, 3, '000002.png'), (2, 4, '000002.png')]  # of four, evenly spaced

    dataset = runner.test_loop.dataloader.dataset
    function = PoseFunction(runner.model, skeleton_of_metainfo(dataset.metainfo))
    explainer = Explainer(function, METHODS, joints=JOINTS)
    seen = explainer.look(function.batch([dataset[index] for index in (0, 2, 3)]))
    found = load_file(folder / 'maps.safetensors')
    frames = {method: BoneFrames(function.skeleton) for method in explainer.methods}
    for person in range(3):
        maps = {method: explainer.maps(seen, person, method) for method in explainer.methods}
        expected = json.loads(json.dumps(person_content(explainer, seen, person, maps)))
        for joint in JOINTS:
            written = content['people'][person]['joints'][joint]['methods']['hirescam']
            wanted = expected['joints'][joint]['methods']['hirescam']
            assert written['positive'] == pytest.approx(wanted['positive'], rel=1e-3)
            assert written['centre'] == pytest.approx(wanted['centre'], rel=1e-3)
        for method, values in maps.items():
            frames[method].add(values[None], seen.pose.places[person : person + 1], [0, 9])
            if person == 0:
                for number, joint in enumerate(JOINTS):
                    close(found[f'1_1/{method}/{joint}'], values[number].cpu().numpy())
    for method, frame in frames.items():
        for joint, index in (('nose', 0), ('left_wrist', 9)):
            close(found[f'bone_relative/{method}/{joint}'], frame.average().mean[index].cpu().numpy())
    assert len(found) == 4


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.nanmax(np.abs(expected)))


@pytest.mark.usefixtures('quick_pictures')
def test_a_training_writes_every_few_epochs_and_nothing_else_changes(people: Path, tmp_path: Path) -> None:
    path = write_small_config(tmp_path / 'config.py', people.parent)
    config = QuickConfig(Config.fromfile(path).to_dict())
    config.update(work_dir=str(tmp_path), log_level='ERROR', experiment_name='attributed')
    adapt(config)
    runner = Runner.from_cfg(config)
    hook = AttributionHook('saliency', people=2, pictures=1, interval=2, photograph=False)
    hook.before_train(runner)
    runner.model.train()
    runner.model.backbone.bn1.eval()  # one that somebody froze
    before = traces(runner)
    for epoch in range(4):
        runner.train_loop._epoch = epoch
        hook.after_train_epoch(runner)
    assert traces(runner) == before
    assert [folder.name for folder in sorted(tmp_path.glob('attribution*'))] == [
        'attribution_epoch_2',
        'attribution_epoch_4',
    ]
    assert (tmp_path / 'attribution_epoch_4' / 'explanation.json').is_file()
    assert 'saliency' in next(iter(load_file(tmp_path / 'attribution_epoch_2' / 'maps.safetensors')))


@pytest.mark.usefixtures('quick_pictures')
def test_options_of_methods_and_masks_of_the_annotation(people: Path, tmp_path: Path) -> None:
    """The first person's mask is the upper half of the picture; the second has none."""
    content = json.loads(people.read_text())
    height, width = content['images'][0]['height'], content['images'][0]['width']
    content['annotations'][0]['segmentation'] = {'size': [height, width], 'counts': [0, *[height // 2] * 2 * width]}
    (tmp_path / 'masked.json').write_text(json.dumps(content))
    asked = [{'type': 'occlusion', 'baseline': name, 'window': 48} for name in ('mean', 'blur')]
    hook = {**HOOK, 'method': asked, 'target': {'type': 'log_probability'}, 'joints': ['nose']}
    config = run_config('resnet', people, tmp_path, [{**hook, 'people': 2, 'pictures': 1}])
    config.test_dataloader.dataset.ann_file = str(tmp_path / 'masked.json')
    config.test_dataloader.dataset.indices = 2
    runner = build_run(config)
    runner.test()
    names = ['occlusion-baseline-mean', 'occlusion-baseline-blur']
    written = json.loads((tmp_path / 'attribution' / 'explanation.json').read_text())
    assert list(written['methods']) == names
    assert written['target'] == 'log_probability'
    found = load_file(tmp_path / 'attribution' / 'maps.safetensors')
    assert {name for name in found if name.startswith('1_1/')} == {f'1_1/{name}/nose' for name in names}
    assert {path.name for path in (tmp_path / 'attribution').glob('1_1_*.png')} == {f'1_1_{name}.png' for name in names}
    first, second = written['people']
    assert (first['mask']['source'], second['mask']['missing']) == ('segmentation', 'no mask of the person')
    dataset = runner.test_loop.dataloader.dataset
    function = PoseFunction(runner.model, skeleton_of_metainfo(dataset.metainfo))
    crops = function.batch([dataset[0]])
    covered = labelled_mask(crops, 0).pixels
    assert covered is not None
    wide = binary_dilation(covered, np.ones((5, 5)))
    for name in names:
        values = np.clip(found[f'1_1/{name}/nose'].astype(np.float64), 0, None)
        expected = values[wide].sum() / values.sum() * wide.size / wide.sum()
        assert first['joints']['nose']['methods'][name]['fi'] == pytest.approx(expected, rel=1e-3)
        assert second['joints']['nose']['methods'][name]['fi'] is None
    assert all(first['joints']['nose']['without_model'][name]['fi'] > 0 for name in ('centred_gaussian', 'random'))


def test_agreement_of_attention_stands_beside_its_maps(people: Path, tmp_path: Path) -> None:
    hook = {**HOOK, 'method': 'attention_rollout', 'joints': ['nose'], 'people': 2, 'pictures': 1, 'photograph': False}
    build_run(run_config('vit', people, tmp_path, [hook])).test()
    first, second = json.loads((tmp_path / 'attribution' / 'explanation.json').read_text())['people']
    tested = first['attention']['attention_rollout']
    assert -1 <= tested['agreement'] == tested['joints']['nose'] <= 1
    assert tested['note'].startswith('tested: agreement ')
    assert second['attention'] == {'attention_rollout': {'agreement': None, 'note': 'not tested'}}


def test_what_cannot_be_explained_is_refused_before_the_test(people: Path, tmp_path: Path) -> None:
    for name, hook, complaint in (
        ('bottomup', HOOK, 'BottomupPoseEstimator with AssociativeEmbeddingHead cannot be explained'),
        ('resnet', {**HOOK, 'target': 'displacement'}, 'means nothing for the heatmap head'),
        ('resnet', {**HOOK, 'method': 'hirescan'}, 'nearest: hirescam'),
    ):
        runner = build_run(run_config(name, people, tmp_path, [hook]))
        runner.test_loop.evaluator.process = None
        with pytest.raises(InputError, match=complaint):
            runner.test()
    assert not list(tmp_path.glob('attribution*'))


def test_what_only_a_person_shows_is_refused_before_the_test_too(people: Path, tmp_path: Path) -> None:
    (tmp_path / 'taken').mkdir()
    (tmp_path / 'taken' / 'thesis.tex').touch()
    runner = build_run(run_config('resnet', people, tmp_path))
    for options, complaint in (
        ({'layer': 'backbone.layer9'}, 'nearest: backbone.layer'),
        ({'target': 'against_person'}, "AttributionHook: target 'against_person' needs two people"),
        ({'method': 'attention_rollout'}, 'needs attention between cells of the picture'),
        ({'method': {'type': 'rise', 'mask': 3}}, r"method 'rise' has no option 'mask' \(nearest: masks"),
        ({'target': {'type': 'value', 'beta': 3}}, r"target 'value' has no option 'beta' \(it has none"),
        ({'out_dir': 'taken'}, 'taken holds other things than an explanation'),
    ):
        with pytest.raises(InputError, match=complaint):
            AttributionHook(**options).before_test_epoch(runner)
    for method in METHODS_WITHOUT_ATTENTION:
        AttributionHook(method).before_test_epoch(runner)
    packing = runner.test_loop.dataloader.dataset.pipeline.transforms[-1]
    packing.meta_keys = ('input_center', 'input_scale', 'input_size', 'id')
    with pytest.raises(InputError, match='AttributionHook: data samples lack img_id, ori_shape: let PackPoseInputs'):
        AttributionHook().before_test_epoch(runner)


@pytest.mark.usefixtures('quick_pictures')
def test_data_sets_in_one_with_equal_ids_and_joints_without_links(people: Path, tmp_path: Path) -> None:
    joints = ['left_ear', 'nose']
    config = run_config('resnet', people, tmp_path, [{**HOOK, 'joints': joints, 'people': 8, 'pictures': 8}])
    pipeline = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset = {
        'type': 'CombinedDataset',
        'metainfo': {'from_file': 'configs/_base_/datasets/posetrack18.py'},  # nothing is linked to its ears
        'datasets': [{**config.test_dataloader.dataset, 'pipeline': []}] * 2,
        'pipeline': pipeline,
    }
    build_run(config).test()
    folder = tmp_path / 'attribution'
    content = json.loads((folder / 'explanation.json').read_text())
    assert [person['person_id'] for person in content['people']] == [1, 2, 3, 4] * 2
    found = load_file(folder / 'maps.safetensors')
    for name in ('1_1', '1_2', '2_3', '2_4'):
        assert (folder / f'{name}_2_hirescam.png').is_file()
        for joint in joints:
            np.testing.assert_array_equal(found[f'{name}/hirescam/{joint}'], found[f'{name}_2/hirescam/{joint}'])
    averages = [name for name in found if name.startswith('bone_relative')]
    assert averages == ['bone_relative/hirescam/nose']
    assert len(list(folder.glob('bone_relative_*.png'))) == 1


def test_without_any_bone_there_is_no_average(tmp_path: Path) -> None:
    skeleton = skeleton_of_file('posetrack18')
    asked: Any = SimpleNamespace(joints=[skeleton.joints.index('left_ear')], function=SimpleNamespace(**vars(skeleton)))
    kept: dict[str, Any] = {}
    AttributionHook()._draw_averages(tmp_path, asked, {'saliency': BoneFrames(skeleton)}, kept)
    assert not kept
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'pepole': 3}, r"has no option 'pepole' \(nearest: people"),
        ({'people': 0}, 'people=0 is not a whole number of 1 or more'),
        ({'pictures': -1}, 'pictures=-1'),
        ({'interval': 1.5}, r'interval=1\.5'),
        ({'batch_size': True}, 'batch_size=True'),
        ({'method': 3}, 'method=3 has to be a name or dict'),
        ({'method': [{'steps': 3}]}, r"method={'steps': 3} needs its name as type"),
        ({'target': ['value']}, r"target=\['value'\] has to be a name or dict"),
    ],
)
def test_options_that_make_no_sense(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        AttributionHook(**options)


def test_trainings_that_cannot_be_looked_at(people: Path, tmp_path: Path) -> None:
    sampler = "dict(type='InfiniteSampler', shuffle=True)"
    path = write_small_config(tmp_path / 'config.py', people.parent, iterations=4, sampler=sampler)
    config = QuickConfig(Config.fromfile(path).to_dict())
    config.update(work_dir=str(tmp_path), log_level='ERROR', experiment_name='iterations')
    adapt(config)
    runner = Runner.from_cfg(config)
    with pytest.raises(InputError, match='AttributionHook: interval=1 counts epochs'):
        AttributionHook(interval=1).before_train(runner)
    AttributionHook().before_train(runner)


def test_torch_is_left_alone() -> None:
    """A hook can be made before anything else, from the config alone."""
    state = torch.get_rng_state()
    AttributionHook(**{key: value for key, value in HOOK.items() if key != 'type'})
    assert torch.equal(torch.get_rng_state(), state)
