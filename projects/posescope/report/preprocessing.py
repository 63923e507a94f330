"""What a pipeline makes of one sample, drawn step by step: picture, box, crop, target."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

__all__ = ['Step', 'crop_region', 'draw_steps', 'run_steps']

Step = tuple[str, dict[str, Any]]
_REGION = 'region that will be cropped'


def run_steps(transforms: Sequence[Any], sample: Mapping[str, Any]) -> list[Step]:
    """Run a pipeline and keep what each transform left.

    Args:
        transforms: Built transforms of MMPose, without the last one, which packs a sample for the model.
        sample: What the data set gives to its pipeline; ``dataset`` may be the data set itself.

    Returns:
        Name and results of each transform, in their order; until the crop the results tell the region, too.
    """
    from mmpose.datasets.transforms import TopdownAffine

    crop = next((transform for transform in transforms if isinstance(transform, TopdownAffine)), None)
    results = _copied(sample)
    steps = []
    for transform in transforms:
        results = transform(results)
        left = _copied(results)
        if crop is not None and 'bbox_scale' in results and 'input_size' not in results:
            left[_REGION] = crop_region(results, crop.input_size, crop.use_udp)
        steps.append((type(transform).__name__, left))
    return steps


def crop_region(results: Mapping[str, Any], input_size: Sequence[int], use_udp: bool) -> np.ndarray:
    """Tell what MMPose's ``TopdownAffine`` would cut out of a picture.

    Args:
        results: Sample with ``bbox_center`` and ``bbox_scale``, (1, 2) image pixels; turned if it has
            ``bbox_rotation``, (1,) degrees.
        input_size: Width and height of the crop, pixels.
        use_udp: As the transform has it: the crop turns the other way, and its corners are the centres of its outermost
            pixels.

    Returns:
        (4, 2) image pixels: what becomes (0, 0), (w, 0), (w, h) and (0, h) of a crop of w × h pixels, with ``use_udp``
        the same with w - 1 and h - 1.
    """
    centre, scale = np.asarray(results['bbox_center'])[0], np.asarray(results['bbox_scale'], np.float64)[0]
    size = np.asarray(input_size, np.float64)
    width, height = (scale / size).max() * size  # the box grows to the crop's shape
    turn = np.deg2rad(float(np.ravel(results.get('bbox_rotation', 0.0))[0])) * (-1 if use_udp else 1)
    corners = 0.5 * np.array([[-width, -height], [width, -height], [width, height], [-width, height]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return centre + corners @ rotation.T


def _copied(results: Mapping[str, Any]) -> dict[str, Any]:
    """All but the data set, which holds everybody."""
    return {key: value if key == 'dataset' else copy.deepcopy(value) for key, value in results.items()}


def draw_steps(steps: Sequence[Step]) -> Figure:
    """Draw a panel per step.

    A panel shows the picture as it is after the step, with the joints and, before the crop, the region that will be
    cropped; where the step made heatmaps, their maximum over joints lies on top.

    Args:
        steps: As :func:`run_steps` returns them.
    """
    columns = min(len(steps), 4)
    rows = -(-len(steps) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * rows), layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.axis('off')
    for panel, (name, results) in zip(panels, steps, strict=False):
        _draw(panel, name, results)
    return figure


def _draw(panel: Axes, name: str, results: Mapping[str, Any]) -> None:
    pixels = results['img'][..., ::-1]
    height, width = pixels.shape[:2]
    panel.imshow(pixels)
    panel.set_title(f'{name}\n{width} × {height}', fontsize=8)
    cropped = 'input_size' in results
    keypoints = results.get('transformed_keypoints' if cropped else 'keypoints', results.get('keypoints'))
    visible = results.get('keypoints_visible')
    if keypoints is not None and visible is not None:
        seen = np.asarray(visible)[0].reshape(keypoints.shape[1], -1)[:, 0] > 0
        panel.plot(*np.asarray(keypoints)[0][seen].T, 'o', markersize=2.5, color='#e69f00')
    if _REGION in results:
        panel.add_patch(Polygon(results[_REGION], fill=False, edgecolor='#0072b2', linewidth=1.2))
    if 'heatmaps' in results:
        heatmaps = results['heatmaps']
        heat = np.asarray(heatmaps[-1] if isinstance(heatmaps, list) else heatmaps).max(0)  # the finest of several
        panel.imshow(heat, cmap='magma', alpha=0.6, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        panel.set_title(f'{name}\n{heat.shape[1]} × {heat.shape[0]} heatmaps', fontsize=8)
    panel.set_xlim(-0.5, width - 0.5)
    panel.set_ylim(height - 0.5, -0.5)
