"""Predictions beside the truth, drawn on the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posescope.errors import InputError
from posescope.evaluation.oks import oks

__all__ = ['DrawnPerson', 'draw', 'people_of_dump', 'spread']

# The person's own left is blue, right is orange, the middle grey: told apart with any colour vision.
_LEFT, _RIGHT, _MIDDLE = '#0072b2', '#e69f00', '#999999'
_MARGIN = 0.3


@dataclass(frozen=True)
class DrawnPerson:
    """What is drawn of one person.

    Attributes:
        image_path: The picture.
        bbox: (4,), x1, y1, x2, y2 of the labelled box, image pixels.
        truth: (K, 3), labelled x, y and v, image pixels.
        keypoints: (K, 2), predicted, image pixels.
        similarity: OKS of the prediction; NaN without labelled joints.
    """

    image_path: Path
    bbox: np.ndarray
    truth: np.ndarray
    keypoints: np.ndarray
    similarity: float


def people_of_dump(samples: Sequence[Mapping[str, Any]], sigmas: np.ndarray) -> list[DrawnPerson]:
    """Collect people from what ``tools/test.py --dump`` wrote.

    Args:
        samples: Dumped data samples of a top-down model on labelled boxes.
        sigmas: (K,), of the skeleton.

    Raises:
        InputError: If the samples carry no labelled person.
    """
    people = []
    for sample in samples:
        annotation = sample.get('raw_ann_info')
        if not isinstance(annotation, Mapping) or 'keypoints' not in annotation:
            continue
        truth = np.asarray(annotation['keypoints'], np.float64).reshape(-1, 3)
        keypoints = np.asarray(sample['pred_instances']['keypoints'], np.float64)[0, :, :2]
        for joints, whose in ((truth, 'labels'), (keypoints, 'predictions')):
            if len(joints) != len(sigmas):
                raise InputError(
                    f'{whose} of the dump have {len(joints)} joints, the skeleton has {len(sigmas)}: --metainfo names '
                    'another'
                )
        x, y, width, height = annotation['bbox']
        similarity = float(oks(keypoints, truth, annotation.get('area') or 0.53 * width * height, sigmas))
        box = np.array([x, y, x + width, y + height])
        people.append(DrawnPerson(Path(sample['img_path']), box, truth, keypoints, similarity))
    if not people:
        raise InputError(
            'the dump holds no people with labels: it has to come from a top-down model on annotated boxes'
        )
    return people


def spread(people: Sequence[DrawnPerson], count: int) -> list[DrawnPerson]:
    """Choose people from the best to the worst prediction, evenly spaced by rank, so that nothing is hidden.

    Args:
        people: Those to choose from; who has no OKS is passed over.
        count: How many.
    """
    ranked = sorted((one for one in people if np.isfinite(one.similarity)), key=lambda one: -one.similarity)
    chosen = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int)) if ranked else []
    return [ranked[index] for index in chosen]


def draw(people: Sequence[DrawnPerson], skeleton: Sequence[tuple[int, int]], names: Sequence[str]) -> Figure:
    """Draw each person twice, with the labels on the left and the prediction on the right.

    Hidden joints (v = 1) are hollow in the labels; joints without a label are left out of them.

    Args:
        people: At least one.
        skeleton: Pairs of joint indices that limbs connect.
        names: (K,), joint names; ``left_`` and ``right_`` decide the colours.

    Returns:
        A figure with two people, four panels, a row.
    """
    columns = 4
    rows = -(-2 * len(people) // columns)
    figure = Figure(figsize=(2.2 * columns, 3.1 * rows), layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.axis('off')
    for index, person in enumerate(people):
        # As models see it: turned as its EXIF says, and 8 bits deep.
        pixels = mmcv.imread(str(person.image_path), channel_order='rgb')
        if pixels is None:
            raise InputError(f'{person.image_path}: the image cannot be read')
        labels, prediction = panels[2 * index : 2 * index + 2]
        for panel in (labels, prediction):
            panel.imshow(pixels)
            _frame(panel, person.bbox, pixels.shape)
        _draw_joints(labels, person.truth[:, :2], person.truth[:, 2], skeleton, names)
        _draw_joints(prediction, person.keypoints, np.full(len(names), 2), skeleton, names)
        labels.set_title('truth', fontsize=8)
        prediction.set_title(f'prediction, OKS {person.similarity:.2f}', fontsize=8)
    return figure


def _frame(panel: Axes, bbox: np.ndarray, shape: tuple[int, ...]) -> None:
    margin = _MARGIN * (bbox[2:] - bbox[:2])
    panel.set_xlim(max(bbox[0] - margin[0], -0.5), min(bbox[2] + margin[0], shape[1] - 0.5))
    panel.set_ylim(min(bbox[3] + margin[1], shape[0] - 0.5), max(bbox[1] - margin[1], -0.5))


def _draw_joints(
    panel: Axes, xy: np.ndarray, visible: np.ndarray, skeleton: Sequence[tuple[int, int]], names: Sequence[str]
) -> None:
    colours = [_colour(name) for name in names]
    for start, end in skeleton:
        if visible[start] and visible[end]:
            sides = {colours[start], colours[end]} - {_MIDDLE}
            colour = sides.pop() if len(sides) == 1 else _MIDDLE
            panel.plot(*xy[[start, end]].T, color=colour, linewidth=1.6, solid_capstyle='round', alpha=0.85)
    for (x, y), v, colour in zip(xy, visible, colours, strict=True):
        if v:
            panel.plot(x, y, 'o', markersize=3.2, color=colour, markerfacecolor=colour if v == 2 else 'white', mew=0.9)


def _colour(name: str) -> str:
    return _LEFT if name.startswith('left') else _RIGHT if name.startswith('right') else _MIDDLE
