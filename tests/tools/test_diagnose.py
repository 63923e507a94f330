"""tools/diagnose.py on files with planted errors."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tools.diagnose
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from tests.drawn_rendered_people import write_drawn_rendered_people
from tests.evaluation.diagnosis.test_pose_diagnosis import annotations, samples
from tools.diagnose import main as diagnose

COCO = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder', 'left_elbow',
    'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
    'right_ankle',
)  # fmt: skip
SPREADS = ['--sigmas', '0.05', '0.05', '0.05']
META = {
    'dataset_name': 'three',
    'keypoint_info': {
        joint: {'name': name, 'swap': swap, 'type': '', 'color': [0, 0, 0]}
        for joint, (name, swap) in enumerate([('nose', ''), ('left_hand', 'right_hand'), ('right_hand', 'left_hand')])
    },
    'skeleton_info': {},
    'joint_weights': [1.0] * 3,
    'sigmas': [0.05] * 3,
}


def config_of(tmp_path: Path, **options: Any) -> str:
    """A config of a test of these joints, in which CocoMetric has these options."""
    config = tmp_path / 'config.py'
    evaluator = {'type': 'CocoMetric', 'ann_file': 'elsewhere.json', **options}
    config.write_text(
        f"test_dataloader = dict(dataset=dict(type='CocoDataset', metainfo={META!r}))\ntest_evaluator = {evaluator!r}\n"
    )
    return str(config)


def detections() -> list[dict[str, Any]]:
    """Planted ones as COCO results."""
    return [
        {
            'image_id': sample['img_id'],
            'category_id': 1,
            'keypoints': [
                value for x, y in sample['pred_instances']['keypoints'][0].tolist() for value in (x, y, 1.0)
            ],
            'score': float(sample['pred_instances']['bbox_scores'][0]),
        }
        for sample in samples()
    ]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    truth, found = tmp_path / 'gt.json', tmp_path / 'dt.json'
    truth.write_text(json.dumps(annotations()))
    found.write_text(json.dumps(detections()))
    return truth, found


def test_json_and_dump_tell_the_same(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / 'dump.pkl'
    dump.write_bytes(pickle.dumps(samples(heatmaps=True)))
    contents = []
    for found in (files[1], dump):
        out = tmp_path / 'new' / found.stem
        assert diagnose([str(files[0]), str(found), *SPREADS, '--out', str(out)]) == 0
        printed = capsys.readouterr().out
        assert 'AP 0.442' in printed  # 67 of 101 recalls with a precision of 2/3
        row = next(line for line in printed.splitlines() if 'inversion' in line)
        assert [cell.strip() for cell in row.split('│')[2:4]] == ['40', '22.2 %']
        assert {path.name for path in out.iterdir()} == {'diagnosis.json', 'budget.png', 'joints.png', 'slices.png'}
        contents.append(json.loads((out / 'diagnosis.json').read_text()))
    assert 'second or third peak of 40' in ' '.join(printed.split())
    first, second = contents
    assert second.pop('modes') is not None
    assert first.pop('modes') is None
    assert first == second


def test_cocos_joints_need_no_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = annotations(), detections()
    truth['categories'][0]['keypoints'] = list(COCO)
    rng = np.random.default_rng(0)
    for person, detection in zip(truth['annotations'], found, strict=True):
        joints = np.concatenate([rng.uniform(0, 300, (17, 2)), np.full((17, 1), 2)], 1)
        person['keypoints'] = detection['keypoints'] = joints.ravel().tolist()
    (tmp_path / 'gt.json').write_text(json.dumps(truth))
    (tmp_path / 'dt.json').write_text(json.dumps(found))
    for options in ([], ['--metainfo', 'coco'], ['--legacy'], ['--sigmas', *['0.1'] * 17]):
        assert diagnose([str(tmp_path / 'gt.json'), str(tmp_path / 'dt.json'), *options]) == 0
        printed = capsys.readouterr().out
        assert 'AP 1.000' in printed
        assert ('2017' in printed) == ('--legacy' in options)
    assert diagnose([str(tmp_path / 'gt.json'), str(tmp_path / 'dt.json'), '--metainfo', 'crowdpose']) == 2
    assert 'do not match' in capsys.readouterr().err


def test_rendered_people_of_another_renderer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Drawn people have a heading, but no class of pose, and nobody says whether they are truncated."""
    truth = write_drawn_rendered_people(tmp_path / 'data', num_images=2)
    people = json.loads(truth.read_text())['annotations']
    assert 'sector' in people[0]['rendered']
    assert 'pose_class' not in people[0]['rendered']
    keys = ('image_id', 'category_id', 'keypoints')
    found = tmp_path / 'dt.json'
    found.write_text(json.dumps([{**{key: person[key] for key in keys}, 'score': 1.0} for person in people]))
    assert diagnose([str(truth), str(found), '--out', str(tmp_path / 'out')]) == 0
    assert 'AP 1.000' in capsys.readouterr().out
    families = {one['family'] for one in json.loads((tmp_path / 'out/diagnosis.json').read_text())['slices']}
    assert 'heading' in families
    assert 'pose' not in families


def test_a_config_tells_the_skeleton(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metainfo = tmp_path / 'three.py'
    metainfo.write_text(f'dataset_info = {META!r}\n')
    for options in (['--config', config_of(tmp_path)], ['--metainfo', str(metainfo)]):
        assert diagnose([*map(str, files), *options]) == 0
        assert 'AP 0.442' in capsys.readouterr().out


def test_nobody_of_a_listed_category(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As COCO does: people of a category that is not listed are nobody to find."""
    content = annotations()
    for person in content['annotations']:
        person['category_id'] = 2
    files[0].write_text(json.dumps(content))
    dump, none = tmp_path / 'dump.pkl', tmp_path / 'none.json'
    dump.write_bytes(pickle.dumps(samples()))
    none.write_text('[]')
    for options in ([], ['--legacy']):
        for found, count in ((files[1], 60), (dump, 60), (none, 0)):
            out = tmp_path / f'out{len(options)}' / found.name
            assert diagnose([str(files[0]), str(found), *SPREADS, *options, '--out', str(out)]) == 0
            assert 'AP –' in capsys.readouterr().out
            written = json.loads((out / 'diagnosis.json').read_text())
            assert (written['people'], written['labelled_joints'], written['detections']) == (0, 0, count)
            assert written['false_positives'] == {'background': count, 'doubles': 0, 'of': count}


def test_people_are_scored_as_in_the_test_of_the_config(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Boxes rank the wrong people first; their joints know better. Everybody is there twice."""
    predicted = samples()
    for sample in predicted[:20]:
        sample['pred_instances']['keypoint_scores'][:] = 0.25
    dump = tmp_path / 'dump.pkl'
    dump.write_bytes(pickle.dumps([{**sample, 'id': i} for i, sample in enumerate(predicted + predicted)]))
    joints_first, boxes_first = 'AP 0.663', 'AP 0.442'  # 67 of 101 recalls, with a precision of 1 or of 2/3
    config = ['--config', config_of(tmp_path, score_mode='bbox', nms_mode='none')]
    for options, expected, count in (
        (SPREADS, joints_first, 60),
        ([*SPREADS, '--score-mode', 'bbox'], boxes_first, 60),
        ([*SPREADS, '--nms-mode', 'none'], 'AP', 120),
        ([*config, '--nms-mode', 'oks_nms'], boxes_first, 60),
        ([*config, '--nms-mode', 'oks_nms', '--score-mode', 'bbox_keypoint'], joints_first, 60),
        (config, 'AP', 120),
    ):
        out = tmp_path / 'out'
        assert diagnose([str(files[0]), str(dump), *options, '--out', str(out)]) == 0
        assert expected in capsys.readouterr().out, options
        assert json.loads((out / 'diagnosis.json').read_text())['detections'] == count, options


def test_areas_are_those_of_the_config(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On an area of a million pixels² nothing is far from anything; boxes are a thousand times smaller."""
    content = annotations()
    for person in content['annotations']:
        person['area'] = 1e6
    files[0].write_text(json.dumps(content))
    dump = tmp_path / 'dump.pkl'
    dump.write_bytes(pickle.dumps(samples()))
    for use_area, expected in ((True, 'AP 1.000'), (False, 'AP 0.442')):
        config = config_of(tmp_path, use_area=use_area)
        for found in (files[1], dump):
            assert diagnose([str(files[0]), str(found), '--config', config]) == 0
            assert expected in capsys.readouterr().out


@pytest.mark.parametrize(('names', 'inversions'), [(['nose', 'L_Hand', 'R_Hand'], 40), (['a', 'b', 'c'], 0)])
def test_without_left_and_right(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], inversions: int
) -> None:
    content = annotations()
    content['categories'][0]['keypoints'] = names
    files[0].write_text(json.dumps(content))
    assert diagnose([*map(str, files), *SPREADS, '--out', str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (sum('no left and right found' in line for line in lines) == 1) == (inversions == 0)
    classes = json.loads((tmp_path / 'diagnosis.json').read_text())['classes']
    assert (classes['inversion']['count'], classes['miss']['count']) == (inversions, 40 - inversions)


def test_many_people_show_progress(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / 'dump.pkl'
    dump.write_bytes(pickle.dumps(samples()))
    lengths: list[int] = []
    show_progress = tools.diagnose.show_progress

    def show(loop: Any) -> Any:
        lengths.append(len(loop))
        return show_progress(loop)

    monkeypatch.setattr(tools.diagnose, 'show_progress', show)
    for many, expected in ((61, []), (60, [5, 15])):
        monkeypatch.setattr(tools.diagnose, 'MANY', many)
        for found in (files[1], dump):
            lengths.clear()
            assert diagnose([str(files[0]), str(found), *SPREADS]) == 0
            assert lengths == expected
            assert capsys.readouterr().err == ''  # which is no terminal


def edited(change: Callable[[Any], Any]) -> Callable[[list[dict[str, Any]]], str]:
    def edit(rows: list[dict[str, Any]]) -> str:
        change(rows)
        return json.dumps(rows)

    return edit


@pytest.mark.parametrize(
    ('broken', 'words'),
    [
        (lambda rows: '{', ['not valid JSON']),
        (lambda rows: '{"a": 1}', ['no list of COCO-format detections']),
        (edited(lambda rows: [rows[i].update(image_id=99) for i in (3, 5)]), ['detection 3 (image 99)', '2 of 60']),
        (edited(lambda rows: rows[4].update(keypoints=[1.0] * 6)), ['detection 4', '3 joints']),
        (edited(lambda rows: rows[2]['keypoints'].__setitem__(0, float('nan'))), ['detection 2', 'not finite']),
        (edited(lambda rows: rows[2].update(score=float('inf'))), ['detection 2', 'score that is not finite']),
        (edited(lambda rows: rows[1].pop('score')), ['detection 1', 'lacks score']),
        (edited(lambda rows: rows[1]['keypoints'].__setitem__(0, 'left')), ['no number']),
    ],
)
def test_bad_detections(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], broken: Callable[[Any], str], words: list[str]
) -> None:
    files[1].write_text(broken(detections()))
    refused(capsys, files, SPREADS, words)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda content: content['annotations'][7].pop('area'), ['annotations[7] lacks area']),
        (lambda content: content['annotations'][7].update(area=float('nan')), ['annotations[7] has a wrong area']),
        (lambda content: content['annotations'].clear(), ['no people with labelled joints']),
        (lambda content: content.pop('categories'), ['lists no categories, so COCO evaluates nobody']),
        (lambda content: content['categories'].clear(), ['lists no categories, so COCO evaluates nobody']),
        (lambda content: content['annotations'][7].update(image_id=-1), ['annotations[7]', 'image_id -1']),
    ],
)
def test_bad_annotations(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], change: Callable[[Any], Any], words: list[str]
) -> None:
    content = annotations()
    change(content)
    files[0].write_text(json.dumps(content))
    refused(capsys, files, SPREADS, words)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ([], ['not COCO’s 17', '--sigmas', '--metainfo']),
        (['--sigmas', '0.1'], ['--sigmas has 1', '3 joints']),
        (['--sigmas', '0.1', '0.1', '-1'], ['positive']),
        (['--metainfo', 'nowhere'], ['nowhere']),
        (['--metainfo', 'coco'], ['do not match', 'left_eye']),
        (['--config', 'missing.py'], ['missing.py', 'does not exist']),
        (['--config', 'a.py', '--metainfo', 'coco'], ['give one of them']),
        ([*SPREADS, '--score-mode', 'bbox'], ['--score-mode and --nms-mode are for dumps']),
        ([*SPREADS, '--nms-mode', 'none'], ['--score-mode and --nms-mode are for dumps']),
    ],
)
def test_bad_options(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: list[str], words: list[str]
) -> None:
    refused(capsys, files, options, words)


def test_joints_without_names(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    content = annotations()
    del content['categories'][0]['keypoints']
    files[0].write_text(json.dumps(content))
    refused(capsys, files, SPREADS, ['do not name their joints', '--metainfo'])
    refused(capsys, files, ['--metainfo', 'coco'], ['3 labelled joints', '17 sigmas'])


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('dt.txt', b'', ['.json file or a dump']),
        ('dt.pkl', None, ['does not exist', '--dump']),
        ('dt.pkl', b'no pickle', ['cannot be read']),
        ('dt.pkl', pickle.dumps({}), ['no list of samples']),
        ('dt.pkl', pickle.dumps([{}]), ['dt.pkl', 'pred_instances']),
        ('dt.json', None, ['does not exist']),
    ],
)
def test_bad_files(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    words: list[str],
) -> None:
    path = tmp_path / 'other' / name
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    refused(capsys, (files[0], path), SPREADS, words)


def refused(capsys: pytest.CaptureFixture[str], files: tuple[Path, Path], options: list[str], words: list[str]) -> None:
    """One line on stderr that has all of the words, and nothing written."""
    out = files[0].parent / 'out'
    assert diagnose([*map(str, files), *options, '--out', str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert all(word in error for word in words), error
    assert not out.exists()


@pytest.mark.parametrize('kind', ['json', 'dump'])
def test_crowdpose_is_evaluated_by_its_own_rules(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """``num_keypoints`` decides who counts: not the first 20, whose hands are exchanged; all others are found."""
    content = annotations()
    for person in content['annotations'][:20]:
        person['num_keypoints'] = 0
    files[0].write_text(json.dumps(content))
    found = files[1]
    if kind == 'dump':
        found = tmp_path / 'dump.pkl'
        found.write_bytes(pickle.dumps(samples()))
    # Either with a precision of 40/60, at recalls up to 40/60 or at all.
    for options, expected in (({}, 'AP 0.442'), ({'iou_type': 'keypoints_crowd'}, 'AP 0.667')):
        assert diagnose([str(files[0]), str(found), '--config', config_of(tmp_path, **options)]) == 0
        assert expected in capsys.readouterr().out
    options = ['--iou-type', 'keypoints_crowd', '--config', config_of(tmp_path)]
    assert diagnose([str(files[0]), str(found), *options]) == 0
    assert 'AP 0.667' in capsys.readouterr().out


def test_pictures_need_no_names(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody opens them."""
    content = annotations()
    content['images'] = [{'id': image['id']} for image in content['images']]
    files[0].write_text(json.dumps(content))
    assert diagnose([str(files[0]), str(files[1]), '--config', config_of(tmp_path)]) == 0
    assert 'AP 0.442' in capsys.readouterr().out


@pytest.mark.parametrize('kind', ['json', 'dump'])
def test_a_file_without_areas_and_a_config_that_needs_none(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    content = annotations()
    for person in content['annotations']:
        del person['area']
    files[0].write_text(json.dumps(content))
    found = files[1]
    if kind == 'dump':
        found = tmp_path / 'dump.pkl'
        found.write_bytes(pickle.dumps(samples()))
    for options, of_metric in (([], {'use_area': False}), (['--no-area'], {})):
        assert diagnose([str(files[0]), str(found), *options, '--config', config_of(tmp_path, **of_metric)]) == 0
        assert 'AP 0.442' in capsys.readouterr().out
    assert diagnose([str(files[0]), str(found), '--config', config_of(tmp_path)]) == 2
    assert 'lacks area' in capsys.readouterr().err


def test_skeletons_without_sigmas(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metainfo = tmp_path / 'three.py'
    metainfo.write_text(f'dataset_info = {META | dict(sigmas=[])!r}\n')
    refused(capsys, files, ['--metainfo', str(metainfo)], ['0 sigmas for 3 joints', str(metainfo), '--sigmas S S'])
    assert diagnose([*map(str, files), '--metainfo', str(metainfo), *SPREADS]) == 0
    assert 'AP 0.442' in capsys.readouterr().out


def test_the_example_of_the_help_has_sigmas() -> None:
    name = next(line.split()[-1] for line in tools.diagnose.DESCRIPTION.splitlines() if '--metainfo' in line)
    skeleton = skeleton_of_file(name)
    assert len(skeleton.sigmas) == len(skeleton.joints) == 21
