"""Who of a data set has labels, told by its annotations alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['annotated_people']


def annotated_people(dataset: Any, people: int | None = None) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """Give who has a labelled joint; no picture is read where the data set does not read it with its annotations.

    Args:
        dataset: Of MMPose, perhaps wrapped.
        people: How many people, evenly spaced over the data set, are looked at; None for all. They are those of
            :class:`posescope.explain.depth.dataset_people.DatasetPeople`.

    Yields:
        Id or path of the picture, and (K,) which joints are labelled; those without any are left out.
    """
    count = len(dataset) if people is None else min(people, len(dataset))
    for index in np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist():
        info = dataset.get_data_info(index)
        label, about = info, info
        if 'data_samples' in info:  # one of several joined data sets may pack by itself
            label, about = info['data_samples'].gt_instances, info['data_samples'].metainfo
        if 'keypoints' not in label or 'keypoints_visible' not in label:
            continue
        places = np.asarray(label['keypoints'], np.float64)[0, :, :2]
        visible = np.reshape(label['keypoints_visible'][0], (len(places), -1))[:, 0]
        # (0, 0) as visible is what MMPose fills in where people come from detections.
        labelled = (visible > 0) & (places != 0).any(1)
        if labelled.any():
            yield about.get('img_id', about.get('img_path', index)), labelled
