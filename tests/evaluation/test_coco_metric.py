"""The metric against MMPose's CocoMetric over the real xtcocotools, and against what that gave when it was last run."""

import contextlib
import copy
import io
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric
from mmpose.registry import METRICS
from numpy.typing import NDArray

from posescope.compat import xtcocotools as stand_in
from posescope.errors import InputError
from posescope.evaluation import CocoKeypointMetric
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.predictions import Predictions, score
from tests.evaluation.random_predictions import Case, draw_case, draw_whole_images

RECORDED = Path(__file__).with_name('coco_metric_results.json')
RECORDED_SEEDS = range(40)
JOINTS = (17, 14, 4)
BLOCK = 250
RICH = 1
"""Seed of a case with many different numbers in its result."""


@pytest.fixture(autouse=True)
def quiet() -> None:
    MMLogger.get_current_instance().setLevel(logging.ERROR)


def drawn(seed: int) -> tuple[Case, dict]:
    """A case of 17, 14 or 4 joints; those of 14 are evaluated as CrowdPose is."""
    joints = JOINTS[seed % len(JOINTS)]
    return draw_case(seed, joints), {'iou_type': 'keypoints_crowd'} if joints == 14 else {}


_CPU = Path('/proc/cpuinfo')
_SORTS_AS_RECORDED = _CPU.is_file() and 'avx512bw' in _CPU.read_text()
"""Whether NumPy sorts with the instructions of the processor on which the results were recorded."""


def recorded_cases(seed: int) -> dict[str, tuple[Case, dict, type[CocoMetric]]]:
    """Cases by name, with arguments for MMPose's metric, and which that is."""
    whole = draw_case(seed, joints=133, whole_body=True)
    for sample in whole.samples:
        sample['category_id'] = 1
    return {
        f'{seed}': (*drawn(seed), CocoMetric),
        f'{seed} with 133 joints': (draw_case(seed, joints=133), {}, CocoMetric),
        f'{seed} whole body': (whole, {}, CocoWholeBodyMetric),
        f'{seed} whole images': (draw_whole_images(seed), {}, CocoMetric),
    }


def with_predictions(first: int, **options) -> Case:
    """The first case from this seed on in which something is predicted: MMPose's metric cannot do without."""
    return next(case for seed in range(first, first + 50) if (case := draw_case(seed, **options)).samples)


def evaluate(kind: type[CocoMetric], case: Case, folder: Path, **options) -> dict[str, float]:
    file = folder / 'annotations.json'
    file.write_text(json.dumps(case.content))
    with contextlib.redirect_stdout(io.StringIO()):
        metric = kind(**{'ann_file': str(file), **case.options, **options})
        return run(metric, case)


def run(metric: CocoMetric, case: Case) -> dict[str, float]:
    metric.dataset_meta = copy.deepcopy(case.meta)
    metric.process(None, copy.deepcopy(case.samples))
    with contextlib.redirect_stdout(io.StringIO()):
        return metric.compute_metrics(metric.results)


def test_is_evaluated_like_any_metric(tmp_path):
    case = with_predictions(1, joints=17)
    direct = evaluate(CocoKeypointMetric, case, tmp_path)
    metric = CocoKeypointMetric(ann_file=str(tmp_path / 'annotations.json'), **case.options)
    metric.dataset_meta = copy.deepcopy(case.meta)
    metric.process(None, case.samples)
    assert metric.evaluate(len(case.samples)) == {f'coco/{name}': value for name, value in direct.items()}


def need_the_real_one() -> None:
    import xtcocotools

    if xtcocotools is stand_in:
        pytest.skip('the real xtcocotools is not there: it has wheels for Python 3.10 and 3.11 with numpy 1 only')


def assert_same(ours: dict, theirs: dict, note: str) -> None:
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=0, atol=1e-12, err_msg=note)


@pytest.mark.parametrize(
    'block', [pytest.param(block, marks=pytest.mark.long if block > 3 else ()) for block in range(10)]
)
def test_equals_mmpose_over_the_real_xtcocotools(block, tmp_path):
    need_the_real_one()
    compared = informative = 0
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        case, options = drawn(seed)
        if not case.samples:
            continue  # MMPose's metric cannot do without
        theirs = evaluate(CocoMetric, case, tmp_path, **options)
        assert_same(evaluate(CocoKeypointMetric, case, tmp_path, **options), theirs, f'seed {seed}')
        compared += 1
        informative += len(np.unique(list(theirs.values()))) > 3
    assert compared > 0.7 * BLOCK
    assert informative > 0.4 * BLOCK  # not a comparison of empty tables


def test_equals_what_mmpose_gave(tmp_path, monkeypatch):
    recorded = json.loads(RECORDED.read_text())
    assert len(recorded) > 120
    tied: list[bool] = []
    monkeypatch.setattr('posescope.evaluation.coco_metric.score', partial(noting_ties, tied))
    compared = 0
    for seed in RECORDED_SEEDS:
        for name, (case, options, kind) in recorded_cases(seed).items():
            if name not in recorded:
                continue
            whole = {'iou_type': 'keypoints_wholebody'} if kind is CocoWholeBodyMetric else options
            ours = evaluate(CocoKeypointMetric, case, tmp_path, **whole)
            if _SORTS_AS_RECORDED or not tied[-1]:
                assert_same(ours, recorded[name], name)
                compared += 1
    assert compared > 30


def noting_ties(tied: list[bool], predictions: Predictions, *args: Any) -> NDArray[np.floating]:
    """Score, and note whether equal ones lie in one image: their order NumPy's argsort leaves to the processor."""
    scores = score(predictions, *args)
    tied.append(len(set(zip(map(str, predictions.image_ids), scores.tolist(), strict=True))) < len(scores))
    return scores


@pytest.mark.parametrize('seed', range(40))
def test_whole_bodies_equal_mmposes_own_metric(seed, tmp_path):
    need_the_real_one()
    case = with_predictions(50 * seed, joints=133, whole_body=True)
    for sample in case.samples:
        sample['category_id'] = 1  # what MMPose writes down for whole bodies, whatever the sample says
    theirs = evaluate(CocoWholeBodyMetric, case, tmp_path)
    assert_same(evaluate(CocoKeypointMetric, case, tmp_path, iou_type='keypoints_wholebody'), theirs, f'seed {seed}')


@pytest.mark.parametrize('seed', range(12))
def test_133_joints_in_one_field_equal_mmposes(seed, tmp_path):
    need_the_real_one()
    case = with_predictions(50 * seed + 7000, joints=133)
    ours, theirs = (evaluate(kind, case, tmp_path) for kind in (CocoKeypointMetric, CocoMetric))
    assert_same(ours, theirs, f'seed {seed}')


@pytest.mark.parametrize('block', range(4))
def test_bottom_up_models_are_evaluated_as_mmpose_does(block, tmp_path):
    need_the_real_one()
    compared = 0
    for seed in range(block * 40, (block + 1) * 40):
        case = draw_whole_images(seed)
        if case.samples:
            ours, theirs = (evaluate(kind, case, tmp_path) for kind in (CocoKeypointMetric, CocoMetric))
            assert_same(ours, theirs, f'seed {seed}')
            compared += len(set(ours.values())) > 3
    assert compared > 8


def test_an_image_that_came_twice_counts_once(tmp_path):
    case = draw_whole_images(1)
    once = evaluate(CocoKeypointMetric, case, tmp_path, nms_mode='none')
    twice = case._replace(samples=[*case.samples, *case.samples[:3]])
    assert evaluate(CocoKeypointMetric, twice, tmp_path, nms_mode='none') == once


def test_ids_may_be_strings(tmp_path):
    case = with_predictions(RICH, joints=17)
    expected = evaluate(CocoKeypointMetric, case, tmp_path)
    for image in case.content['images']:
        image['id'] = f'{image["id"]:04d}'
    for person in case.content['annotations']:
        person |= {'id': f'{person["id"]:04d}', 'image_id': f'{person["image_id"]:04d}'}
    for sample in case.samples:
        sample |= {'id': f'{sample["id"]:04d}', 'img_id': f'{sample["img_id"]:04d}'}
    assert evaluate(CocoKeypointMetric, case, tmp_path) == expected


@pytest.mark.parametrize('part', ['body', 'foot', 'face', 'lefthand', 'righthand'])
def test_parts_of_a_whole_body_equal_xtcocotools(part, tmp_path):
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    sizes = {'body': (0, 17), 'foot': (17, 23), 'face': (23, 91), 'lefthand': (91, 112), 'righthand': (112, 133)}
    for seed in (3, 4, 9, 12):
        case = draw_case(seed, joints=133, whole_body=True)
        prefix = str(tmp_path / 'results')
        ours = evaluate(CocoKeypointMetric, case, tmp_path, iou_type=f'keypoints_{part}', outfile_prefix=prefix)
        sigmas = case.meta['sigmas'][slice(*sizes[part])]
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(tmp_path / 'annotations.json'))
            found = truth.loadRes(f'{prefix}.keypoints.json')
            reference = COCOeval(truth, found, f'keypoints_{part}', sigmas, case.options['use_area'])
            reference.evaluate()
            reference.accumulate()
            reference.summarize()
        np.testing.assert_allclose(list(ours.values()), reference.stats, rtol=0, atol=1e-12, err_msg=f'seed {seed}')


@pytest.mark.parametrize('joints', [17, 4])
def test_writes_the_file_that_mmpose_writes_only_when_asked(joints, tmp_path):
    case = with_predictions(joints, joints=joints)
    evaluate(CocoKeypointMetric, case, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['annotations.json']
    rows = []
    for kind in (CocoMetric, CocoKeypointMetric):
        prefix = tmp_path / kind.__name__
        assert evaluate(kind, case, tmp_path, format_only=True, outfile_prefix=str(prefix)) == {}
        file = json.loads(Path(f'{prefix}.keypoints.json').read_text())
        # MMPose goes through the images as they came, we by id.
        rows.append(sorted(file, key=lambda row: row['image_id']))
    assert rows[0] == rows[1]


def labels_with_samples(seed: int) -> Case:
    """A case whose samples carry the labels of their images, the first of each image all of them."""
    case = with_predictions(seed, joints=17)
    case.options['use_area'] = True
    told = set()
    for sample in case.samples:
        image = sample['img_id']
        people = [] if image in told else [p for p in case.content['annotations'] if p['image_id'] == image]
        sample |= {'ori_shape': (400, 400), 'raw_ann_info': [*({'area': 900, **person} for person in people), None]}
        told.add(image)
    case.meta['CLASSES'] = case.content['categories']
    return case


@pytest.mark.parametrize('seed', [0, 100, 200])
def test_labels_may_come_with_the_samples(seed, tmp_path):
    case = labels_with_samples(seed)
    ours, theirs = (evaluate(kind, case, tmp_path, ann_file=None) for kind in (CocoKeypointMetric, CocoMetric))
    assert_same(ours, theirs, '')


@pytest.mark.parametrize('size', [1, 3])
def test_batches_may_have_any_size(size):
    case = labels_with_samples(RICH)
    expected = run(CocoKeypointMetric(**case.options), case)
    assert len(set(expected.values())) > 3
    metric = CocoKeypointMetric(**case.options)
    metric.dataset_meta = copy.deepcopy(case.meta)
    for start in range(0, len(case.samples), size):
        metric.process(None, case.samples[start : start + size])
    assert len(metric.results) == len(case.samples)
    assert metric.evaluate(len(case.samples)) == {f'coco/{name}': value for name, value in expected.items()}


def test_json_that_is_not_strict_is_read_and_broken_json_is_explained(tmp_path):
    case = with_predictions(RICH, joints=17)
    expected = evaluate(CocoKeypointMetric, case, tmp_path)
    file = tmp_path / 'annotations.json'
    case.content['images'][0]['exposure'] = np.nan
    file.write_text(json.dumps(case.content), encoding='utf-8-sig')
    assert run(CocoKeypointMetric(ann_file=str(file), **case.options), case) == expected
    file.write_text(json.dumps(case.content)[:-1])
    with pytest.raises(InputError, match=r'annotation file .*annotations.json is not valid JSON: Expecting'):
        CocoKeypointMetric(ann_file=str(file))
    with pytest.raises(InputError, match=r'annotation file .*nowhere.json does not exist'):
        CocoKeypointMetric(ann_file=str(tmp_path / 'nowhere.json'))


def test_joints_are_converted_like_mmpose_does(tmp_path):
    case = draw_case(RICH, joints=17)
    pick = {'num_keypoints': 5, 'mapping': [(0, 0), (5, 1), (6, 2), (16, 4)]}
    options = {'pred_converter': pick, 'gt_converter': pick}
    ours, theirs = (evaluate(kind, case, tmp_path, **options) for kind in (CocoKeypointMetric, CocoMetric))
    assert_same(ours, theirs, '')
    assert len(set(ours.values())) > 3
    typed = {'pred_converter': {'type': 'KeypointConverter', **pick}, 'gt_converter': {'type': 'x', **pick}}
    assert evaluate(CocoKeypointMetric, case, tmp_path, **typed) == ours


def test_a_second_evaluation_converts_no_joint_twice(tmp_path):
    case = draw_case(RICH, joints=17)
    swap = {'num_keypoints': 17, 'mapping': [(i, 16 - i) for i in range(17)]}
    file = tmp_path / 'annotations.json'
    file.write_text(json.dumps(case.content))
    metric = CocoKeypointMetric(ann_file=str(file), pred_converter=swap, gt_converter=swap, **case.options)
    first = run(metric, case)
    assert metric.compute_metrics(metric.results) == first


def test_is_built_by_name_and_is_a_coco_metric():
    metric = METRICS.build({'type': 'CocoKeypointMetric', 'nms_mode': 'none', 'score_mode': 'bbox'})
    assert isinstance(metric, CocoMetric)
    assert metric.default_prefix == 'coco'


def one_person(**changes) -> dict:
    joints = [10, 10, 2, 50, 10, 2, 10, 50, 2, 50, 50, 2]
    person = {'id': 0, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 60, 60], 'area': 3600, 'keypoints': joints}
    return {**person, 'iscrowd': 0, **changes}


def simple(people: list[dict], places: list[np.ndarray], image_id: int = 1) -> Case:
    """Four joints with σ = .1, image 1, and predictions with score 1."""
    samples = [
        {
            'id': number,
            'img_id': image_id,
            'pred_instances': {'keypoints': place[None], 'keypoint_scores': np.ones((1, len(place)))},
            'gt_instances': {},
        }
        for number, place in enumerate(places)
    ]
    content = {'images': [{'id': 1}], 'annotations': people, 'categories': [{'id': 1, 'name': 'person'}]}
    meta = {'sigmas': np.full(4, 0.1), 'num_keypoints': 4, 'dataset_name': 'simple'}
    return Case(content, samples, meta, {})


TRUE_PLACES = np.reshape(one_person()['keypoints'], (4, 3))[:, :2].astype(float)


def test_oks_in_closed_form(tmp_path):
    # All joints 12 pixels off: exp(-144 / (2 · 3600 · 0.2²)) = exp(-0.5) = .607, so a match at .5, .55 and .6 of ten.
    result = evaluate(CocoKeypointMetric, simple([one_person()], [TRUE_PLACES + np.array([12, 0])]), tmp_path)
    np.testing.assert_allclose([result[name] for name in ('AP', 'AP .5', 'AP .75')], [0.3, 1, 0])


def test_nothing_predicted_finds_nobody(tmp_path):
    result = evaluate(CocoKeypointMetric, simple([one_person()], []), tmp_path)
    assert (result['AP'], result['AR'], result['AP (L)']) == (0, 0, -1)


def test_without_people_nothing_is_defined(tmp_path):
    assert set(evaluate(CocoKeypointMetric, simple([], [TRUE_PLACES]), tmp_path).values()) == {-1}


def test_people_of_a_category_that_is_not_listed_are_left_out_loudly(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr('posescope.evaluation.people.print_log', lambda text, *_: said.append(text))
    people = [one_person(), one_person(id=7, category_id=3)]
    result = evaluate(CocoKeypointMetric, simple(people, [TRUE_PLACES]), tmp_path)
    assert result['AP'] == pytest.approx(1)
    assert '1 of 2 annotations are left out' in said[0]
    assert 'annotation 7' in said[0]


def test_crowd_levels_have_intervals_and_need_an_index(tmp_path):
    images = [{'id': i, 'crowdIndex': 0.1 if i % 3 else 0.9} for i in range(1, 181)]
    people = [one_person(id=i, image_id=i, num_keypoints=4) for i in range(1, 181)]
    case = simple(people, [TRUE_PLACES + np.array([i % 4 * 4, 0]) for i in range(180)])
    case.content['images'] = images
    for number, sample in enumerate(case.samples):
        sample['img_id'] = number + 1
    result = evaluate(CocoKeypointMetric, case, tmp_path, iou_type='keypoints_crowd', resamples=100)
    assert result['AP(E)/low'] < result['AP(E)'] < result['AP(E)/high']
    assert result['AP(H)/low'] < result['AP(H)'] < result['AP(H)/high']
    assert np.isnan(result['AP(M)/low']), 'no image is of this level'
    assert 'AP (L)/low' not in result
    del images[4]['crowdIndex'], images[5]['crowdIndex']
    with pytest.raises(InputError, match=r'image 5 has no crowdIndex.*\(2 of 180 images\)'):
        evaluate(CocoKeypointMetric, case, tmp_path, iou_type='keypoints_crowd')


@pytest.mark.parametrize('wrong', [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused_with_their_number(wrong, tmp_path):
    bad = TRUE_PLACES.copy()
    bad[2, 1] = wrong
    with pytest.raises(InputError, match=r'2 of 3 predictions have a joint .* first on image 1'):
        evaluate(CocoKeypointMetric, simple([one_person()], [TRUE_PLACES, bad, bad]), tmp_path)


def test_predictions_on_unknown_images_are_refused(tmp_path):
    with pytest.raises(InputError, match='1 of 1 predictions are on images that the annotations do not list, first 7'):
        evaluate(CocoKeypointMetric, simple([one_person()], [TRUE_PLACES], image_id=7), tmp_path)


def test_other_numbers_of_joints_are_refused(tmp_path):
    with pytest.raises(InputError, match='predicts 3 joints, its data set has 4'):
        evaluate(CocoKeypointMetric, simple([one_person()], [TRUE_PLACES[:3]]), tmp_path)
    person = one_person(keypoints=[1, 1, 2])
    with pytest.raises(InputError, match='predicts 4 joints, people in the annotations have 1'):
        evaluate(CocoKeypointMetric, simple([person], [TRUE_PLACES]), tmp_path)


def test_people_without_area_are_refused_unless_boxes_will_do(tmp_path):
    people = [one_person(), one_person(id=1), one_person(id=2)]
    del people[1]['area'], people[2]['area']
    with pytest.raises(InputError, match=r'annotation 1 lacks area \(2 of 3 annotations are wrong\); use_area=False'):
        evaluate(CocoKeypointMetric, simple(people, [TRUE_PLACES]), tmp_path)
    assert evaluate(CocoKeypointMetric, simple(people, [TRUE_PLACES]), tmp_path, use_area=False)['AP .5'] > 0


def test_the_file_of_matches_says_by_which_measure(tmp_path):
    file = tmp_path / 'matches.npz'
    evaluate(CocoKeypointMetric, simple([one_person()], [TRUE_PLACES]), tmp_path, out_dir=str(tmp_path))
    meta = load_matches(file).meta
    expected = {'annotations': str(tmp_path / 'annotations.json'), 'iou_type': 'keypoints', 'use_area': True}
    assert meta == {**expected, 'sigmas': [0.1] * 4}
    whole = with_predictions(50, joints=133, whole_body=True)
    for sample in whole.samples:
        sample['category_id'] = 1
    options = {'use_area': False, 'iou_type': 'keypoints_face', 'out_dir': str(tmp_path)}
    evaluate(CocoKeypointMetric, whole, tmp_path, **options)
    meta = load_matches(file).meta
    assert (meta['use_area'], meta['iou_type']) == (False, 'keypoints_face')
    np.testing.assert_allclose(meta['sigmas'], whole.meta['sigmas'][23:91])


def test_unknown_kinds_are_refused_with_the_nearest():
    with pytest.raises(InputError, match='keypoints_crowd'):
        CocoKeypointMetric(iou_type='keypoint_crowd')


def record(folder: Path) -> None:
    """Store what MMPose gives: python -m tests.evaluation.test_coco_metric, where the real xtcocotools is."""
    import xtcocotools

    assert xtcocotools is not stand_in
    results = {}
    for seed in RECORDED_SEEDS:
        for name, (case, options, kind) in recorded_cases(seed).items():
            if case.samples:
                found = evaluate(kind, case, folder, **options)
                results[name] = {statistic: float(value) for statistic, value in found.items()}
    lines = [f'"{name}": {json.dumps(values)}' for name, values in results.items()]
    RECORDED.write_text('{\n' + ',\n'.join(lines) + '\n}\n')


if __name__ == '__main__':
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        record(Path(temporary))
