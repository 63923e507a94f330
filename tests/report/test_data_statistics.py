"""Statistics of files that COCO would not write, but others do."""

import warnings
from typing import Any

import numpy as np
import pytest

from posescope.report.data_statistics import draw_statistics, visibility_table


def content(visible: list[list[float]], areas: list[Any]) -> dict[str, Any]:
    people = [
        {'image_id': 1, 'keypoints': [n for v in joints for n in (1.0, 1.0, v)], 'area': area}
        for joints, area in zip(visible, areas, strict=True)
    ]
    return {'images': [{'id': 1}], 'annotations': people}


def panel(coco: dict[str, Any], title: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        figure = draw_statistics(coco, ['a', 'b', 'c'])
    return next(axes for axes in figure.axes if axes.get_title() == title)


def test_whatever_is_above_0_is_labelled() -> None:
    coco = content([[3, 3, 3], [0.5, 1.5, 2.5], [-1, 0, 2]], [9, 9, 9])
    assert visibility_table(coco).tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 3]]
    bars = np.array([bar.get_width() for bar in panel(coco, 'joint visibility').patches]).reshape(3, 3)
    np.testing.assert_allclose(bars.sum(0), 1)
    # Hidden: 0 of 3, 2 of 3, 0 of 1.
    assert 'mean 0.22' in panel(coco, 'occlusion').get_legend().get_texts()[0].get_text()


@pytest.mark.parametrize(
    ('areas', 'drawn'), [([None, 900, 400], 2), ([-5, -1, 400], 1), ([-5, -1, 0], 0), ([None, None, None], 0)]
)
def test_areas_that_are_none_are_not_drawn(areas: list[Any], drawn: int) -> None:
    axes = panel(content([[2, 2, 2]] * 3, areas), 'size')
    assert sum(bar.get_height() for bar in axes.patches) == drawn
    assert ('no areas above 0' in [text.get_text() for text in axes.texts]) == (drawn == 0)
