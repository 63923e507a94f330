"""Figures of people's explanations."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.pictures import Crop, SkeletonStyle
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
) -> dict[str, Figure]:
    """Draw a person's maps.

    Args:
        explainer: What was asked.
        seen: The people.
        person: Which of them.
        maps: By method, (J, H, W).
        photograph: (H, W, 3) uint8 RGB; None draws maps alone.
        name: What to call the person.

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
    valid = seen.bound.valid[person].tolist()
    figures = {}
    for method, found in maps.items():
        for suffix, joints in pages(explainer.joints):
            rows = [explainer.joints.index(joint) for joint in joints]
            notes = [
                f'score {float(seen.pose.scores[person, joint]):.2f}; '
                + (f'largest {float(found[row].abs().max()):.2g}' if valid[joint] else 'target means nothing')
                for joint, row in zip(joints, rows, strict=True)
            ]
            text = f'{name}: {method}, target {explainer.target.name}' + (f'\n{note}' if note else '')
            figures[f'{method}{suffix}'] = draw_joint_maps(crop, found[rows].numpy(), joints, text, notes=notes)
    return figures


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
