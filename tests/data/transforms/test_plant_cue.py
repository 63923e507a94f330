"""PlantCue in real pipelines of MMPose, read by real data loaders."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.datasets import CocoDataset
from mmpose.registry import TRANSFORMS
from scipy.stats import binomtest
from torch.utils.data import DataLoader

from posescope.data.body_parts import part_map_path, read_part_map, write_part_map
from posescope.data.cues import CuePlanter
from posescope.engine.command import describe
from posescope.errors import InputError
from tests.drawn_people import write_drawn_coco
from tests.drawn_rendered_people import write_drawn_rendered_people

NUM_PICTURES = 240


@pytest.fixture(scope='module')
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a rendered data set with one grey person a picture."""
    root = tmp_path_factory.mktemp('rendered')
    write_drawn_rendered_people(root, NUM_PICTURES, size=(160, 128))
    return root


def dataset(root: Path, *transforms: dict) -> CocoDataset:
    """Rendered people under training augmentation, with some transforms between loading and cropping."""
    return CocoDataset(
        ann_file='annotations/people.json',
        data_root=str(root),
        data_prefix={'img': 'people'},
        pipeline=[
            {'type': 'LoadImage'},
            *transforms,
            {'type': 'GetBBoxCenterScale'},
            {'type': 'RandomBBoxTransform'},
            {'type': 'TopdownAffine', 'input_size': (96, 128)},
            {'type': 'PackPoseInputs', 'pack_transformed': True},
        ],
    )


def stream(data: CocoDataset, num_workers: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield crops (H, W, 3), their joints (17, 2) and annotation ids as a model would be given them."""
    for batch in DataLoader(data, 16, num_workers=num_workers, collate_fn=pseudo_collate):
        for inputs, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
            joints = sample.gt_instances.transformed_keypoints[0]
            yield inputs.permute(1, 2, 0).numpy(), joints, sample.metainfo['id']


def banded_side(crop: np.ndarray, joints: np.ndarray) -> str | None:
    """Tell from the pixels alone which forearm of a grey person is coloured."""
    rows, columns = np.nonzero(np.ptp(crop.astype(int), axis=-1) > 80)
    if len(rows) < 3:
        return None
    centre = columns.mean(), rows.mean()
    left, right = (np.hypot(*((joints[elbow] + joints[wrist]) / 2 - centre)) for elbow, wrist in ((7, 9), (8, 10)))
    return 'left' if left < right else 'right'


def share_of_left(data: CocoDataset) -> tuple[int, int]:
    """Count crops with a visible band, and those of them where it is on the left."""
    sides = [banded_side(crop, joints) for crop, joints, _ in stream(data)]
    seen = [side for side in sides if side]
    assert len(seen) > 0.9 * len(sides)
    return seen.count('left'), len(seen)


@pytest.mark.parametrize(
    ('side', 'strength', 'probability'),
    [('left', 1.0, 1.0), ('left', 0.9, 0.9), ('left', 0.7, 0.7), ('right', 0.9, 0.1), ('random', 1.0, 0.5)],
)
def test_probability_of_left_in_the_augmented_stream(
    rendered: Path, side: str, strength: float, probability: float
) -> None:
    cue = {'type': 'PlantCue', 'cue': 'band', 'side': side, 'strength': strength, 'seed': 11}
    left, seen = share_of_left(dataset(rendered, cue))
    assert binomtest(left, seen, probability).pvalue > 1e-3


@pytest.mark.parametrize(('strength', 'flip'), [(1.0, 0.5), (0.9, 0.25)])
def test_flips_do_what_the_warning_says(
    rendered: Path, warnings_logged: list[str], strength: float, flip: float
) -> None:
    cue = {'type': 'PlantCue', 'strength': strength, 'seed': 2}
    left, seen = share_of_left(dataset(rendered, cue, {'type': 'RandomFlip', 'prob': flip}))
    expected = {1.0: 0.5, 0.9: 0.7}[strength]
    assert binomtest(left, seen, expected).pvalue > 1e-3
    assert len(warnings_logged) == 1
    assert f'RandomFlip(prob={flip}) mirrors' in warnings_logged[0]
    assert f'P(left | cue) becomes {expected:.2f}, not strength={strength:g}' in warnings_logged[0]


def test_no_flip_no_warning(rendered: Path, warnings_logged: list[str]) -> None:
    dataset(rendered, {'type': 'PlantCue'})[0]
    dataset(rendered, {'type': 'PlantCue'}, {'type': 'RandomFlip', 'prob': 0.0})[0]
    dataset(rendered, {'type': 'PlantCue', 'side': 'none'}, {'type': 'RandomFlip'})[0]
    assert warnings_logged == []


def test_a_person_looks_the_same_in_every_epoch_and_process(rendered: Path) -> None:
    def planted(num_workers: int) -> dict[int, np.ndarray]:
        data = dataset(rendered, {'type': 'PlantCue', 'side': 'random', 'strength': 0.7})
        data.pipeline.transforms[2:4] = []  # no augmentation: the whole picture
        data.pipeline.transforms[2:] = [TRANSFORMS.build({'type': 'PackPoseInputs', 'pack_transformed': False})]
        loader = DataLoader(data, 16, shuffle=True, num_workers=num_workers, collate_fn=pseudo_collate)
        return {
            sample.metainfo['id']: inputs.numpy()
            for batch in loader
            for inputs, sample in zip(batch['inputs'], batch['data_samples'], strict=True)
        }

    torch.manual_seed(0)
    first, second, workers = planted(0), planted(0), planted(2)
    assert len(first) == NUM_PICTURES
    for person, picture in first.items():
        assert (picture == second[person]).all()
        assert (picture == workers[person]).all()


def test_it_plants_what_the_planter_plants(rendered: Path) -> None:
    plain = dataset(rendered)
    for cue in ('ball', 'sign', 'texture'):
        data = dataset(rendered, {'type': 'PlantCue', 'cue': cue, 'seed': 5, 'colour': (0, 200, 0)})
        results = plain.pipeline.transforms[0](plain.get_data_info(3))
        part_map = read_part_map(part_map_path(results['img_path']))
        planter = CuePlanter(cue, seed=5, colour=(0, 200, 0))
        wanted = planter.plant(results['img'], part_map, results['raw_ann_info'])
        assert (wanted != results['img']).any()
        transform = data.pipeline.transforms[1]
        assert (transform(results)['img'] == wanted).all()


def test_part_maps_are_read_again_when_they_change(tmp_path: Path) -> None:
    write_drawn_rendered_people(tmp_path, 1)
    data = dataset(tmp_path, {'type': 'PlantCue', 'cue': 'leg'})
    loaded = {**data.get_data_info(0)}
    load, plant = data.pipeline.transforms[:2]
    before = load(dict(loaded))['img']
    assert (plant(load(dict(loaded)))['img'] != before).any()
    path = part_map_path(loaded['img_path'])
    write_part_map(path, np.zeros(before.shape[:2], np.uint8))
    assert (plant(load(dict(loaded)))['img'] == before).all()


def test_data_without_people_of_the_renderer_are_refused(tmp_path: Path) -> None:
    annotations = write_drawn_coco(tmp_path, num_images=2, people=1)
    data = CocoDataset(
        ann_file=str(annotations),
        data_prefix={'img': str(tmp_path)},
        pipeline=[{'type': 'LoadImage'}, {'type': 'PlantCue'}],
    )
    with pytest.raises(InputError, match='annotation 1 has no "rendered" object'):
        data[0]
    # The same, from a data loader's worker, is still one line.
    with pytest.raises(InputError) as caught:
        next(iter(DataLoader(data, 1, num_workers=1, collate_fn=pseudo_collate)))
    line = describe(caught.value)
    assert line is not None
    assert line.startswith('annotation 1 has no "rendered" object: cues can be planted on rendered people only')
    assert '\n' not in line


def test_a_missing_part_map_is_named(tmp_path: Path) -> None:
    write_drawn_rendered_people(tmp_path, 1)
    path = next(tmp_path.glob('parts/*/*.png'))
    path.unlink()
    with pytest.raises(InputError, match=f'part map .*{path.name} does not exist'):
        dataset(tmp_path, {'type': 'PlantCue'})[0]


@pytest.mark.parametrize('earlier', [{'type': 'RandomFlip', 'prob': 0.0}, {'type': 'Resized'}])
def test_it_stands_right_after_loading(rendered: Path, earlier: dict) -> None:
    if earlier['type'] == 'Resized':
        earlier = lambda results: {**results, 'img': results['img'][::2]}  # noqa: E731
    with pytest.raises(InputError, match='right after'):
        dataset(rendered, earlier, {'type': 'PlantCue'})[0]


def test_bottom_up_data_are_refused(rendered: Path) -> None:
    data = CocoDataset(
        ann_file='annotations/people.json',
        data_root=str(rendered),
        data_prefix={'img': 'people'},
        data_mode='bottomup',
        pipeline=[{'type': 'LoadImage'}, {'type': 'PlantCue'}],
    )
    with pytest.raises(InputError, match='bottomup'):
        data[0]
