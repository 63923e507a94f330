"""tools/calibration.py on detection files and dumps."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.ranking import Ranking
from tests.drawn_people import JOINTS, write_drawn_coco
from tests.small_config import write_small_config
from tools.calibration import _ranking_cells, _table, main, make_parser, read_subject

IMAGES = 60


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Annotations, detections and a dump of the same predictions, whose scores tell how far they are off."""
    folder = tmp_path_factory.mktemp('drawn')
    annotations = write_drawn_coco(folder, IMAGES, 2, size=(96, 128))
    content = json.loads(annotations.read_text())
    generator = np.random.default_rng(0)
    rows, samples = [], []
    for person in content['annotations']:
        truth = np.array(person['keypoints']).reshape(17, 3)
        spread = generator.uniform(0, 8)
        joints = (truth[:, :2] + generator.normal(0, spread, (17, 2))).astype(np.float32)
        scores = generator.uniform(0.3, 1, 17).astype(np.float32)
        box = np.array(person['bbox'])
        rows.append({
            'image_id': person['image_id'], 'category_id': 1, 'score': float(1 / (1 + spread)),
            'keypoints': np.c_[joints, scores].ravel().tolist(), 'bbox': box.tolist(),
        })  # fmt: skip
        samples.append({
            'id': person['id'], 'img_id': person['image_id'], 'category_id': 1,
            'pred_instances': {
                'keypoints': joints[None], 'keypoint_scores': scores[None],
                'bboxes': np.r_[box[:2], box[:2] + box[2:]][None], 'bbox_scores': np.array([generator.random()]),
            },
            'gt_instances': {'bbox_scales': box[None, 2:] * 1.25},
        })  # fmt: skip
    (folder / 'dt.json').write_text(json.dumps(rows))
    (folder / 'dump.pkl').write_bytes(pickle.dumps(samples))
    return annotations, folder / 'dt.json', folder / 'dump.pkl'


def test_a_detection_file(files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'new'
    assert main([str(files[0]), str(files[1]), '--out', str(out), '--resamples', '200']) == 0
    printed = capsys.readouterr().out
    assert 'left shoulder' in printed
    assert 'optimal' in printed
    found = json.loads((out / 'calibration.json').read_text())
    persons, joints = found['calibration']['persons'], found['calibration']['joints']
    assert persons['count'] == 2 * IMAGES
    labelled = json.loads(files[0].read_text())['annotations']
    assert joints['count'] <= sum(person['num_keypoints'] for person in labelled)
    assert sum(one['count'] for one in found['calibration']['by_joint'].values()) == joints['count']
    assert persons['slope'] > 0.3
    assert abs(joints['slope']) < 0.2  # joints' scores are noise
    assert joints['slope_interval'][0] < 0 < joints['slope_interval'][1]
    assert persons['recalibrated']['after']['ece'] < persons['ece']
    ranking = found['ranking']
    assert list(ranking) == ['as given', 'joint score', 'box size', 'optimal']
    assert ranking['optimal']['statistics']['AP'] >= ranking['as given']['statistics']['AP']
    assert ranking['as given']['statistics']['AP'] > ranking['joint score']['statistics']['AP']
    assert ranking['as given']['spearman'] > 0.8
    assert ranking['as given']['statistics']['AP (L)'] is None  # nobody is so large
    assert any('dump' in sentence for sentence in found['notes'])
    for name in ('reliability.png', 'reliability_joints.png'):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 400


def test_a_dump_has_scores_of_boxes(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    assert main([str(files[0]), str(files[2]), '--out', str(tmp_path), '--resamples', '100']) == 0
    found = json.loads((tmp_path / 'calibration.json').read_text())
    ranking = found['ranking']
    assert list(ranking)[1:3] == ['box score', 'joint × box score']
    # The metric multiplies the two with a threshold for joints (.2) under which none of these is.
    assert ranking['joint × box score']['statistics']['AP'] == ranking['as given']['statistics']['AP']
    assert [sentence[:3] for sentence in found['notes']] == ['ECE', 'ECE']
    assert found['calibration']['persons']['count'] == 2 * IMAGES


def run(annotations: Path, detections: Path, out: Path, *options: str) -> dict[str, Any]:
    assert main([str(annotations), str(detections), *options, '--out', str(out), '--resamples', '100']) == 0
    return json.loads((out / 'calibration.json').read_text())


def test_box_scores_stay_with_their_predictions(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    expected = run(files[0], files[2], tmp_path)
    samples = pickle.loads(files[2].read_bytes())
    nothing, animal = copy.deepcopy(samples[:2])
    for place, sample in enumerate((nothing, animal), 1):
        sample['id'] = 10_000 + place
        sample['pred_instances']['keypoints'] += 1000 * place  # no double of anybody
    nothing['pred_instances']['keypoint_scores'][:] = 0
    animal['category_id'] = 17
    (tmp_path / 'more.PKL').write_bytes(pickle.dumps([nothing, animal, *samples]))
    found = run(files[0], tmp_path / 'more.PKL', tmp_path)
    assert found['ranking'] == expected['ranking']


def test_a_config_tells_how_dumped_people_are_scored(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    more = "test_evaluator = [dict(type='CocoMetric', score_mode='bbox', nms_mode='none')]"
    config = str(write_small_config(tmp_path / 'config.py', files[0].parent, more=more))
    plain = run(files[0], files[2], tmp_path)['ranking']
    by_box = run(files[0], files[2], tmp_path, '--config', config)['ranking']
    assert by_box['as given']['statistics'] == by_box['box score']['statistics'] == plain['box score']['statistics']
    assert by_box['as given']['statistics'] != plain['as given']['statistics']
    typed = run(files[0], files[2], tmp_path, '--config', config, '--score-mode', 'bbox_keypoint')['ranking']
    assert typed == plain


@pytest.mark.parametrize('which', [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_config_tells_whether_annotated_areas_count(
    files: tuple[Path, Path, Path], tmp_path: Path, which: int
) -> None:
    more = "test_evaluator = [dict(type='CocoMetric', use_area=False)]"
    config = str(write_small_config(tmp_path / 'config.py', files[0].parent, more=more))
    content = json.loads(files[0].read_text())
    for person in content['annotations']:
        person['area'] = 0.53 * person['bbox'][2] * person['bbox'][3]
    (tmp_path / 'boxes.json').write_text(json.dumps(content))
    expected = run(tmp_path / 'boxes.json', files[which], tmp_path)['calibration']
    found = run(files[0], files[which], tmp_path, '--config', config)['calibration']
    assert found['joints']['slope'] == pytest.approx(expected['joints']['slope'])
    assert found['persons']['brier'] == pytest.approx(expected['persons']['brier'])
    unlike = run(files[0], files[which], tmp_path)['calibration']
    assert found['persons']['brier'] != pytest.approx(unlike['persons']['brier'], rel=1e-4)


def test_another_skeleton(files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(files[0].read_text())
    content['categories'][0]['keypoints'] = [f'paw_{joint}' for joint in range(17)]
    (tmp_path / 'animals.json').write_text(json.dumps(content))
    assert main([str(tmp_path / 'animals.json'), str(files[1])]) == 2
    assert 'or give --sigmas' in capsys.readouterr().err
    found = run(tmp_path / 'animals.json', files[1], tmp_path, '--sigmas', *['0.08'] * 17)
    assert list(found['calibration']['by_joint']) == content['categories'][0]['keypoints']


@pytest.mark.parametrize('which', [1, 2])
def test_joints_in_another_order_are_not_compared(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int
) -> None:
    content = json.loads(files[0].read_text())
    content['categories'][0]['keypoints'] = [*JOINTS[1:], JOINTS[0]]
    for person in content['annotations']:
        person['keypoints'] = person['keypoints'][3:] + person['keypoints'][:3]
    (tmp_path / 'turned.json').write_text(json.dumps(content))
    assert main([str(tmp_path / 'turned.json'), str(files[which]), '--metainfo', 'coco']) == 2
    assert 'in another order' in capsys.readouterr().err


def test_what_coco_does_not_define_is_no_number() -> None:
    nothing = Interval(None, None, None, None, 0, 100, 100, 'nobody')
    assert _ranking_cells(Ranking({**dict.fromkeys(STATISTICS, -1.0), 'AR': 0.5}, nothing, None, None)) == {
        'AR': '0.500', 'ΔAP': '–', 'Spearman': '–', 'Kendall': '–',
    }  # fmt: skip


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ('no annotations', 'does not exist'),
        ('no dump', 'tools/test.py CONFIG CHECKPOINT --dump'),
        ('dump', 'cannot be read as a dump'),
        ('metainfo', 'missing: pelvis'),
        ('no names', 'the skeleton has 16: --config CONFIG or --metainfo NAME chooses another'),
        ('two skeletons', '--config and --metainfo both tell the skeleton'),
        ('sigmas', '--sigmas has 2 numbers'),
        ('score mode', '--score-mode and --nms-mode are for dumps'),
        ('no categories', 'lists no categories'),
        ('suffix', 'dt.txt: detections are a .json file or a dump (.pkl, .pickle)'),
        ('seed', '--seed -1: it takes 0 or more'),
        ('unknown metainfo', 'nor has MMPose a configs/_base_/datasets/cocoo.py'),
        ('object', 'no list of COCO-format detections'),
        ('image', 'detection 1 (image 999) is on an image that the annotations do not list'),
        ('far', 'none of the 1 detections has an OKS of .1 or more'),
        ('resamples', 'at least 100'),
    ],
)
def test_bad_input(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    annotations, detections = files[0], tmp_path / 'dt.json'
    rows = json.loads(files[1].read_text())
    if change == 'no annotations':
        annotations = tmp_path / 'missing.json'
    elif change in ('no names', 'no categories'):
        content = json.loads(files[0].read_text())
        if change == 'no names':
            del content['categories'][0]['keypoints']
        else:
            content['categories'] = []
        annotations = tmp_path / 'less.json'
        annotations.write_text(json.dumps(content))
    elif change == 'suffix':
        detections = tmp_path / 'dt.txt'
    elif change == 'no dump':
        detections = tmp_path / 'missing.pkl'
    elif change == 'dump':
        detections = tmp_path / 'broken.pkl'
        detections.write_bytes(b'no pickle')
    elif change == 'image':
        rows[1]['image_id'] = 999
    elif change == 'far':
        rows = [{**rows[0], 'keypoints': [9999, 9999, 1] * 17}]
    options = {
        'metainfo': ['--metainfo', 'mpii'],
        'unknown metainfo': ['--metainfo', 'cocoo'],
        'no names': ['--metainfo', 'mpii'],
        'two skeletons': ['--metainfo', 'coco', '--config', 'config.py'],
        'sigmas': ['--sigmas', '0.1', '0.2'],
        'score mode': ['--score-mode', 'bbox'],
        'no categories': ['--metainfo', 'coco'],
        'seed': ['--seed', '-1'],
        'resamples': ['--resamples', '5'],
    }.get(change, [])
    (tmp_path / 'dt.json').write_text(json.dumps({} if change == 'object' else rows))
    assert main([str(annotations), str(detections), *options, '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_crowdpose_is_evaluated_by_its_own_rules(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """``num_keypoints`` decides who counts."""
    more = "test_evaluator = [dict(type='CocoMetric', iou_type='keypoints_crowd')]"
    config = str(write_small_config(tmp_path / 'config.py', files[0].parent, more=more))
    content = json.loads(files[0].read_text())
    for person in content['annotations'][::2]:
        person['num_keypoints'] = 0
    for image in content['images']:
        image['crowdIndex'] = 0.5
    crowd = tmp_path / 'crowd.json'
    crowd.write_text(json.dumps(content))
    for found in files[1:]:
        for options, ignored in (([], 0), (['--config', config], IMAGES)):
            subject = read_subject(make_parser().parse_args([str(crowd), str(found), *options]))
            assert subject.people.ignored.sum() == ignored
            assert len(subject.detections) == 2 * IMAGES


def test_names_with_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=140).print(_table('joints', ['slope'], [('paw[/q]', {'slope': '1.0 [bold]'})]))
    printed = capsys.readouterr().out
    assert 'paw[/q]' in printed
    assert '1.0 [bold]' in printed


def test_skeletons_without_sigmas(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(files[0].read_text())
    del content['categories'][0]['keypoints']
    (tmp_path / 'hands.json').write_text(json.dumps(content))
    assert main([str(tmp_path / 'hands.json'), str(files[1]), '--metainfo', 'onehand10k']) == 2
    error = capsys.readouterr().err
    assert '0 sigmas for 21 joints in the metainfo of onehand10k: OKS needs one each; --sigmas' in error
    assert error.count('\n') == 1
