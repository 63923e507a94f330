"""Figures of people's explanations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.pictures import Crop, SkeletonStyle
from posescope.explain.completeness_reading import Completeness
from posescope.explain.explanation import Explainer, Seen
from posescope.explain.explanation_content import note_of
from posescope.explain.pictures import MOST_JOINTS, draw_joint_maps, draw_people

__all__ = ['overview_figure', 'pages', 'person_figures']


def person_figures(
    explainer: Explainer,
    seen: Seen,
    person: int,
    maps: Mapping[str, Tensor],
    photograph: NDArray[np.uint8] | None = None,
    name: str = '',
    content: Mapping[str, Any] | None = None,
) -> dict[str, Figure]:
    """Draw a person's maps.

    Args:
        explainer: What was asked.
        seen: The people.
        person: Which of them.
        maps: By method, (J, H, W).
        photograph: (H, W, 3) uint8 RGB; None draws maps alone.
        name: What to call the person.
        content: Of the same maps, see :func:`~posescope.explain.explanation_content.person_content`: that a sum is off
            stands under the joint, and whether attention was tested above all joints.

    Returns:
        By method; where joints do not fit into one figure, with the number of the page behind it.
    """
    function = explainer.function
    crop = Crop(
        seen.crops.to_image[person],
        seen.crops.input_size,
        SkeletonStyle.of_metainfo(function.skeleton.metainfo),
        seen.crops.in_image(seen.pose.places)[person],
        photograph,
        name,
    )
    note = note_of(seen, person)
    figures = {}
    for method, found in maps.items():
        lines = [f'{name}: {method}, target {explainer.target.name}', note, _trial_line(content, method)]
        text = '\n'.join(line for line in lines if line)
        for suffix, joints in pages(explainer.joints):
            rows = [explainer.joints.index(joint) for joint in joints]
            notes = [
                _note(seen, person, joint, found[row], _reading(content, function.joints[joint], method))
                for joint, row in zip(joints, rows, strict=True)
            ]
            figures[f'{method}{suffix}'] = draw_joint_maps(crop, found[rows].numpy(), joints, text, notes=notes)
    return figures


def _reading(content: Mapping[str, Any] | None, joint: str, method: str) -> Mapping[str, Any]:
    return {} if content is None else content['joints'][joint]['methods'][method]


def _trial_line(content: Mapping[str, Any] | None, method: str) -> str | None:
    """What stands above maps of attention; why it was not tested, ``explanation.json`` tells."""
    trial = None if content is None else content['attention'].get(method)
    if trial is None:
        return None
    return f'attention {"not tested" if trial["agreement"] is None else trial["note"]}'


def _note(seen: Seen, person: int, joint: int, values: Tensor, reading: Mapping[str, Any]) -> str:
    """What stands under a joint's name."""
    score = f'score {float(seen.pose.scores[person, joint]):.2f}'
    if not bool(seen.bound.valid[person, joint]):
        return f'{score}; target means nothing'
    off = Completeness(reading['residual'], reading['residual_share']).note if 'residual' in reading else None
    return f'{score}; largest {float(values.abs().max()):.2g}' + (f'\n{off}' if off else '')


def overview_figure(explainer: Explainer, seen: Seen, photograph: NDArray[np.uint8], text: str) -> Figure:
    """Draw who is explained on the whole photograph, (H, W, 3) uint8 RGB."""
    corners = np.stack([np.reshape(sample.gt_instances.bboxes, (-1, 4))[0] for sample in seen.crops.samples])
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
    style = SkeletonStyle.of_metainfo(explainer.function.skeleton.metainfo)
    return draw_people(photograph, boxes, seen.crops.in_image(seen.pose.places), style, text)


def pages(joints: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Cut joints into as many as a figure shows, each with what is added to the figure's name."""
    for number, start in enumerate(range(0, len(joints), MOST_JOINTS), 1):
        yield '' if number == 1 else f'_{number}', list(joints[start : start + MOST_JOINTS])
