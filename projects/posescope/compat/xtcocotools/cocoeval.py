"""COCO's evaluation protocol as xtcocotools extends it to body parts, crowds and data without areas."""

import contextlib
import copy
import io
import time
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
from pycocotools.cocoeval import COCOeval as PycocoEval
from pycocotools.cocoeval import Params as PycocoParams

from posescope.compat.xtcocotools.coco import COCO
from posescope.compat.xtcocotools.matching import match
from posescope.compat.xtcocotools.oks import COCO_SIGMAS, SCORE_FIELDS, body_area, joints, oks
from posescope.compat.xtcocotools.summary import (
    PEOPLE_AN_IMAGE,
    Row,
    format_row,
    summarize_detection,
    summarize_keypoints,
)

CROWD_LEVELS = {'easy': (-np.inf, 0.2), 'medium': (0.2, 0.8), 'hard': (0.8, np.inf)}
"""Level -> range of CrowdPose's crowd index, the lower end included."""


class Params(PycocoParams):
    """Thresholds, area ranges and counts of an evaluation.

    Args:
        iouType: ``bbox``, ``segm``, or anything with ``keypoints`` in it.
    """

    def __init__(self, iouType: str = 'segm') -> None:
        super().__init__('keypoints' if 'keypoints' in iouType else iouType)
        self.iouType = iouType
        # xtcocotools takes the sigmas as an argument of COCOeval and never reads these.
        self.__dict__.pop('kpt_oks_sigmas', None)


class COCOeval(PycocoEval):
    """Precision and recall of detections at thresholds of OKS or IoU.

    What differs from pycocotools: the kinds for body parts and for CrowdPose; whether a person counts is decided by
    joints with v > 0, not by ``num_keypoints`` (except for CrowdPose); detections whose joint scores are all <= 0 are
    dropped; an annotation may have the id 0; people without an area are measured by their box.

    Args:
        cocoGt: Annotations.
        cocoDt: Results from ``cocoGt.loadRes``.
        iouType: ``bbox``, ``segm``, ``keypoints``, ``keypoints_crowd``, or ``keypoints_`` with ``wholebody``, ``body``,
            ``foot``, ``face``, ``lefthand`` or ``righthand``.
        sigmas: (K,) spread of each joint relative to the square root of the area; COCO's 17 if None.
        use_area: Measure people by ``area``. Otherwise by 0.53 of their box.
    """

    def __init__(
        self,
        cocoGt: COCO | None = None,
        cocoDt: COCO | None = None,
        iouType: str = 'keypoints',
        sigmas: np.ndarray | None = None,
        use_area: bool = True,
    ) -> None:
        super().__init__(cocoGt, cocoDt, 'keypoints')
        self.params = Params(iouType)
        if cocoGt is not None:
            self.params.imgIds, self.params.catIds = sorted(cocoGt.getImgIds()), sorted(cocoGt.getCatIds())
            self.anno_file = getattr(cocoGt, 'anno_file', [None])
        self.sigmas = COCO_SIGMAS if sigmas is None else np.asarray(sigmas)
        self.use_area = use_area
        self.score_key = 'score'

    def evaluate(self) -> None:
        """Match detections with people on every image, in every area range."""
        start = time.time()
        p = self.params
        if p.useSegm is not None:  # the way in which iouType was given before 2015
            p.iouType = 'segm' if p.useSegm == 1 else 'bbox'
        print(f'Evaluating {p.iouType} on {len(p.imgIds)} images...')
        p.imgIds = list(np.unique(p.imgIds))
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        self._prepare()
        categories = p.catIds if p.useCats else [-1]
        overlap = self.computeOks if 'keypoints' in p.iouType else self.computeIoU
        self.ious = {(image, category): overlap(image, category) for image in p.imgIds for category in categories}
        self.evalImgs = [
            self.evaluateImg(image, category, area_range, p.maxDets[-1])
            for category in categories
            for area_range in p.areaRng
            for image in p.imgIds
        ]
        self._paramsEval = copy.deepcopy(p)
        print(f'DONE (t={time.time() - start:0.2f}s).')

    def _prepare(self) -> None:
        kind = self.params.iouType
        people, detections = self._selected(self.cocoGt), self._selected(self.cocoDt)
        if kind == 'segm':
            for source, annotations in ((self.cocoGt, people), (self.cocoDt, detections)):
                for annotation in annotations:
                    annotation['segmentation'] = source.annToRLE(annotation)
        for person in people:
            person['ignore'] = person.get('iscrowd', 0)
            if 'keypoints' in kind and self._count_labelled(person) == 0:
                person['ignore'] = True
        self.score_key = SCORE_FIELDS.get(kind, 'score')
        without_score = [detection for detection in detections if self.score_key not in detection]
        if without_score:
            warnings.warn(f'these results have no {self.score_key!r}: they are ranked by their score', stacklevel=3)
        for detection in without_score:
            detection[self.score_key] = detection['score']
        if 'keypoints' in kind:
            detections = [detection for detection in detections if np.any(joints(detection, kind)[:, 2] > 0)]
        self._gts, self._dts = _grouped(people), _grouped(detections)
        self.evalImgs = []
        self.eval: dict[str, Any] = {}

    def _selected(self, source: COCO) -> list[dict]:
        p = self.params
        return source.loadAnns(source.getAnnIds(imgIds=p.imgIds, catIds=p.catIds if p.useCats else []))

    def _count_labelled(self, person: dict) -> int:
        if self.params.iouType == 'keypoints_crowd':
            # CrowdPose counts joints with v = 2 only, and says so in this field.
            return person['num_keypoints']
        return int(np.count_nonzero(joints(person, self.params.iouType)[:, 2] > 0))

    def computeOks(self, imgId: Any, catId: Any) -> Any:  # noqa: N802
        """OKS of every detection with every person on an image.

        Returns:
            (D, G) array, detections by descending score; an empty list if there are no detections or no people.
        """
        people = self._gts[imgId, catId]
        detections = self._ranked(self._dts[imgId, catId])[: self.params.maxDets[-1]]
        if not people or not detections:
            return []
        kind = self.params.iouType
        found = np.stack([joints(detection, kind)[:, :2] for detection in detections])
        columns = []
        for person in people:
            area = person['area'] if self.use_area else body_area(person['bbox'])
            columns.append(oks(found, joints(person, kind), person['bbox'], area, self.sigmas))
        return np.stack(columns, axis=1)

    def evaluateImg(self, imgId: Any, catId: Any, aRng: list, maxDet: int) -> dict | None:  # noqa: N802
        """Match detections with people of one area range on one image.

        Returns:
            Matches at every threshold, or None if there is nothing on the image.
        """
        p = self.params
        categories = [catId] if p.useCats else p.catIds
        people = [person for category in categories for person in self._gts[imgId, category]]
        detections = [detection for category in categories for detection in self._dts[imgId, category]]
        if not people and not detections:
            return None
        ignored = np.array([int(bool(person['ignore']) or _is_outside(self._area(person), aRng)) for person in people])
        order = np.argsort(ignored, kind='stable')
        people, ignored = [people[i] for i in order], ignored[order]
        detections = self._ranked(detections)[:maxDet]
        overlaps = self.ious[imgId, catId]
        matches = match(
            overlaps[:, order] if len(overlaps) else None,
            p.iouThrs,
            person_ids=[person['id'] for person in people],
            detection_ids=[detection['id'] for detection in detections],
            ignored=ignored,
            crowd=[bool(person.get('iscrowd', 0)) for person in people],
        )
        outside = np.array([_is_outside(detection['area'], aRng) for detection in detections], dtype=bool)
        return {
            'image_id': imgId,
            'category_id': catId,
            'aRng': aRng,
            'maxDet': maxDet,
            'dtIds': [detection['id'] for detection in detections],
            'gtIds': [person['id'] for person in people],
            'dtMatches': matches.detections,
            'gtMatches': matches.people,
            'dtScores': [detection[self.score_key] for detection in detections],
            'gtIgnore': ignored,
            'dtIgnore': matches.ignored | ((matches.detections < 0) & outside),
        }

    def _area(self, person: dict) -> float:
        return person['area'] if self.use_area and 'area' in person else body_area(person['bbox'])

    def _ranked(self, detections: list[dict]) -> list[dict]:
        """Detections by descending score; equal ones keep their order."""
        order = np.argsort([-detection[self.score_key] for detection in detections], kind='stable')
        return [detections[i] for i in order]

    def accumulate(self, p: PycocoParams | None = None) -> None:
        """Gather matches into precision and recall."""
        matches = self.evalImgs
        # pycocotools takes a match with id 0 for none, so it gets to know whether there is one, not which.
        self.evalImgs = [image and {**image, 'dtMatches': image['dtMatches'] >= 0} for image in matches]
        try:
            super().accumulate(p)
        finally:
            self.evalImgs = matches

    def summarize(self) -> None:
        """Print the summary and put its numbers into ``stats``."""
        if not self.eval:
            raise RuntimeError('run accumulate() before summarize()')
        kind = self.params.iouType
        if kind in ('segm', 'bbox'):
            self.stats = summarize_detection(self)
        elif kind == 'keypoints_crowd':
            self.stats = np.concatenate([summarize_keypoints(self, areas=()), self._summarize_crowd_levels()])
        else:
            self.stats = summarize_keypoints(self, areas=('medium', 'large'))

    def _summarize_crowd_levels(self) -> np.ndarray:
        """Average precision on images of each crowd level, to four digits; absent settings enter the mean as -1."""
        stats = []
        for level, (lower, upper) in CROWD_LEVELS.items():
            part = COCOeval(self.cocoGt, self.cocoDt, self.params.iouType, self.sigmas, self.use_area)
            part.params = copy.deepcopy(self.params)
            part.params.imgIds = [i['id'] for i in self.cocoGt.dataset['images'] if lower <= i['crowdIndex'] < upper]
            with contextlib.redirect_stdout(io.StringIO()):
                part.evaluate()
                part.accumulate()
            stats.append(round(np.mean(part.eval['precision'][:, :, :, 0, :]), 4))
            print(format_row(self.params, Row('precision', PEOPLE_AN_IMAGE), stats[-1], group=f'type={level:>6s}'))
        return np.array(stats)


def _is_outside(area: float, area_range: list) -> bool:
    return area < area_range[0] or area > area_range[1]


def _grouped(annotations: list[dict]) -> defaultdict[tuple, list[dict]]:
    """Annotations by image and category."""
    groups: defaultdict[tuple, list[dict]] = defaultdict(list)
    for annotation in annotations:
        groups[annotation['image_id'], annotation['category_id']].append(annotation)
    return groups
