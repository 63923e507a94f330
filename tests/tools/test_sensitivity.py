"""tools/sensitivity.py on drawn people: an untrained model, and one whose sensitivity is known."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric
from mmpose.registry import MODELS
from PIL import Image

from posescope.data.transforms import PerturbBox
from posescope.errors import InputError
from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity import Curve, Effect, Findings, Point
from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.sensitivity import coco_metric, main, print_table, write
from tools.test import main as run_test

IMAGES, PEOPLE = 52, 2
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""COCO's."""


@MODELS.register_module(force=True)
class BoxReader(BaseModel):
    """Predicts the labels, moved as far as the crop's centre is away from that of the annotated box."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(data_preprocessor={'type': 'mmpose.PoseDataPreprocessor'})
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs: torch.Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        for sample in data_samples:
            labels = sample.gt_instances
            centre = labels.bboxes.reshape(-1, 2, 2).mean(1)
            joints = labels.keypoints + (sample.input_center - centre)[:, None]
            sample.pred_instances = InstanceData(
                keypoints=joints,
                keypoint_scores=np.ones(joints.shape[:2]),
                bboxes=labels.bboxes,
                bbox_scores=np.ones(1),
            )
        return data_samples


@MODELS.register_module(force=True)
class CropReader(BoxReader):
    """Predicts the labels as they lie in its crop, and puts them into the picture as MMPose's estimators do."""

    def forward(self, inputs: torch.Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        for sample in super().forward(inputs, data_samples, mode):
            joints = sample.gt_instances.transformed_keypoints / sample.input_size * sample.input_scale
            sample.pred_instances.keypoints = joints + sample.input_center - sample.input_scale / 2
        return data_samples


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of small drawn pictures."""
    return write_drawn_coco(tmp_path_factory.mktemp('drawn'), IMAGES, PEOPLE, size=(96, 128))


def write_model(folder: Path, data: Path, more: str = '') -> list[str]:
    config = write_small_config(folder / 'small.py', data.parent, more=more)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):  # a fixture of a module is made before any test's scope
        model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, folder / 'model.pth')
    return [str(config), str(folder / 'model.pth')]


@pytest.fixture(scope='module')
def reader(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    more = "model = dict(_delete_=True, type='BoxReader')\ntest_dataloader['batch_size'] = 32\n"
    return write_model(tmp_path_factory.mktemp('reader'), data, more)


@pytest.fixture(scope='module')
def untrained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    more = (
        "test_evaluator = [val_evaluator, dict(type='MeanOKS', min_joints=1)]\nmodel['test_cfg']['flip_test'] = True\n"
    )
    return write_model(tmp_path_factory.mktemp('untrained'), data, more)


def test_a_planted_sensitivity_has_its_analytic_curve(data: Path, reader: list[str], tmp_path: Path) -> None:
    factors = ['box_shift=0.02,0.06', 'box_scale=0.5', 'blur=2', 'mirror']
    options = [word for factor in factors for word in ('--factor', factor)]
    assert main([*reader, *options, '--work-dir', str(tmp_path), '--resamples', '200']) == 0
    found = json.loads((tmp_path / 'sensitivity.json').read_text())
    assert found['images'] == IMAGES
    assert found['people'] == IMAGES * PEOPLE
    assert found['note'] == ''
    assert found['plain']['oks']['value'] == pytest.approx(1)
    assert found['plain']['statistics']['AP'] == pytest.approx(1)
    for factor in ('box_scale', 'blur'):  # it looks at nothing but the centre
        for point in found['curves'][factor]['points']:
            assert point['oks']['delta'] == point['ap']['delta'] == point['oks']['low'] == 0
    for point in found['curves']['box_shift']['points']:
        expected = similarities(json.loads(data.read_text()), point['value'])
        assert point['oks']['value'] == pytest.approx(np.nanmean(expected, axis=1).mean(), abs=1e-4)
        assert point['oks']['delta'] == pytest.approx(np.nanmean(expected, axis=1).mean() - 1, abs=1e-4)
        for one, wanted in zip(point['joints'].values(), np.nanmean(expected, axis=0), strict=True):
            assert one['ks']['value'] == pytest.approx(wanted, abs=1e-4)
        assert point['errors']['good']['value'] == pytest.approx(
            (expected > 0.85).sum() / (expected >= 0).sum(), abs=0.003
        )
        if point['value']:
            assert point['oks']['low'] < point['oks']['delta'] < point['oks']['high'] < 0
    assert found['mirror']['all']['value'] < 1e-5


def test_whoever_reads_the_crop_right_is_right_under_every_change(data: Path, tmp_path: Path) -> None:
    more = "model = dict(_delete_=True, type='CropReader')\nval_pipeline[-1]['pack_transformed'] = True\n"
    model = write_model(tmp_path, data, more)
    options = ['--limit', '3', '--resamples', '100', '--work-dir', str(tmp_path)]
    assert main([*model, *options]) == 0
    found = json.loads((tmp_path / 'sensitivity.json').read_text())
    assert len(found['curves']) == 9
    for curve in found['curves'].values():
        for point in curve['points']:
            assert point['oks']['value'] == pytest.approx(1, abs=1e-5)
    assert found['mirror']['all']['value'] < 1e-5


def similarities(content: dict[str, Any], shift: float) -> np.ndarray:
    """KS of people whose joints are off by a share of the padded box, (N, 17), NaN where not labelled."""
    rows = []
    for person in content['annotations']:
        unit = {'bbox_center': np.zeros((1, 2)), 'bbox_scale': np.ones((1, 2)), 'img_id': person['image_id']}
        towards = PerturbBox(shift=1)({**unit, 'id': person['id']})['bbox_center'][0]
        # MMPose's data sets cut boxes at the edges of the picture.
        x, y, width, height = person['bbox']
        corners = np.clip([[x, y], [x + width, y + height]], 0, [127, 95])
        away = shift * towards * 1.25 * (corners[1] - corners[0])
        one = np.exp(-(away**2).sum() / (2 * person['area'] * (2 * SIGMAS) ** 2))
        rows.append(np.where(np.array(person['keypoints'])[2::3] > 0, one, np.nan))
    return np.array(rows)


def test_no_change_is_the_plain_test_and_everything_is_repeatable(
    data: Path, untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    factors = ['noise=30', 'box_shift=0.1', 'subpixel=0.5', 'mirror']
    options = ['--limit', '6', *(word for factor in factors for word in ('--factor', factor))]
    options += ['--bbox-file', str(data.parent / 'detections.json'), '--resamples', '100']
    for place in ('a', 'b'):
        out = tmp_path / place
        assert main([*untrained, *options, '--out', str(out), '--work-dir', str(tmp_path / 'logs')]) == 0
    first, second = ((tmp_path / place / 'sensitivity.json').read_bytes() for place in ('a', 'b'))
    assert first == second
    found = json.loads(first)
    assert '6 images' in found['note']
    assert found['note'] in capsys.readouterr().out
    (few,) = (tmp_path / 'logs' / 'annotations').glob('annotations-*.json')
    assert run_test([*untrained, '--coco', str(few), str(data.parent), '--work-dir', str(tmp_path / 'test')]) == 0
    metrics = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    plain = found['plain']
    assert plain['statistics'] == {name: metrics[f'coco/{name}'] for name in plain['statistics']}
    assert plain['oks']['value'] == pytest.approx(metrics['oks/mean'], abs=1e-15)
    for curve in found['curves'].values():
        assert {**curve['points'][0], 'value': 0} == {**plain, 'value': 0}
        assert curve['points'][1]['oks']['value'] != plain['oks']['value']
        assert curve['points'][1]['oks']['low'] is None
    # The detections are the annotated boxes, so nothing changes.
    assert found['boxes']['detected']['oks']['delta'] == pytest.approx(0, abs=1e-9)
    assert found['mirror']['all']['value'] > 0.01
    for name in ('sensitivity_box.png', 'sensitivity_picture.png', 'mirror.png', 'detected_boxes.png'):
        with Image.open(tmp_path / 'a' / name) as picture:
            assert min(picture.size) > 300


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--factor', 'bluur'], 'nearest: blur'),
        (['--factor', 'darkness=2'], 'outside of 0 to 1'),
        (['--limit', '0'], 'at least one picture'),
        (['--resamples', '10'], 'at least 100'),
        (['--seed', '-1'], '--seed -1: it takes 0 or more'),
        (['--bbox-file', 'missing.json'], 'detection file missing.json does not exist'),
        (['--coco', 'missing.json', '.'], 'annotation file missing.json does not exist'),
    ],
)
def test_bad_input(
    untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main([*untrained, *options, '--work-dir', str(tmp_path), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_use_area_false_measures_people_by_their_boxes(data: Path, reader: list[str], tmp_path: Path) -> None:
    options = ['--factor', 'box_shift=0.06', '--resamples', '100', '--work-dir', str(tmp_path)]
    assert main([*reader, *options, '--cfg-options', 'test_evaluator.use_area=False']) == 0
    found = json.loads((tmp_path / 'sensitivity.json').read_text())
    content = json.loads(data.read_text())
    for person in content['annotations']:
        person['area'] = 0.53 * person['bbox'][2] * person['bbox'][3]
    expected = similarities(content, 0.06)
    point = found['curves']['box_shift']['points'][1]
    assert point['oks']['value'] == pytest.approx(np.nanmean(expected, axis=1).mean(), abs=1e-4)
    for one, wanted in zip(point['joints'].values(), np.nanmean(expected, axis=0), strict=True):
        assert one['ks']['value'] == pytest.approx(wanted, abs=1e-4)


def test_use_area_false_also_measures_mirror_distances_by_boxes(
    data: Path, untrained: list[str], tmp_path: Path
) -> None:
    distances = []
    for use_area in (True, False):
        more = f"test_evaluator = [dict(type='CocoMetric', use_area={use_area})]\n"
        config = write_small_config(tmp_path / f'{use_area}.py', data.parent, more=more)
        options = ['--factor', 'mirror', '--limit', '4', '--resamples', '100', '--work-dir', str(tmp_path)]
        assert main([str(config), untrained[1], *options]) == 0
        distances.append(json.loads((tmp_path / 'sensitivity.json').read_text())['mirror']['all']['value'])
    # Annotated areas are .6 of the boxes.
    assert distances[1] == pytest.approx(distances[0] * np.sqrt(0.6 / 0.53), rel=1e-6)
    assert distances[0] > 0.01


@pytest.mark.parametrize('everybody', [False, True])
def test_people_without_an_area_are_left_out_and_counted(
    data: Path, untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], everybody: bool
) -> None:
    content = json.loads(data.read_text())
    for person in content['annotations'][: None if everybody else 1]:
        person['area'] = 0.0
    (tmp_path / 'flat.json').write_text(json.dumps(content))
    options = ['--coco', str(tmp_path / 'flat.json'), str(data.parent), '--limit', '5', '--resamples', '100']
    options += ['--factor', 'mirror', '--factor', 'blur=1', '--work-dir', str(tmp_path)]
    assert main([*untrained, *options]) == 0
    found = json.loads((tmp_path / 'sensitivity.json').read_text())
    assert f'no mirror distance of people with an area of 0: {10 if everybody else 1} of 10' in found['note']
    printed = ' '.join(capsys.readouterr().out.split())
    assert found['note'] in printed
    if everybody:
        assert found['mirror']['all']['value'] is None
        assert 'mirror equivariance' not in printed
    else:
        assert 0.01 < found['mirror']['all']['value'] < 100
    assert (tmp_path / 'mirror.png').is_file()


def test_nothing_is_written_if_a_number_is_none(tmp_path: Path) -> None:
    found = SimpleNamespace(to_json=dict, joints=[], curves=[], mirror=None, boxes=None)
    with pytest.raises(ValueError, match='not JSON compliant'):
        write(found, tmp_path / 'out', {'ap': np.inf})
    assert not (tmp_path / 'out').exists()


def test_the_metric_of_the_config_decides() -> None:
    settings = {'use_area': False, 'score_mode': 'keypoint', 'keypoint_score_thr': 0.1, 'nms_mode': 'none'}
    expected = {'type': 'CocoKeypointMetric', **settings}
    others = {'ann_file': 'a.json', 'prefix': 'b', 'outfile_prefix': 'c', 'resamples': 5}
    for kind in ('CocoMetric', 'mmpose.CocoMetric', 'CocoKeypointMetric', CocoMetric):
        own = {'type': kind, **settings, **others}
        assert coco_metric(own) == expected
        assert coco_metric([{'type': 'PCKAccuracy'}, {'type': 'PoseDiagnosis', 'nms_thr': 0.2}, own]) == expected
    crowd = {'iou_type': 'keypoints_crowd', 'use_area': False}
    assert coco_metric([{'type': CocoMetric, **crowd}]) == {'type': 'CocoKeypointMetric', **crowd}
    assert coco_metric({'type': 'PCKAccuracy'}) == {'type': 'CocoKeypointMetric'}


@pytest.mark.parametrize(
    ('metric', 'message'),
    [
        ({'type': 'CocoWholeBodyMetric'}, 'not by CocoWholeBodyMetric'),
        ({'type': CocoWholeBodyMetric}, 'not by CocoWholeBodyMetric'),
        ({'type': 'CocoMetric', 'iou_type': 'keypoints_face'}, "CocoMetric with iou_type='keypoints_face'"),
        (
            {'type': 'CocoKeypointMetric', 'pred_converter': {'num_keypoints': 3}},
            'pred_converter of CocoKeypointMetric',
        ),
    ],
)
def test_metrics_of_other_joints_are_refused(metric: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        coco_metric([{'type': 'MeanOKS'}, metric])


def test_whole_bodies_are_refused_before_any_test(
    data: Path,
    untrained: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('tools.sensitivity.measure', lambda *_: pytest.fail('a test was started'))
    more = f"test_evaluator = [dict(type='CocoWholeBodyMetric', ann_file={str(data)!r})]"
    config = write_small_config(tmp_path / 'whole.py', data.parent, more=more)
    assert main([str(config), untrained[1], '--work-dir', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert 'not by CocoWholeBodyMetric' in error
    assert error.count('\n') == 1


def test_bottom_up_models_are_refused(
    data: Path, untrained: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = "[dict(type='LoadImage'), dict(type='BottomupResize', input_size=(64, 64)), dict(type='PackPoseInputs')]"
    more = f"test_dataloader['dataset'] = dict(data, pipeline={steps}, data_mode='bottomup', test_mode=True)"
    config = write_small_config(tmp_path / 'bottom_up.py', data.parent, more=more)
    assert main([str(config), untrained[1], '--work-dir', str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert 'measured on top-down models' in error
    assert error.count('\n') == 1


def test_joints_with_brackets_in_their_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '140')
    nothing = Interval(-0.25, None, None, None, 1, 100, 0, 'few')
    effect = Effect(0.5, nothing)
    point = Point(1.0, effect, effect, (effect,), (), ((),), {})
    print_table(Findings(['paw[/q]'], 60, 60, point, [Curve('blur', (point,))], [nothing, nothing], None))
    printed = capsys.readouterr().out
    assert 'paw[/q] -0.250' in printed
    assert 'most at paw[/q]' in printed
