"""Figures of what a COCO-format data set holds: visibility of each joint, headings, sizes, hidden joints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posescope.errors import InputError
from posescope.evaluation.strata import told_by_renderer

__all__ = ['draw_statistics', 'visibility_table']

_VISIBLE, _HIDDEN, _MISSING = '#0072b2', '#e69f00', '#cccccc'
_AREAS = {'medium: 32²': 32**2, 'large: 96²': 96**2}


def visibility_table(content: Mapping[str, Any]) -> np.ndarray:
    """Count how often each joint is missing, hidden and visible.

    COCO knows v = 0, 1 and 2. Of other values, those up to 0 count as missing, those below 2 as hidden, and those above
    as visible, so that what the evaluation takes as labelled (v > 0) is labelled here.

    Args:
        content: Decoded COCO-format annotations.

    Returns:
        (K, 3) int: people with v = 0, 1, 2 for each joint.

    Raises:
        InputError: If nobody has joints, or people differ in their number.
    """
    people = [person['keypoints'] for person in content['annotations'] if person.get('keypoints')]
    if not people or len({len(keypoints) for keypoints in people}) > 1:
        raise InputError('statistics need people with joints, all with the same number')
    seen = np.array([_seen(keypoints) for keypoints in people])
    return np.stack([(seen == v).sum(0) for v in range(3)], axis=1)


def _seen(keypoints: Sequence[float]) -> np.ndarray:
    """Tell of a person's joints, (K,), whether they are missing (0), hidden (1) or visible (2)."""
    visible = np.array(keypoints[2::3], np.float64)
    return (visible > 0).astype(int) + (visible >= 2)


def draw_statistics(content: Mapping[str, Any], names: Sequence[str]) -> Figure:
    """Draw joint visibility, share of hidden joints per person, sizes and, where known, headings and poses.

    Args:
        content: Decoded COCO-format annotations.
        names: (K,), joint names.

    Returns:
        Four panels for any data set, up to two more for rendered people.
    """
    told = [told_by_renderer(person) for person in content['annotations']]
    headings = [one['heading'] for one in told if 'heading' in one]
    poses = [str(one['pose_class']) for one in told if 'pose_class' in one]
    columns = 3 if headings or poses else 2
    figure = Figure(figsize=(4.6 * columns, 7), layout='constrained')
    panels = figure.subplots(2, columns)
    _draw_visibility(panels[0, 0], visibility_table(content), names)
    _draw_hidden(panels[0, 1], content)
    _draw_sizes(panels[1, 0], content)
    _draw_people(panels[1, 1], content)
    if headings:
        _draw_headings(panels[0, 2], headings)
    if poses:
        _draw_poses(panels[1, 2], poses)
    for panel in panels[:, 2:].flat:
        if not panel.has_data():
            panel.remove()
    return figure


def _draw_visibility(panel: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    shares = counts / counts.sum(1, keepdims=True)
    left = np.zeros(len(names))
    for v, colour, label in ((2, _VISIBLE, 'visible'), (1, _HIDDEN, 'hidden'), (0, _MISSING, 'not labelled')):
        panel.barh(range(len(names)), shares[:, v], left=left, color=colour, label=label)
        left += shares[:, v]
    panel.set_yticks(range(len(names)), [name.replace('_', ' ') for name in names], fontsize=8)
    panel.invert_yaxis()
    panel.set_xlabel('share of people')
    panel.set_title('joint visibility', fontsize=10)
    panel.legend(fontsize=7, loc='lower left')


def _draw_hidden(panel: Axes, content: Mapping[str, Any]) -> None:
    seen = [_seen(person['keypoints']) for person in content['annotations'] if person.get('keypoints')]
    shares = [(v == 1).sum() / (v > 0).sum() for v in seen if (v > 0).any()]
    # One bar for each number of joints: bars of another width would hold now one of these shares, now two.
    edges = (np.arange(len(seen[0]) + 2) - 0.5) / len(seen[0])
    panel.hist(shares, bins=edges.tolist(), color=_HIDDEN)
    panel.axvline(float(np.mean(shares)), color='black', linewidth=1, label=f'mean {np.mean(shares):.2f}')
    panel.set_xlabel('share of a person’s labelled joints that is hidden')
    panel.set_ylabel('people')
    panel.set_title('occlusion', fontsize=10)
    panel.legend(fontsize=7)


def _draw_sizes(panel: Axes, content: Mapping[str, Any]) -> None:
    areas = [person['area'] for person in content['annotations'] if (person.get('area') or 0) > 0]
    panel.hist(np.sqrt(areas), bins=30, color=_VISIBLE)
    if not areas:
        panel.text(0.5, 0.5, 'no areas above 0', transform=panel.transAxes, ha='center')
    for label, bound in _AREAS.items():
        panel.axvline(np.sqrt(bound), color='black', linewidth=1, linestyle='--')
        panel.text(np.sqrt(bound), panel.get_ylim()[1], f' {label}', fontsize=7, va='top')
    panel.set_xlabel('√ area of a person, pixels')
    panel.set_ylabel('people')
    panel.set_title('size', fontsize=10)


def _draw_people(panel: Axes, content: Mapping[str, Any]) -> None:
    per_image = {image['id']: 0 for image in content['images']}
    for person in content['annotations']:
        per_image[person['image_id']] += 1
    numbers, counts = np.unique(list(per_image.values()), return_counts=True)
    panel.bar(numbers, counts / counts.sum(), color=_VISIBLE)
    panel.set_xticks(numbers)
    panel.set_xlabel('labelled people in a picture')
    panel.set_ylabel('share of pictures')
    panel.set_title('people', fontsize=10)


def _draw_headings(panel: Axes, headings: Sequence[float]) -> None:
    panel.hist(headings, bins=list(range(0, 361, 15)), color=_VISIBLE)
    panel.set_xticks(range(0, 361, 90), ['0° front', '90°', '180° back', '270°', '360°'], fontsize=8)
    panel.set_xlabel('heading relative to the camera')
    panel.set_ylabel('people')
    panel.set_title('heading', fontsize=10)


def _draw_poses(panel: Axes, poses: Sequence[str]) -> None:
    names, counts = np.unique(poses, return_counts=True)
    order = np.argsort(-counts)
    panel.barh(range(len(names)), counts[order] / counts.sum(), color=_VISIBLE)
    panel.set_yticks(range(len(names)), names[order], fontsize=8)
    panel.invert_yaxis()
    panel.set_xlabel('share of people')
    panel.set_title('pose class', fontsize=10)
