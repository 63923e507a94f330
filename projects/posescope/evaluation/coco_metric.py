"""COCO keypoint AP as MMPose computes it, on arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import orjson
from mmengine.fileio import get_local_path
from mmengine.logging import MessageHub, MMLogger, print_log
from mmpose.evaluation.functional import transform_ann, transform_sigmas
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS
from numpy.typing import NDArray
from xtcocotools.coco import COCO

from posescope.data.annotations import read_json
from posescope.errors import InputError, nearest
from posescope.evaluation.average_precision import CROWD_LEVELS, AveragePrecision
from posescope.evaluation.bootstrap import Interval, intervals, progress
from posescope.evaluation.detections import Detections, span_areas
from posescope.evaluation.garbage import uncollected
from posescope.evaluation.matches_file import save_matches
from posescope.evaluation.matching import Matches, match, on_images
from posescope.evaluation.oks import require_sigmas
from posescope.evaluation.people import PART_FIELDS, People, people_from_coco, positions
from posescope.evaluation.predictions import Batch, Predictions, collect, read_batch, score, suppress

__all__ = ['IOU_TYPES', 'CocoKeypointMetric']

_WHOLE_BODY = {'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68, 'lefthand_kpts': 21, 'righthand_kpts': 21}
"""Fields of COCO-WholeBody annotations -> number of joints, in the order of a model's 133 joints."""
_MANY = 20_000
"""Detections from which on resampling shows how far it is."""
IOU_TYPES = ('keypoints', 'keypoints_crowd', 'keypoints_body', *PART_FIELDS)


@METRICS.register_module()
class CocoKeypointMetric(CocoMetric):
    """COCO keypoint AP and AR: a drop-in for MMPose's ``CocoMetric`` with its arguments and its results.

    Everything happens on arrays, so that a hundred thousand detections take a second. A JSON file of the detections is
    written only if ``outfile_prefix`` is given. Whole-body kinds of ``iou_type`` (``keypoints_wholebody``,
    ``keypoints_face``, …) give the numbers of MMPose's ``CocoWholeBodyMetric`` for this part.

    Args:
        ann_file: As of MMPose's ``CocoMetric``.
        args: As of MMPose's ``CocoMetric``.
        resamples: How many samples of the images to draw for 95 % intervals, which are returned as ``AP/low``,
            ``AP/high``, …; NaN where there can be none, e.g. with fewer than 50 images. 0 for no intervals.
        seed: Of the drawing.
        out_dir: Folder for ``matches.npz``, from which ``tools/compare.py`` tests differences; None for none.
        kwargs: As of MMPose's ``CocoMetric``.

    Attributes:
        intervals: Those of the last evaluation, by name of the statistic.
        people: The labelled people of the last evaluation, on the main process.
        predictions: What the model predicted, doubles suppressed.
        kept: (P,), which of them became detections: those with a scored joint and of a category that is listed.
        detections: The detections that were compared with the people.
        matches: Who was matched with whom.
    """

    people: People
    predictions: Predictions
    kept: NDArray[np.bool_]
    detections: Detections
    matches: Matches
    pred_converter: dict[str, Any] | None
    gt_converter: dict[str, Any] | None

    def __init__(
        self,
        ann_file: str | None = None,
        *args: Any,
        resamples: int = 0,
        seed: int = 0,
        out_dir: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._coco: COCO | None = None
        self._content: dict[str, Any] | None = None
        super().__init__(None, *args, **kwargs)
        self.pred_converter, self.gt_converter = _mapping(self.pred_converter), _mapping(self.gt_converter)
        if self.iou_type not in IOU_TYPES:
            known = nearest(self.iou_type, IOU_TYPES)
            raise InputError(f"iou_type='{self.iou_type}' is no kind of joints; nearest: {known}")
        self.ann_file = ann_file
        self.resamples, self.seed, self.out_dir = resamples, seed, out_dir
        self.intervals: dict[str, Interval] = {}
        if ann_file is not None:
            content = _decode(ann_file)
            needed = ('images',) if self.format_only else ('images', 'annotations')
            lacking = [part for part in needed if not isinstance(content, dict) or part not in content]
            if lacking:
                raise InputError(f'{ann_file} is no COCO-format annotation file: it lacks {", ".join(lacking)}')
            if self.iou_type == 'keypoints_crowd' and not self.format_only:
                _check_crowding(content['images'], ann_file)
            self._content = content

    @property
    def dataset_meta(self) -> dict[str, Any]:
        """Metainfo of the data set.

        Raises:
            InputError: It has not a sigma for each joint, which is noticed before any picture is tested.
        """
        return self._dataset_meta or {}

    @dataset_meta.setter
    def dataset_meta(self, meta: dict[str, Any]) -> None:
        meta = dict(meta)
        if not (self.format_only and self.nms_mode == 'none'):  # which compares nobody with anybody
            require_sigmas(meta)
        if self.gt_converter is not None:
            meta['sigmas'] = transform_sigmas(meta['sigmas'], **self.gt_converter)
            meta['num_keypoints'] = len(meta['sigmas'])
        self._dataset_meta = meta
        if self._content is None:  # a data set that was built in this process says where its annotations are
            found = MessageHub.get_current_instance().get_info(f'{meta["dataset_name"]}_ann_file', None)
            if found is not None:
                self._content = _decode(found)

    @property
    def coco(self) -> COCO | None:
        """The annotations as pycocotools' object, made when somebody asks for it; None if there is no file."""
        if self._coco is None and self._content is not None:
            self._coco = COCO(self.ann_file, ann_data=self._content)
        return self._coco

    @coco.setter
    def coco(self, value: COCO | None) -> None:
        self._coco = value
        self._content = None if value is None else value.dataset

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep what is needed of one batch; arithmetic waits until all samples are there.

        Args:
            data_batch: Not used.
            data_samples: The model's outputs with ``id``, ``img_id``, ``pred_instances``, ``gt_instances`` and, if
                there is no annotation file, ``ori_shape`` and ``raw_ann_info``.
        """
        if not data_samples:
            return
        labels = None
        if self._content is None:
            labels = [_labels_of(sample, crowd='crowd' in self.iou_type) for sample in data_samples]
        # MMEngine, and a metric that builds on this one, count on an entry a sample.
        self.results += [read_batch(data_samples, labels)] * len(data_samples)

    def compute_metrics(self, results: list[Batch]) -> dict[str, float]:
        """Evaluate the predictions of all batches.

        Args:
            results: What ``process`` kept, of all processes: for each sample the batch that it came in.

        Returns:
            COCO's ten statistics with MMPose's names (nine for CrowdPose's kind); empty if ``format_only``.

        Raises:
            InputError: A prediction is not finite, is on an image that the annotations do not list, or has another
                number of joints than the annotations.
        """
        joints = int(self.dataset_meta['num_keypoints'])
        found = collect(results, joints, self.pred_converter)
        if found.keypoints.shape[1] != joints:
            raise InputError(f'the model predicts {found.keypoints.shape[1]} joints, its data set has {joints}')
        scores = score(found, self.score_mode, self.keypoint_score_thr, joints)
        kept = suppress(found, scores, self.nms_mode, self.nms_thr, np.asarray(self.dataset_meta['sigmas']))
        found, scores = found[kept], scores[kept].astype(np.float64)
        if self.outfile_prefix is not None:
            self._write(found, scores)
        if self.format_only:
            print_log(f'results are saved in {Path(self.outfile_prefix).parent}', 'current')
            return {}
        content = self._annotations(results)
        whole = self.iou_type in PART_FIELDS or self.iou_type == 'keypoints_body'
        expected = len(_columns(self.iou_type)) if whole else joints
        self.people = people_from_coco(content, self.iou_type, use_area=self.use_area, joints=expected)
        self.predictions = found
        self.detections, sigmas = self._detections(found, scores)
        self.matches = match(self.people, self.detections, sigmas)
        self._measure = {'sigmas': sigmas.tolist(), 'iou_type': self.iou_type, 'use_area': self.use_area}
        return self._statistics(content)

    def _statistics(self, content: Mapping[str, Any]) -> dict[str, float]:
        precision = AveragePrecision(self.matches)
        statistics = precision.statistics()
        if self.out_dir is not None:
            folder = Path(self.out_dir)
            folder.mkdir(parents=True, exist_ok=True)
            meta = {'annotations': self.ann_file, **self._measure}
            save_matches(folder / 'matches.npz', self.matches, statistics, meta)
        self.intervals = self._intervals(self.matches) if self.resamples else {}
        if self.iou_type != 'keypoints_crowd':
            return statistics | _ends(self.intervals)
        return self._by_crowding(statistics, precision, content)

    def _intervals(self, matches: Matches) -> dict[str, Interval]:
        track = progress if len(matches.scores) > _MANY else None
        return intervals(matches, self.resamples, self.seed, progress=track)

    def _by_crowding(
        self, statistics: dict[str, float], precision: AveragePrecision, content: Mapping[str, Any]
    ) -> dict[str, float]:
        """CrowdPose's nine statistics: none by size, and AP on images of each crowd level."""
        statistics = {name: value for name, value in statistics.items() if not name.endswith(')')}
        self.intervals = {name: found for name, found in self.intervals.items() if name in statistics}
        index = {image['id']: float(image['crowdIndex']) for image in content['images']}
        crowding = np.array([index[image] for image in self.people.image_ids.tolist()])
        for name, (low, high) in CROWD_LEVELS.items():
            level = (crowding >= low) & (crowding < high)
            curves = precision(level.astype(np.int32))
            statistics[name] = round(float(np.mean(curves.precision[..., 0])), 4)
            if self.resamples:
                self.intervals[name] = self._intervals(on_images(self.matches, level))['AP']
        return statistics | _ends(self.intervals)

    def _annotations(self, results: Sequence[Batch]) -> dict[str, Any]:
        """Content of the annotation file, or the same from the samples, with its joints converted."""
        if self._content is None:
            labels = {batch: iter(batch.labels or ()) for batch in results}
            content = _content_of([next(labels[batch]) for batch in results], self.dataset_meta)
        else:
            content = self._content
        if self.gt_converter is None:
            return content
        people = [transform_ann(dict(person), **self.gt_converter) for person in content['annotations']]
        return {**content, 'annotations': people}

    def _detections(self, found: Predictions, scores: NDArray[np.float64]) -> tuple[Detections, NDArray[np.floating]]:
        """Pair predictions with the images and joints of the annotations; also the sigmas of these joints."""
        people = self.people
        image, unknown = positions(found.image_ids, people.image_ids)
        if unknown.any():
            first = found.image_ids[np.flatnonzero(unknown)[0]]
            raise InputError(
                f'{int(unknown.sum())} of {len(found)} predictions are on images that the annotations do not list, '
                f'first {first}'
            )
        category, other = positions(found.category_ids, people.category_ids)
        if other.any():
            ids = sorted(set(found.category_ids[other].tolist()))
            print_log(
                f'{int(other.sum())} of {len(found)} predictions are left out, as COCO does: the annotations do not '
                f'list their category {", ".join(map(str, ids))}',
                MMLogger.get_current_instance(),
            )
        keypoints = np.empty((*found.keypoint_scores.shape, 3))
        for column, values in enumerate((found.keypoints[..., 0], found.keypoints[..., 1], found.keypoint_scores)):
            keypoints[..., column] = values
        sigmas = np.asarray(self.dataset_meta['sigmas'])
        whole = self.iou_type in PART_FIELDS or self.iou_type == 'keypoints_body'
        # MMPose writes down no box for whole bodies, and COCO then measures the joints of the field `keypoints`.
        boxes = None if whole else found.boxes
        if boxes is None:
            areas = span_areas(keypoints[:, : _WHOLE_BODY['keypoints']] if whole else keypoints)
        else:
            areas = boxes[:, 2].astype(np.float64) * boxes[:, 3].astype(np.float64)
        if whole:
            columns = _columns(self.iou_type)
            keypoints, sigmas = keypoints[:, columns], sigmas[columns]
        if len(people) and keypoints.shape[1] != people.keypoints.shape[1]:
            raise InputError(
                f'the model predicts {keypoints.shape[1]} joints, people in the annotations have '
                f'{people.keypoints.shape[1]}'
            )
        self.kept = (keypoints[..., 2] > 0).any(1) & ~other
        detections = Detections(image, category, keypoints, scores, areas)
        return detections if self.kept.all() else detections[self.kept], sigmas

    def _write(self, found: Predictions, scores: NDArray[np.float64]) -> None:
        """Write the detections in COCO's result format, as MMPose does."""
        joints = np.concatenate([found.keypoints, found.keypoint_scores[..., None]], axis=-1)
        whole = self.iou_type in PART_FIELDS or self.iou_type == 'keypoints_body'
        rows = []
        for i, (image, category) in enumerate(zip(found.image_ids.tolist(), found.category_ids.tolist(), strict=True)):
            row = {'image_id': image, 'category_id': category, 'score': float(scores[i])}
            if whole:
                row |= {field: joints[i, _field_columns(field)].ravel().tolist() for field in _WHOLE_BODY}
            else:
                row['keypoints'] = joints[i].ravel().tolist()
                if found.boxes is not None:
                    row['bbox'] = found.boxes[i].tolist()
            rows.append(row)
        mmengine.dump(rows, f'{self.outfile_prefix}.keypoints.json', sort_keys=True, indent=4)


def _decode(ann_file: str) -> Any:
    """Decode an annotation file, in a third of the time that ``json`` takes.

    What orjson refuses is left to ``json``, which accepts NaN and Infinity, and to the messages of :func:`read_json`.
    """
    with get_local_path(ann_file) as local_path, uncollected():
        try:
            return orjson.loads(Path(local_path).read_bytes())
        except (OSError, ValueError):
            return read_json(Path(local_path), 'annotation file')


def _mapping(converter: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a converter of joints says of them; a config's may also have a ``type``, as a transform."""
    return None if converter is None else {key: converter[key] for key in ('num_keypoints', 'mapping')}


def _check_crowding(images: Sequence[Mapping[str, Any]], path: str) -> None:
    lacking = [image for image in images if 'crowdIndex' not in image]
    if lacking:
        raise InputError(
            f"{path}: image {lacking[0].get('id')} has no crowdIndex, which iou_type='keypoints_crowd' needs "
            f'({len(lacking)} of {len(images)} images)'
        )


def _ends(found: Mapping[str, Interval]) -> dict[str, float]:
    """Both ends of each interval; NaN where there is none."""
    return {
        f'{name}/{end}': np.nan if value is None else value
        for name, interval in found.items()
        for end, value in (('low', interval.low), ('high', interval.high))
    }


def _field_columns(field: str) -> NDArray[np.int64]:
    fields = list(_WHOLE_BODY)
    start = sum(_WHOLE_BODY[name] for name in fields[: fields.index(field)])
    return np.arange(start, start + _WHOLE_BODY[field])


def _columns(iou_type: str) -> NDArray[np.int64]:
    """Which of a whole-body model's joints a kind of evaluation is about."""
    return np.concatenate([_field_columns(field) for field in PART_FIELDS.get(iou_type, ('keypoints',))])


def _labels_of(sample: Mapping[str, Any], *, crowd: bool) -> dict[str, Any]:
    """The image's entry of an annotation file, and its people's, from what a data set attached to a sample."""
    lacking = [name for name in ('raw_ann_info', *(['crowd_index'] if crowd else [])) if name not in sample]
    if lacking:
        raise InputError(f'without ann_file the data set has to put {", ".join(lacking)} into the meta_keys of samples')
    height, width = sample['ori_shape'][:2]
    image = {'id': sample['img_id'], 'width': width, 'height': height}
    people = sample['raw_ann_info']
    return {
        'image': image | ({'crowdIndex': sample['crowd_index']} if crowd else {}),
        'people': [person for person in (people if isinstance(people, list) else [people]) if person is not None],
    }


def _content_of(labels: Sequence[dict[str, Any]], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Put the labels that came with the samples into COCO's format; what came twice counts once."""
    images = {entry['image']['id']: entry['image'] for entry in labels}
    people = {person['id']: person for entry in labels for person in entry['people']}
    return {'images': list(images.values()), 'annotations': list(people.values()), 'categories': meta['CLASSES']}
