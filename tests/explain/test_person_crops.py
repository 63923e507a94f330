import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmpose.datasets import CocoDataset

from posescope.errors import InputError
from posescope.explain.person_crops import PersonCutter, checked_boxes, checked_picture
from posescope.explain.picture_file import read_picture
from tests.explain.small_models import config, photograph

PICTURE = photograph()
HEIGHT, WIDTH = PICTURE.shape[:2]


def steps(name: str) -> list[dict[str, Any]]:
    return [dict(step) for step in config(name).test_dataloader.dataset.pipeline]


def on_border(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Write annotations whose boxes touch the picture's border or reach beyond it, and return their samples."""
    content = json.loads((folder / 'annotations.json').read_text())
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    boxes = ((0, 0, 80, 150), (-7.5, 3.25, 90, 200), (100, 20, 100, 140), (40, 10, 500, 500))
    for annotation, (x, y, w, h) in zip(content['annotations'], boxes, strict=False):
        width, height = sizes[annotation['image_id']]
        annotation['bbox'] = [x, y, min(w, width + 9), min(h, height + 9)]
    path.write_text(json.dumps(content))
    return content['annotations']


@pytest.mark.parametrize('name', ['resnet', 'udp'])
def test_crops_are_those_of_the_data_set(name: str, drawn_coco: Path, tmp_path: Path) -> None:
    pipeline = steps(name)
    on_border(tmp_path / 'annotations.json', drawn_coco.parent)
    dataset = CocoDataset(
        str(tmp_path / 'annotations.json'),
        data_prefix={'img': str(drawn_coco.parent) + '/'},
        pipeline=pipeline,
        test_mode=True,
    )
    cutter = PersonCutter(pipeline, dataset.metainfo)
    assert cutter.udp == (name == 'udp')
    for index in range(len(dataset)):
        expected = dataset[index]
        x, y, w, h = dataset.get_data_info(index)['raw_ann_info']['bbox']
        (found,) = cutter.cut(read_picture(dataset.get_data_info(index)['img_path']), [[x, y, x + w, y + h]])
        torch.testing.assert_close(found['inputs'], expected['inputs'], rtol=0, atol=0)
        for key in ('input_center', 'input_scale', 'input_size', 'flip_indices'):
            np.testing.assert_array_equal(found['data_samples'].get(key), expected['data_samples'].get(key))


def test_without_boxes_the_whole_picture_is_cut() -> None:
    cutter = PersonCutter(steps('resnet'), {})
    (whole,) = cutter.cut(PICTURE)
    (same,) = cutter.cut(PICTURE, [[0, 0, WIDTH, HEIGHT]])
    torch.testing.assert_close(whole['inputs'], same['inputs'], rtol=0, atol=0)
    assert whole['data_samples'].input_center == pytest.approx([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])


def test_one_pixel_is_enlarged() -> None:
    (found,) = PersonCutter(steps('resnet'), {}).cut(np.full((1, 1, 3), 200, np.uint8))
    assert found['inputs'].shape == (3, 128, 96)
    assert found['inputs'].max() > 190


def test_a_planted_cue_is_left_out() -> None:
    load, *others = steps('resnet')
    planted = [load, {'type': 'PlantCue', 'cue': 'band', 'side': 'left'}, *others]
    (found,) = PersonCutter(planted, {}).cut(PICTURE)
    (plain,) = PersonCutter([load, *others], {}).cut(PICTURE)
    torch.testing.assert_close(found['inputs'], plain['inputs'], rtol=0, atol=0)


@pytest.mark.parametrize(
    ('box', 'message'),
    [
        ([WIDTH + 1, 5, WIDTH + 20, 50], rf'box 2 \(201, 5, 220, 50\) lies outside the picture of {WIDTH} × {HEIGHT}'),
        ([-30, -30, -1, -1], 'box 2 .* lies outside the picture'),
        ([5, 5, 5, 50], r'box 2 \(5, 5, 5, 50\) has no area'),
        ([50, 5, 5, 50], 'box 2 .* has no area: it takes left < right'),
        ([5, 5, np.nan, 50], 'box 2 .* has no area'),
    ],
)
def test_boxes_that_are_not_on_the_picture_are_refused(box: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_boxes([[1, 1, 9, 9], box], (WIDTH, HEIGHT))


@pytest.mark.parametrize('boxes', [[], [1, 2, 3, 4], [[1, 2, 3]]])
def test_boxes_of_another_shape_are_refused(boxes: list[Any]) -> None:
    with pytest.raises(InputError, match=r'boxes have to be \(P, 4\)'):
        checked_boxes(boxes, (WIDTH, HEIGHT))


def test_boxes_that_reach_beyond_the_picture_are_cut_where_the_data_sets_of_mmpose_do() -> None:
    found = checked_boxes([[-5, 10.5, WIDTH + 3, HEIGHT], [0.25, 0, 1, 2]], (WIDTH, HEIGHT))
    assert found.tolist() == [[0, 10.5, WIDTH - 1, HEIGHT - 1], [0.25, 0, 1, 2]]
    assert checked_boxes([[0, 0, 9, 9]], (1, 1)).tolist() == [[0, 0, 1, 1]]
    assert checked_boxes([[0, 0, 9, 9]], (5, 1)).tolist() == [[0, 0, 5, 1]]


@pytest.mark.parametrize(
    ('picture', 'message'),
    [
        (PICTURE[..., 0], r'not an array \(150, 200\) of uint8; read_picture'),
        (PICTURE.repeat(2, 2)[..., :4], r'not an array \(150, 200, 4\)'),
        (PICTURE.astype(np.uint16), 'of uint16'),
        ('picture.jpg', 'not str'),
        (PICTURE[:0], 'the picture is empty: 200 × 0 pixels'),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(picture: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_picture(picture)


def test_a_pipeline_of_another_kind_of_model_is_refused() -> None:
    bottomup = [{'type': 'LoadImage'}, {'type': 'BottomupResize', 'input_size': (64, 64)}, {'type': 'PackPoseInputs'}]
    with pytest.raises(InputError, match='lacks GetBBoxCenterScale, TopdownAffine: LoadImage, BottomupResize'):
        PersonCutter(bottomup, {})
