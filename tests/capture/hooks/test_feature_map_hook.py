"""Feature maps in a store are those of a plain forward, for every person, with a way back to the image."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import BottomupResize
from mmpose.structures.bbox import get_warp_matrix
from safetensors import safe_open
from scipy.ndimage import map_coordinates

import posescope
from posescope.capture.hooks import FeatureMapHook
from posescope.errors import CaptureError, InputError
from tests.capture.model_runs import SIZE, build_run, crop_of, plain_forward, predictions, run_config
from tests.drawn_people import write_drawn_coco

LAYERS = {
    'resnet': ['backbone', 'backbone.conv1', 'backbone.layer2', 'head', 'head.final_layer'],
    'hrnet': ['backbone', 'backbone.stage3', 'head'],
    'hourglass': ['backbone', 'head'],
    'stacked_hourglass': ['backbone', 'head'],
    'vit': ['backbone', 'backbone.layers.0', 'backbone.layers.1.attn', 'head'],
    'rtmpose': ['backbone', 'head', 'head.gau', 'head.final_layer'],
    'simcc': ['backbone', 'backbone.layer4', 'head'],
    'hrformer': ['backbone', 'backbone.stage4', 'head'],
    'movenet': ['backbone', 'backbone.layer3', 'head'],
    'bottomup': ['backbone', 'backbone.layer3', 'head'],
}


def hook(layers: Any, **options: Any) -> dict[str, Any]:
    return {'type': 'FeatureMapHook', 'layers': layers, **options}


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of four people in two pictures: a batch of three and one of one."""
    return write_drawn_coco(tmp_path_factory.mktemp('four'), num_images=2)


# MMPose's HourglassNet has a fixed stem of 256 channels, and is slow.
RUNS = [(name, flip) for name in LAYERS for flip in (False, True) if flip or name not in ('bottomup', 'hourglass')]


@pytest.mark.parametrize(('name', 'flip'), RUNS)
def test_stores_what_a_plain_forward_gives(name: str, flip: bool, people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config(name, people, tmp_path, [hook(LAYERS[name])], flip=flip))
    expected = plain_forward(runner, LAYERS[name])
    runner.test()
    store = posescope.open_store(tmp_path / 'features')
    assert store.complete
    assert set(store.layers) == set(expected)
    assert {layer.partition('@')[2] for layer in store.layers} == ({'', 'mirrored'} if flip else {''})
    for layer, values in expected.items():
        assert np.abs(values).max() > 1e-3, 'nothing would be compared'
        assert store[layer].dtype == np.float16
        # The drawn people are in the order of their ids, as the store's rows.
        np.testing.assert_array_equal(store[layer][:], values.astype(np.float16), err_msg=layer)
    annotations = json.loads(people.read_text())
    passes = [('plain', 'mirrored') if flip else ('plain',)]
    if name == 'bottomup':
        assert store.samples.keys == [(1, None), (2, None)]
        assert store.samples.bboxes.tolist() == [[0, 0, 200, 160]] * 2
        assert store.samples.keypoints.shape == (2, 0, 2)
        assert store.samples.passes == passes * 2
        return
    assert store.samples.keys == [(person['image_id'], person['id']) for person in annotations['annotations']]
    assert store.samples.passes == passes * 4


def test_maps_are_stored_as_the_model_laid_them(people: Path, tmp_path: Path) -> None:
    layers = ['backbone.layer2', 'head']
    runner = build_run(run_config('resnet', people, tmp_path, [hook(layers)], flip=True))
    runner.model.to(memory_format=torch.channels_last)
    expected = plain_forward(runner, layers)
    runner.test()
    store = posescope.open_store(tmp_path / 'features')
    with safe_open(tmp_path / 'features' / 'rank0-00000.safetensors', 'np') as file:
        turned = {name.partition('/')[2] for name in file.keys() if name.startswith('map-channels-last/')}  # noqa: SIM118
    assert {'backbone.layer2', 'backbone.layer2@mirrored'} <= turned
    for layer, values in expected.items():
        assert store[layer].shape == values.shape
        np.testing.assert_array_equal(store[layer][:], values.astype(np.float16), err_msg=layer)


@pytest.mark.parametrize('name', ['resnet', 'rtmpose', 'movenet'])
def test_rows_know_person_box_and_prediction(name: str, people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config(name, people, tmp_path, [hook(['head'])], flip=True))
    predicted = predictions(runner)
    runner.test()
    samples = posescope.open_store(tmp_path / 'features').samples
    labels = json.loads(people.read_text())['annotations']
    for row, (person, sample) in enumerate(zip(labels, predicted, strict=True)):
        x, y, width, height = person['bbox']
        # MMPose cuts boxes at the picture's edges.
        np.testing.assert_allclose(samples.bboxes[row], [max(x, 0), max(y, 0), x + width, min(y + height, 159)], atol=1)
        assert samples.bbox_scores[row] == 1
        instances = sample.pred_instances
        np.testing.assert_array_equal(samples.keypoints[row], instances.keypoints[0].astype(np.float32))
        np.testing.assert_array_equal(samples.scores[row], instances.keypoint_scores[0].astype(np.float32))
        assert Path(samples.image_paths[row]).name == f'{person["image_id"]:06d}.png'


@pytest.mark.parametrize('udp', [False, True])
def test_way_back_to_the_image(udp: bool, people: Path, tmp_path: Path) -> None:
    layers = ['backbone.layer4', 'backbone.maxpool', 'head']
    build_run(run_config('resnet', people, tmp_path, [hook(layers)], flip=True, udp=udp)).test()
    store = posescope.open_store(tmp_path / 'features')
    person = next(p for p in json.loads(people.read_text())['annotations'] if min(p['bbox'][:2]) > 1)
    centre, scale = crop_of(person['bbox'])
    # ResNet's kernels are centred on every 32nd and 4th pixel. MSRA's heatmaps count so, too.
    for layer, stride in (('backbone.layer4', 32), ('backbone.maxpool', 4), ('head', 4)):
        for mirrored in (False, True):
            y, x = 1.5 * stride, 2 * stride
            if mirrored:
                x = SIZE[0] - 1 - x
            size = np.array(SIZE) - udp
            expected = (np.array([x, y]) / size - 0.5) * scale + centre
            name = layer + ('@mirrored' if mirrored else '')
            found = store.to_image(name, [1.5, 2], person['image_id'], person['id'])
            np.testing.assert_allclose(found, expected[::-1], atol=1e-4, err_msg=name)
            np.testing.assert_allclose(store.person(person['image_id'], person['id']).to_image(name, [1.5, 2]), found)


def test_way_back_from_patches_and_simcc(people: Path, tmp_path: Path) -> None:
    build_run(run_config('vit', people, tmp_path / 'vit', [hook(['backbone', 'backbone.layers.0'])])).test()
    store = posescope.open_store(tmp_path / 'vit' / 'features')
    person = next(p for p in json.loads(people.read_text())['annotations'] if min(p['bbox'][:2]) > 1)
    centre, scale = crop_of(person['bbox'])
    # Patches of 16 pixels that begin two pixels outside: centres at 5.5, 21.5 and so on.
    expected = (np.array([5.5 + 16 * 2, 5.5 + 16 * 3]) / SIZE - 0.5) * scale + centre
    for layer in store.layers:
        found = store.to_image(layer, [3, 2], person['image_id'], person['id'])
        np.testing.assert_allclose(found, expected[::-1], atol=1e-4, err_msg=layer)
    assert store.grid('backbone.layers.0')['size'] == [8, 6]
    build_run(run_config('simcc', people, tmp_path / 'simcc', [hook(['head'])])).test()
    with pytest.raises(InputError, match='no map of the input'):
        posescope.open_store(tmp_path / 'simcc' / 'features').to_image('head[0]', [0, 0])


@pytest.mark.parametrize('udp', [False, True])
def test_whole_images(udp: bool, people: Path, tmp_path: Path) -> None:
    """Drawn pictures are 200 × 160, the input 96 × 128: the picture fills its width, and 76.8 of its rows."""
    build_run(run_config('bottomup', people, tmp_path, [hook(['backbone'])], udp=udp)).test()
    store = posescope.open_store(tmp_path / 'features')
    image = cv2.imread(str(people.parent / '000001.png'))
    transform = BottomupResize(input_size=SIZE, use_udp=udp)
    # Where pixels of a picture of columns, and of one of rows, arrive in the input, says where they came from.
    columns, rows = np.meshgrid(np.arange(200, dtype=np.float32), np.arange(160, dtype=np.float32))
    warped = transform.transform({'img': np.dstack([rows, columns]), 'ori_shape': image.shape[:2]})['img']
    y, x = 1, 2
    np.testing.assert_allclose(store.to_image('backbone[0]', [y, x], 1), warped[32 * y, 32 * x], atol=0.1)


def test_turned_crops(people: Path, tmp_path: Path) -> None:
    config = run_config('resnet', people, tmp_path, [hook(['backbone.maxpool'])])
    config.test_dataloader.dataset.pipeline.insert(2, {'type': 'PerturbBox', 'rotation': 30})
    runner = build_run(config)
    runner.test()
    store = posescope.open_store(tmp_path / 'features')
    assert store.samples.rotations.tolist() == [30] * 4
    warp = get_warp_matrix(store.samples.input_centers[1], store.samples.input_scales[1], 30, SIZE)
    y, x = store.to_image('backbone.maxpool', [4, 3], 1, 2)
    np.testing.assert_allclose(warp @ [x, y, 1], [12, 16], atol=1e-3)


def test_float32_and_one_pass(people: Path, tmp_path: Path) -> None:
    asked = hook(['backbone.layer1'], dtype='float32', mirrored=False)
    runner = build_run(run_config('resnet', people, tmp_path, [asked], flip=True))
    expected = plain_forward(runner, ['backbone.layer1'])
    runner.test()
    store = posescope.open_store(tmp_path / 'features')
    assert store.layers == ('backbone.layer1',)
    assert store['backbone.layer1'].dtype == np.float32
    np.testing.assert_array_equal(store['backbone.layer1'][:], expected['backbone.layer1'])


REDUCTIONS = ['pooled', {'type': 'TopChannels', 'k': 3}, {'type': 'PCA', 'k': 2}, {'type': 'JointCrops', 'size': 1}]


def test_reductions(people: Path, tmp_path: Path) -> None:
    layer = 'backbone.layer2'
    hooks = [
        hook([layer], reduction=reduction, dtype='float32', out_dir=str(i)) for i, reduction in enumerate(REDUCTIONS)
    ]
    runner = build_run(run_config('resnet', people, tmp_path, hooks, flip=True))
    maps = plain_forward(runner, [layer])
    runner.test()
    pooled, top, pca, joints = (posescope.open_store(tmp_path / str(i)) for i in range(4))
    for name, values in maps.items():
        np.testing.assert_allclose(pooled[name][:], values.astype(np.float64).mean((2, 3)), atol=1e-6)
        variance = values.var((0, 2, 3))
        best = np.argsort(-variance)[:3]
        np.testing.assert_array_equal(top[name][:], values[:, best])
        assert top.reduction(name)['channels'] == best.tolist()
        pixels = values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1]).astype(np.float64)
        centred = pixels - pixels.mean(0)
        scores = np.linalg.svd(centred, full_matrices=False)
        expected = np.abs(centred @ scores[2][:2].T).reshape(4, *values.shape[2:], 2).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(np.abs(pca[name][:]), expected, atol=1e-3 * expected.max())
        sample, grid = joints.samples[0], pooled.grid(name) or top.grid(name)
        x, y = (sample.keypoints[5] - sample.input_center) / sample.input_scale * SIZE + np.array(SIZE) / 2
        x = SIZE[0] - 1 - x if '@' in name else x
        assert grid['scale'] == [8, 8]
        cell = map_coordinates_of(values[0], y / 8, x / 8)
        np.testing.assert_allclose(joints[name][0, 5, :, 0, 0], cell, atol=1e-4)


def map_coordinates_of(maps: np.ndarray, y: float, x: float) -> list[float]:
    """Values of maps (C, H, W) between cells, zero outside."""
    return [map_coordinates(channel, [[y], [x]], order=1, mode='grid-constant', cval=0.0)[0] for channel in maps]


def test_chosen_stages(people: Path, tmp_path: Path) -> None:
    build_run(run_config('resnet', people, tmp_path, [{'type': 'FeatureMapHook'}])).test()
    assert posescope.open_store(tmp_path / 'features').layers == tuple(f'backbone.layer{i}' for i in (1, 2, 3, 4))


def test_pictures(people: Path, tmp_path: Path) -> None:
    build_run(run_config('resnet', people, tmp_path, [hook(['backbone.layer4', 'head'], pictures=1)], flip=True)).test()
    names = {path.name for path in (tmp_path / 'features' / 'pictures').iterdir()}
    assert names == {f'1_1_{layer}.png' for layer in ('layers', 'backbone.layer4', 'head')}
    handed = {path.name: path for path in tmp_path.glob('*/vis_data/vis_image/*.png')}
    assert set(handed) == {f'features_{name.removesuffix(".png")}_0.png' for name in names}
    picture = cv2.imread(str(tmp_path / 'features' / 'pictures' / '1_1_head.png'))
    assert picture.std() > 10
    np.testing.assert_array_equal(picture, cv2.imread(str(handed['features_1_1_head_0.png'])))


def test_bad_options() -> None:
    with pytest.raises(InputError, match=r"dtype='float15' is not one of .* \(nearest: float16\)"):
        FeatureMapHook(dtype='float15')
    with pytest.raises(InputError, match=r"FeatureMapHook has no option 'picture' \(nearest: pictures"):
        FeatureMapHook(picture=1)
    with pytest.raises(InputError, match='people=0 is not a whole number of 1 or more'):
        FeatureMapHook(people=0)
    with pytest.raises(InputError, match='pictures=True is not a whole number'):
        FeatureMapHook(pictures=True)
    with pytest.raises(InputError, match='nearest: pooled'):
        FeatureMapHook(reduction='poold')
    with pytest.raises(InputError, match="reduction='PCA': missing a required argument: 'k'"):
        FeatureMapHook(reduction={'type': 'PCA'})


def test_layers_that_match_nothing(people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('resnet', people, tmp_path, [hook(['backbone.layer9'])]))
    with pytest.raises(InputError, match=r"layers=\['backbone.layer9'\] matches nothing; nearest: backbone.layer"):
        runner.test()
    assert not (tmp_path / 'features').exists()


def test_outputs_and_components_that_do_not_exist(people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('resnet', people, tmp_path / 'output', [hook(['head[1]'])]))
    with pytest.raises(InputError, match=r'head\[1\] is none of its outputs, which are head'):
        runner.test()
    many = hook(['backbone.layer1'], reduction={'type': 'PCA', 'k': 99, 'fit': 1})
    with pytest.raises(CaptureError, match='PCA cannot find k=99 components of 8 channels'):
        build_run(run_config('resnet', people, tmp_path / 'components', [many])).test()


def test_values_beyond_float16(people: Path, tmp_path: Path) -> None:
    runner = build_run(run_config('resnet', people, tmp_path, [hook(['backbone.layer1'])]))
    runner.model.backbone.layer1[1].bn2.bias.data += 1e6
    with pytest.raises(
        CaptureError, match=r'backbone.layer1 reaches 1e\+06, more than float16 can hold .* dtype="float32"'
    ):
        runner.test()


def test_rows_that_are_no_people(people: Path, tmp_path: Path) -> None:
    """Windowed attention folds windows into the batch."""
    layer = 'backbone.stage4.0.branches.0.0.attn.attn'
    runner = build_run(run_config('hrformer', people, tmp_path, [hook([layer])]))
    with pytest.raises(CaptureError, match=r'attn.attn gives .* for 3 data samples: its first axis'):
        runner.test()


def test_pictures_of_different_sizes(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """MMPose's bottom-up configs let a picture keep its shape; one of the two is upright here."""
    folder = tmp_path / 'data'
    shutil.copytree(people.parent, folder)
    picture = sorted(folder.glob('*.png'))[1]
    cv2.imwrite(str(picture), cv2.rotate(cv2.imread(str(picture)), cv2.ROTATE_90_CLOCKWISE))
    content = json.loads((folder / people.name).read_text())
    content['images'][1].update(width=content['images'][1]['height'], height=content['images'][1]['width'])
    (folder / people.name).write_text(json.dumps(content))

    def run(**options: Any) -> None:
        config = run_config('bottomup', folder / people.name, tmp_path / 'run', [hook(['backbone'], **options)])
        config.test_dataloader.dataset.pipeline[1].resize_mode = 'expand'
        build_run(config).test()

    with pytest.raises(InputError, match=r"in different sizes .*choose reduction='pooled', varying='pool'"):
        run()
    run(varying='pool')
    store = posescope.open_store(tmp_path / 'run/features')
    assert store['backbone[0]'].ndim == 2
    assert len(store) == 2
    with pytest.raises(InputError, match=r"varying='pol' is not one of refuse, pool \(nearest: pool"):
        FeatureMapHook(varying='pol')
