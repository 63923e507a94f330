#!/usr/bin/env python
"""What measuring costs: ``tools/benchmarks/evaluation.py --json OUT``, in CPU seconds of one thread.

``metric``: CocoKeypointMetric against MMPose's CocoMetric, from model outputs to AP, on as many detections and people
as COCO's validation set has; ``metric_build``: building it, which reads the annotations; ``metric_memory``: by how much
both together raise the resident memory.
``bootstrap``: a paired resample of two models, against accumulating xtcocotools' matches of the drawn images again.
``diagnosis``: the whole error diagnosis.
"""

import os

os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', MKL_NUM_THREADS='1')

import argparse
import contextlib
import copy
import io
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import posescope  # noqa: F401  makes MMPose importable
from posescope.engine.command import command
from posescope.evaluation import CocoKeypointMetric
from posescope.evaluation.bootstrap import resample
from posescope.evaluation.diagnosis import diagnose
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.report.benchmarks import interleaved, peak_memory, record, write_records

IMAGES, PEOPLE, DETECTIONS, JOINTS = 5000, 11004, 104125, 17
SKELETON = skeleton_of_file('coco')
BATCH = 32
"""Samples a batch, as in MMPose's configs."""
RESAMPLES = 1000
REPEATS = 5


def draw_people(generator: np.random.Generator, images: int, count: int) -> dict[str, Any]:
    """Draw annotations: boxes of people of all sizes, joints anywhere within, two in five people without labels."""
    image = generator.integers(images, size=count)
    size = generator.uniform(20, 250, (count, 2))
    corner = generator.uniform(0, 400, (count, 2))
    joints = corner[:, None] + generator.random((count, JOINTS, 2)) * size[:, None]
    visible = generator.choice([0, 1, 2, 2], (count, JOINTS)) * (generator.random(count) > 0.42)[:, None]
    people = []
    for i in range(count):
        keypoints = np.c_[joints[i], visible[i]] * (visible[i] > 0)[:, None]
        people.append(
            {
                'id': i,
                'image_id': int(image[i]),
                'category_id': 1,
                'bbox': [*corner[i].tolist(), *size[i].tolist()],
                'area': float(size[i].prod() * 0.6),
                'iscrowd': int(generator.random() < 0.02),
                'num_keypoints': int((visible[i] > 0).sum()),
                'keypoints': keypoints.ravel().tolist(),
            }
        )
    pictures = [{'id': i, 'width': 650, 'height': 650} for i in range(images)]
    return {'images': pictures, 'annotations': people, 'categories': [{'id': 1, 'name': 'person'}]}


def draw_samples(generator: np.random.Generator, content: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Draw model outputs: one good prediction of most people, the rest anywhere and with lower scores."""
    people = content['annotations']
    source = np.r_[np.arange(len(people)), generator.integers(len(people), size=count - len(people))]
    true = np.arange(count) < len(people)
    boxes = np.array([person['bbox'] for person in people])[source]
    labelled = np.array([person['keypoints'] for person in people]).reshape(-1, JOINTS, 3)[source]
    anywhere = boxes[:, None, :2] + generator.random((count, JOINTS, 2)) * boxes[:, None, 2:]
    places = np.where(labelled[..., 2:] > 0, labelled[..., :2], anywhere)
    spread = np.where(true, generator.choice([0.01, 0.03, 0.08], count), 0.4) * np.sqrt(boxes[:, 2] * boxes[:, 3])
    places = (places + generator.normal(size=places.shape) * spread[:, None, None]).astype(np.float32)
    scores = (generator.random((count, JOINTS)) * np.where(true, 1, 0.6)[:, None]).astype(np.float32)
    images = np.array([person['image_id'] for person in people])[source]
    images = np.where(true, images, generator.integers(len(content['images']), size=count))
    corners = np.c_[boxes[:, :2], boxes[:, :2] + boxes[:, 2:]].astype(np.float32)
    box_scores = np.where(true, generator.uniform(0.5, 1, count), generator.uniform(0, 0.6, count)).astype(np.float32)
    return [
        {
            'id': i,
            'img_id': int(images[i]),
            'category_id': 1,
            'pred_instances': {
                'keypoints': places[i][None],
                'keypoint_scores': scores[i][None],
                'bboxes': corners[i][None],
                'bbox_scores': box_scores[i : i + 1],
            },
            'gt_instances': {'bbox_scales': (corners[i, 2:] - corners[i, :2])[None] * np.float32(1.25)},
        }
        for i in range(count)
    ]


def process(metric: Any, samples: list[dict[str, Any]]) -> None:
    """Hand the samples over as a runner does, batch by batch."""
    for start in range(0, len(samples), BATCH):
        metric.process(None, samples[start : start + BATCH])


def evaluation(kind: type, file: Path, samples: list[dict[str, Any]]) -> Callable[[], tuple[Any, dict[str, float]]]:
    """A function that makes a metric of this kind evaluate the samples."""
    meta = {'sigmas': SKELETON.sigmas, 'num_keypoints': JOINTS, 'dataset_name': 'drawn'}

    def run() -> tuple[Any, dict[str, float]]:
        with contextlib.redirect_stdout(io.StringIO()):
            metric = kind(ann_file=str(file))
            metric.dataset_meta = copy.deepcopy(meta)
            process(metric, samples)
            return metric, metric.compute_metrics(metric.results) if samples else {}

    return run


def benchmark_memory(file: Path, samples: list[dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Compare by how much the whole metric, reading the annotations included, raises the resident memory."""
    from mmpose.evaluation.metrics import CocoMetric

    runs = [evaluation(kind, file, samples) for kind in (CocoKeypointMetric, CocoMetric)]
    memory = zip(*[[peak_memory(run) for run in runs] for _ in range(repeats)], strict=True)
    return record('metric_memory', 'mmpose CocoMetric', *map(statistics.median, memory), 'MiB', equal=True)


def benchmark_metric(file: Path, samples: list[dict[str, Any]], repeats: int) -> list[dict[str, Any]]:
    """Compare the metric from model outputs to AP, and, apart, building it, which reads the annotations once."""
    from mmpose.evaluation.metrics import CocoMetric

    built = [evaluation(kind, file, [])()[0] for kind in (CocoKeypointMetric, CocoMetric)]

    def run(metric: Any) -> dict[str, float]:
        with contextlib.redirect_stdout(io.StringIO()):
            metric.results.clear()
            process(metric, samples)
            return metric.compute_metrics(metric.results)

    def build(kind: type) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            kind(ann_file=str(file))

    found: list[dict[str, float]] = [{}, {}]
    functions = [lambda i=i: found.__setitem__(i, run(built[i])) for i in range(2)]
    seconds = interleaved(functions, repeats, time.process_time)
    equal = bool(np.allclose(*[list(one.values()) for one in found], rtol=0, atol=1e-12))
    building = interleaved([lambda: build(CocoKeypointMetric), lambda: build(CocoMetric)], repeats, time.process_time)
    peer = 'mmpose CocoMetric'
    return [
        record('metric', peer, *map(statistics.median, seconds), 'CPU s', equal),
        record('metric_build', peer, *map(statistics.median, building), 'CPU s', equal=True),
    ]


def benchmark_bootstrap(file: Path, models: list[list[dict[str, Any]]], repeats: int) -> dict[str, Any]:
    """Compare a paired resample with xtcocotools accumulating its own matches of the drawn images once more."""
    from xtcocotools.cocoeval import COCOeval

    ours, references = [], []
    for samples in models:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            metric, _ = evaluation(CocoKeypointMetric, file, samples)()
            ours.append(metric.matches)
            metric.outfile_prefix = f'{folder}/drawn'
            metric.compute_metrics(metric.results)
            found = metric.coco.loadRes(f'{folder}/drawn.keypoints.json')
            reference = COCOeval(metric.coco, found, 'keypoints', SKELETON.sigmas)
            reference.evaluate()
            references.append((reference, reference.evalImgs))
    images = len(ours[0].image_ids)
    generator = np.random.default_rng(0)

    def accumulate() -> list[np.ndarray]:
        drawn = np.sort(generator.integers(images, size=images))
        results = []
        for reference, matched in references:
            ranges = len(matched) // images
            reference.evalImgs = [matched[a * images + i] for a in range(ranges) for i in drawn]
            with contextlib.redirect_stdout(io.StringIO()):
                reference.accumulate()
                reference.summarize()
            results.append(np.array(reference.stats))
        return results

    generator = np.random.default_rng(0)
    expected = accumulate()
    # The same images: our resampling draws with the same generator.
    equal = bool(np.allclose(resample(ours, 1, seed=0).drawn[0], expected, rtol=0, atol=1e-12))
    seconds = interleaved((lambda: resample(ours, RESAMPLES), accumulate), repeats, time.process_time)
    mine, other = map(statistics.median, seconds)
    print(f'{RESAMPLES} paired resamples: {mine:.1f} CPU s')
    return record('bootstrap', 'xtcocotools accumulate', mine / RESAMPLES, other, 'CPU s a paired resample', equal)


def benchmark_diagnosis(file: Path, samples: list[dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Time the whole diagnosis; no other code that does it runs today."""
    metric, found = evaluation(CocoKeypointMetric, file, samples)()
    content = json.loads(file.read_text())
    skeleton = SKELETON.sigmas, SKELETON.flip_indices, SKELETON.joints

    def run() -> float:
        return diagnose(content, metric.people, metric.detections, *skeleton).headroom.measured['AP']

    seconds = interleaved((run,), repeats, time.process_time)[0]
    equal = abs(run() - found['AP']) < 1e-12
    return record('diagnosis', None, statistics.median(seconds), None, 'CPU s', equal)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparisons and print or write their list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, metavar='OUT', help='write the results there as well')
    parser.add_argument('--repeats', type=int, default=REPEATS, metavar='N', help='default %(default)s')
    parser.add_argument('--scale', type=float, default=1, metavar='S', help='share of the full size, default 1')
    parser.add_argument('--only', choices=('memory', 'metric', 'bootstrap', 'diagnosis'), help='run one of them')
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error('a median takes one of --repeats')
    if args.repeats < REPEATS and args.scale == 1:
        parser.error(f'--repeats {args.repeats}: a median takes {REPEATS} or more at full size')
    logging.disable(logging.INFO)
    generator = np.random.default_rng(0)
    images, people, detections = (max(int(args.scale * full), 60) for full in (IMAGES, PEOPLE, DETECTIONS))
    content = draw_people(generator, images, people)
    models = [draw_samples(generator, content, detections) for _ in range(2)]
    records = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'annotations.json'
        file.write_text(json.dumps(content))
        if args.only in (None, 'memory'):  # first: memory that a call has freed would be used again by the next
            records.append(benchmark_memory(file, models[0], args.repeats))
        if args.only in (None, 'metric'):
            records += benchmark_metric(file, models[0], args.repeats)
        if args.only in (None, 'bootstrap'):
            records.append(benchmark_bootstrap(file, models, args.repeats))
        if args.only in (None, 'diagnosis'):
            records.append(benchmark_diagnosis(file, models[0], args.repeats))
    write_records(args.json, records)
    return 0 if all(entry['equal'] for entry in records) else 1


if __name__ == '__main__':
    sys.exit(main())
