"""COCO annotations as xtcocotools reads them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO as PycocoCOCO  # noqa: N811

Ids = Any
"""One id or several; a string is one id."""


def _as_list(ids: Ids) -> Any:
    """Wrap an id that is a string, which pycocotools would take for a list of letters."""
    return [ids] if isinstance(ids, str) else ids


class COCO(PycocoCOCO):
    """Annotations of a data set, or results on it.

    What differs from pycocotools: ids may be strings, area ranges include their lower end, annotations get an
    ``iscrowd`` where they have none, results may be empty, and both can be handed in as data instead of a file.

    Args:
        annotation_file: A file in COCO format. None makes an empty object.
        test_index: Indices of the joints to keep in each annotation. None keeps all.
        ann_data: Content of the file, if it was read already.

    Attributes:
        anno_file: The annotation file and, once :meth:`loadRes` was called, the file of the first results.
    """

    def __init__(
        self,
        annotation_file: str | None = None,
        test_index: Sequence[int] | None = None,
        ann_data: dict | None = None,
    ) -> None:
        self.anno_file: list[Any] = [annotation_file]
        self.test_index = test_index
        if annotation_file is None or ann_data is None:
            super().__init__(annotation_file)
        else:
            super().__init__()
            self.dataset = ann_data
            self.createIndex()
        for annotation in self.dataset.get('annotations', []):
            annotation.setdefault('iscrowd', False)
            if test_index is not None:
                joints = np.reshape(annotation['keypoints'], (-1, 3))
                annotation['keypoints'] = joints[test_index].ravel().tolist()

    def getAnnIds(  # noqa: N802
        self, imgIds: Ids = (), catIds: Ids = (), areaRng: Sequence[float] = (), iscrowd: bool | None = None
    ) -> list:
        """Ids of the annotations on these images, of these categories, with lower <= area < upper."""
        if len(areaRng):
            # pycocotools leaves the lower end out: start at the next smaller number
            areaRng = [math.nextafter(areaRng[0], -math.inf), areaRng[1]]
        return super().getAnnIds(_as_list(imgIds), _as_list(catIds), areaRng, iscrowd)

    def getCatIds(self, catNms: Ids = (), supNms: Ids = (), catIds: Ids = ()) -> list:  # noqa: N802
        """Ids of the categories with these names, of these supercategories, with these ids."""
        return super().getCatIds(_as_list(catNms), _as_list(supNms), _as_list(catIds))

    def getImgIds(self, imgIds: Ids = (), catIds: Ids = ()) -> list:  # noqa: N802
        """Ids of the images with these ids that show all of these categories."""
        return super().getImgIds(_as_list(imgIds), _as_list(catIds))

    def loadAnns(self, ids: Ids = ()) -> list[dict]:  # noqa: N802
        """Annotations with these ids."""
        return super().loadAnns(_as_list(ids))

    def loadCats(self, ids: Ids = ()) -> list[dict]:  # noqa: N802
        """Categories with these ids."""
        return super().loadCats(_as_list(ids))

    def loadImgs(self, ids: Ids = ()) -> list[dict]:  # noqa: N802
        """Images with these ids."""
        return super().loadImgs(_as_list(ids))

    def loadRes(self, resFile: Any, resData: list[dict] | None = None) -> 'COCO':  # noqa: N802
        """Pair results with the images of this data set.

        Args:
            resFile: A file in COCO's result format, or its content, or an (N, 7) array of
                image id, x, y, width, height, score, category.
            resData: Content of the file, if it was read already.

        Returns:
            The results, each with an ``id`` from 1 on, an ``area`` and a ``bbox``.
        """
        if len(self.anno_file) == 1:
            self.anno_file.append(resFile)
        found = resFile
        if isinstance(resFile, str):
            found = json.loads(Path(resFile).read_text()) if resData is None else resData
        results = COCO()
        if len(found):
            results.dataset = super().loadRes(found).dataset
        else:
            results.dataset = {'images': list(self.dataset['images']), 'annotations': []}
        results.createIndex()
        return results

    def showAnns(self, anns: list[dict], draw_bbox: bool = False) -> Any:  # noqa: N802
        """Draw annotations into the current matplotlib axes: joints, and the outline or, without one, the box."""
        return super().showAnns([_with_outline(annotation) for annotation in anns], draw_bbox)


def _with_outline(annotation: dict) -> dict:
    if 'segmentation' in annotation or 'bbox' not in annotation:
        return annotation
    x, y, width, height = annotation['bbox']
    right, bottom = x + width, y + height
    return {**annotation, 'segmentation': [[x, y, x, bottom, right, bottom, right, y]]}
