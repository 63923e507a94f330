"""The stand-in against the real xtcocotools, and against what the real one gave when it was last run."""

import contextlib
import copy
import io
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from posescope.compat import xtcocotools as stand_in_package
from posescope.compat.xtcocotools import coco, cocoeval, mask
from tests.compat.random_coco import KINDS, draw_case

RECORDED = Path(__file__).with_name('xtcocotools_stats.json')
RECORDED_SEEDS = (1002, 1028)
VARIANTS = [(kind, use_area) for kind in KINDS for use_area in (True, False)]


class Library(NamedTuple):
    coco: ModuleType
    cocoeval: ModuleType
    mask: ModuleType


OURS = Library(coco, cocoeval, mask)


def import_real() -> Library | None:
    import xtcocotools

    if xtcocotools is stand_in_package:
        return None
    from xtcocotools import coco, cocoeval, mask

    return Library(coco, cocoeval, mask)


@pytest.fixture(scope='module')
def real() -> Library:
    library = import_real()
    if library is None:
        pytest.skip('the real xtcocotools is not there: it has wheels for Python 3.10 and 3.11 with numpy 1 only')
    return library


def evaluate(library: Library, case: tuple[dict, list], kind: str, use_area: bool, folder: Path):
    """Everything but the summary, which changes the real one's results where it looks at crowd levels."""
    annotations, results = copy.deepcopy(case)
    if not use_area or kind in ('bbox', 'segm'):  # where the area is known from the box, or not needed
        for annotation in annotations['annotations'][::2]:
            del annotation['area']
    if kind == 'segm':  # the outline of a result is made from its box
        results = [{'bbox': [30, 30, 50, 50], **result} for result in results]
    file = folder / 'annotations.json'
    file.write_text(json.dumps(annotations))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        truth = library.coco.COCO(str(file))
        evaluation = library.cocoeval.COCOeval(truth, truth.loadRes(results), kind, KINDS[kind], use_area)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def summarize(evaluation) -> tuple[np.ndarray, list[str]]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        evaluation.summarize()
    return evaluation.stats, out.getvalue().splitlines()


def compute_stats(library: Library, seed: int, kind: str, use_area: bool, folder: Path) -> list[float]:
    return summarize(evaluate(library, draw_case(seed), kind, use_area, folder))[0].tolist()


def assert_same(ours, theirs) -> None:
    assert ours.ious.keys() == theirs.ious.keys()
    for place, overlaps in theirs.ious.items():
        np.testing.assert_allclose(ours.ious[place], overlaps, rtol=1e-13)
    assert len(ours.evalImgs) == len(theirs.evalImgs)
    for image, expected in zip(ours.evalImgs, theirs.evalImgs, strict=True):
        assert (image is None) == (expected is None)
        if image is not None:
            assert image.keys() == expected.keys()
            for name, value in expected.items():
                np.testing.assert_array_equal(image[name], value, err_msg=name)
    for name in ('counts', 'precision', 'recall', 'scores'):
        np.testing.assert_array_equal(ours.eval[name], theirs.eval[name], err_msg=name)


@pytest.mark.parametrize(('kind', 'use_area'), VARIANTS)
def test_equals_the_real_one(real, kind, use_area, tmp_path):
    informative = 0
    for seed in range(15):
        case = draw_case(seed)
        ours, theirs = (evaluate(library, case, kind, use_area, tmp_path) for library in (OURS, real))
        assert_same(ours, theirs)
        (stats, table), (expected, expected_table) = summarize(ours), summarize(theirs)
        np.testing.assert_array_equal(stats, expected, err_msg=f'seed {seed}')
        assert [row.split() for row in table] == [row.split() for row in expected_table]
        informative += len(np.unique(expected)) > 2
    assert informative > 5  # not a comparison of empty tables


@pytest.mark.parametrize('seed', range(5))
def test_results_that_are_not_numbers_count_like_in_the_real_one(real, seed, tmp_path):
    # A model that diverged predicts NaN. COCO's code lets it match, as no comparison with NaN rejects it.
    annotations, results = draw_case(seed)
    for result in results[::3]:
        result['keypoints'][::3] = [float('nan')] * 4
    ours, theirs = (evaluate(library, (annotations, results), 'keypoints', True, tmp_path) for library in (OURS, real))
    assert_same(ours, theirs)


@pytest.mark.parametrize(('kind', 'use_area'), VARIANTS)
def test_equals_what_the_real_one_gave(kind, use_area, tmp_path):
    recorded = json.loads(RECORDED.read_text())
    for seed in RECORDED_SEEDS:
        stats = compute_stats(OURS, seed, kind, use_area, tmp_path)
        np.testing.assert_allclose(stats, recorded[f'{kind}, use_area={use_area}, seed {seed}'], atol=1e-6)


def test_recorded_cases_say_something():
    stats = np.concatenate([np.array(values) for values in json.loads(RECORDED.read_text()).values()])
    assert np.mean((stats > 0) & (stats < 1)) > 0.5


def one_person(**changes) -> dict:
    keypoints = [10, 10, 2, 50, 10, 2, 10, 50, 2, 50, 50, 2]
    person = {'id': 0, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 60, 60], 'area': 3600, 'keypoints': keypoints}
    return {**person, 'iscrowd': 0, **changes}


def average_precision(people: list[dict], results: list[dict], use_area: bool = True) -> np.ndarray:
    """AP, AP .5, AP .75, AP (M), AP (L), AR, ... of four joints with σ = 0.1 each."""
    dataset = {'images': [{'id': 1}], 'annotations': people, 'categories': [{'id': 1}]}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO('in memory', ann_data=dataset)
        evaluation = cocoeval.COCOeval(truth, truth.loadRes(results), 'keypoints', np.full(4, 0.1), use_area)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_annotation_with_id_zero_is_matched():
    person = one_person()
    assert average_precision([person], [{**person, 'score': 1}])[0] == pytest.approx(1)


def test_joints_decide_who_counts_not_num_keypoints():
    person = one_person(num_keypoints=0)
    assert average_precision([person], [{**person, 'score': 1}])[0] == pytest.approx(1)


def test_a_result_whose_joints_have_no_score_is_dropped():
    person = one_person()
    nothing = {**person, 'keypoints': [200, 200, 0] * 4, 'score': 2}
    with_it = average_precision([person], [nothing, {**person, 'score': 1}])
    assert with_it[0] == pytest.approx(1)  # a false positive that ranks first would halve it


def test_oks_in_closed_form():
    # All joints 12 pixels off: exp(-144 / (2 · 3600 · 0.2²)) = exp(-0.5) = .607, so a match at .5, .55 and .6 of ten.
    person = one_person()
    moved = np.array(person['keypoints']) + [12, 0, 0] * 4
    stats = average_precision([person], [{**person, 'keypoints': moved.tolist(), 'score': 1}])
    np.testing.assert_allclose(stats[[0, 1, 2]], [0.3, 1, 0])


def test_without_area_the_box_decides_oks_and_range():
    # 0.53 · 60² = 1908 is medium; exp(-144 / (2 · 1908 · 0.2²)) = .389: no match at .5.
    person = one_person(area=1e5)
    moved = np.array(person['keypoints']) + [12, 0, 0] * 4
    stats = average_precision([person], [{**person, 'keypoints': moved.tolist(), 'score': 1}], use_area=False)
    np.testing.assert_array_equal(stats[[0, 3, 4]], [0, 0, -1])


def test_results_may_be_empty():
    np.testing.assert_array_equal(average_precision([one_person()], [])[[0, 4, 5]], [0, -1, 0])


def test_crowd_levels_do_not_disturb_the_evaluation(tmp_path):
    # The real one leaves the evaluation of the hardest images behind; here a second summary gives the same numbers.
    evaluation = evaluate(OURS, draw_case(3), 'keypoints_crowd', True, tmp_path)
    first = summarize(evaluation)[0]
    np.testing.assert_array_equal(summarize(evaluation)[0], first)


def test_part_without_scores_is_ranked_by_score_and_says_so(tmp_path):
    person = one_person(foot_kpts=[10, 10, 2, 50, 10, 2])
    dataset = {'images': [{'id': 1}], 'annotations': [person], 'categories': [{'id': 1}]}
    truth = coco.COCO('in memory', ann_data=dataset)
    evaluation = cocoeval.COCOeval(truth, truth.loadRes([{**person, 'score': 1}]), 'keypoints_foot', np.full(2, 0.1))
    with pytest.warns(UserWarning, match='foot_score'):
        evaluation.evaluate()


@pytest.fixture
def annotation_file(tmp_path) -> Path:
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(draw_case(1)[0]))
    return path


@pytest.mark.parametrize(
    'query',
    [
        lambda data: data.getAnnIds(),
        lambda data: data.getAnnIds(imgIds=1),
        lambda data: data.getAnnIds(imgIds=[1, 2], iscrowd=False),
        lambda data: data.getAnnIds(catIds=[1], areaRng=[32**2, 1e5]),
        lambda data: data.getAnnIds(areaRng=[0, 96**2]),
        lambda data: data.getCatIds(catNms='1'),
        lambda data: data.getImgIds(),
        lambda data: data.getImgIds(catIds=1),
        lambda data: data.loadImgs(1),
        lambda data: data.loadAnns([0, 1]),
        lambda data: data.loadCats(data.getCatIds()),
        lambda data: data.annToRLE(data.dataset['annotations'][0]),
        lambda data: data.annToMask(data.dataset['annotations'][0]).sum(),
        lambda data: data.anno_file,
    ],
)
def test_reads_annotations_like_the_real_one(real, annotation_file, query):
    ours, theirs = (query(library.coco.COCO(str(annotation_file))) for library in (OURS, real))
    assert ours == theirs


def test_test_index_keeps_some_joints(real, annotation_file):
    ours, theirs = (library.coco.COCO(str(annotation_file), test_index=[2, 0]) for library in (OURS, real))
    assert ours.dataset == theirs.dataset
    assert len(ours.dataset['annotations'][0]['keypoints']) == 6


@pytest.mark.parametrize('as_data', [False, True])
@pytest.mark.parametrize('seed', range(8))
def test_loads_results_like_the_real_one(real, annotation_file, tmp_path, seed, as_data):
    results = draw_case(seed)[1]
    for result in results:
        result['image_id'] = 1
    file = tmp_path / 'results.json'
    file.write_text(json.dumps(results))
    loaded = []
    for library in (OURS, real):
        truth = library.coco.COCO(str(annotation_file))
        loaded.append(truth.loadRes(str(file), copy.deepcopy(results)) if as_data else truth.loadRes(str(file)))
        assert truth.anno_file == [str(annotation_file), str(file)]
        assert isinstance(loaded[-1], library.coco.COCO)
    ours, theirs = loaded
    assert ours.anns == theirs.anns
    assert ours.imgs == theirs.imgs
    assert ours.cats == theirs.cats


def test_area_range_includes_its_lower_end():
    dataset = {'images': [{'id': 1}], 'annotations': [one_person(area=1024)], 'categories': [{'id': 1}]}
    data = coco.COCO('in memory', ann_data=dataset)
    assert data.getAnnIds(areaRng=[1024, 2000]) == [0]
    assert data.getAnnIds(areaRng=[1, 1024]) == []


def test_ids_may_be_strings():
    person = one_person(image_id='left', id='a')
    dataset = {'images': [{'id': 'left'}], 'annotations': [person], 'categories': [{'id': 1}]}
    data = coco.COCO('in memory', ann_data=dataset)
    assert data.getAnnIds(imgIds='left') == ['a']
    assert data.loadImgs('left') == [{'id': 'left'}]


def test_boxes_are_drawn_where_there_is_no_outline():
    import matplotlib

    matplotlib.use('agg')
    import matplotlib.pyplot as plt

    data = coco.COCO('in memory', ann_data={'images': [], 'annotations': [], 'categories': []})
    data.showAnns([{'bbox': [1, 2, 3, 4]}])
    corners = plt.gca().collections[0].get_paths()[0].vertices
    plt.close('all')
    assert corners.min(0).tolist() == [1, 2]
    assert corners.max(0).tolist() == [4, 6]


def test_masks_equal_the_real_ones(real):
    generator = np.random.default_rng(0)
    masks = np.asfortranarray(generator.random((13, 17, 5)) < 0.4, dtype=np.uint8)
    ours, theirs = mask.encode(masks), real.mask.encode(masks)
    assert ours == theirs
    np.testing.assert_array_equal(mask.decode(ours), masks)
    np.testing.assert_array_equal(mask.area(ours), real.mask.area(theirs))
    np.testing.assert_array_equal(mask.toBbox(ours), real.mask.toBbox(theirs))
    np.testing.assert_array_equal(mask.iou(ours, ours[:2], [0, 1]), real.mask.iou(theirs, theirs[:2], [0, 1]))
    assert mask.merge(ours) == real.mask.merge(theirs)
    for _ in range(50):
        polygon = [(generator.random(8) * 17).tolist()]
        assert mask.frPyObjects(polygon, 13, 17) == real.mask.frPyObjects(polygon, 13, 17)


def record(folder: Path) -> None:
    """Store what the real xtcocotools gives: python -m tests.compat.test_xtcocotools, where it is installed."""
    library = import_real()
    assert library is not None
    stats = {
        f'{kind}, use_area={use_area}, seed {seed}': [
            round(value, 7) for value in compute_stats(library, seed, kind, use_area, folder)
        ]
        for kind, use_area in VARIANTS
        for seed in RECORDED_SEEDS
    }
    lines = [f'{json.dumps(name)}: {json.dumps(values)}' for name, values in stats.items()]
    RECORDED.write_text('{\n' + ',\n'.join(lines) + '\n}\n')


if __name__ == '__main__':
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder))
