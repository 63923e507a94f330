"""Figures of sensitivity show what was measured."""

import numpy as np
import pytest

from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity import Curve, Effect, Point
from posescope.evaluation.sensitivity.outcome import ERROR_TYPES
from posescope.report.sensitivity_figures import draw_boxes, draw_curves, draw_mirror

JOINTS = ['nose', 'left_eye', 'right_eye']


def interval(value: float | None, width: float | None = 0.05) -> Interval:
    ends = (None, None) if width is None or value is None else (value - width, value + width)
    return Interval(value, *ends, None, 60, 100, 0, '')


def point(amount: float, drop: float, width: float | None = 0.05) -> Point:
    joints = tuple(Effect(0.8 - drop, interval(-drop, width)) for _ in JOINTS)
    shares = {'good': 0.7 - drop, 'miss': 0.2 + drop, 'swap': 0.1}
    errors = tuple(Effect(shares.get(name, 0.0), interval(0, width)) for name in ERROR_TYPES)
    statistics = {'AP': 0.6 - drop, 'AP .5': 0.8, 'AP .75': 0.6, 'AR': 0.7}
    ap, oks = Effect(0.6 - drop, interval(-drop, width)), Effect(0.8 - drop, interval(-drop, width))
    return Point(amount, ap, oks, joints, errors, (errors,) * 3, statistics)


@pytest.mark.parametrize('width', [0.05, None])
def test_curves(width: float | None) -> None:
    curves = [
        Curve('blur', (point(0, 0, width), point(2, 0.1, width), point(4, 0.4, width))),
        Curve('noise', (point(0, 0, width), point(8, 0.2, width))),
    ]
    figure = draw_curves(curves, JOINTS)
    panel = figure.axes[0]
    assert panel.get_title() == 'blur'
    ap = next(line for line in panel.lines if line.get_label() == 'AP')
    np.testing.assert_allclose(ap.get_ydata(), [0.6, 0.5, 0.2])
    refused = [text.get_text() for text in panel.texts]
    assert refused == ([] if width else ['under 50 images: no intervals'])
    changes = figure.axes[2].images[0].get_array()
    np.testing.assert_allclose(changes, np.tile([0, -0.1, -0.4], (3, 1)))
    assert len(draw_curves(curves[:1], JOINTS).axes) == 4  # three panels and a colour bar


def test_mirror() -> None:
    figure = draw_mirror([interval(0.2), interval(0.1), interval(None), interval(0.3)], JOINTS)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ['all', 'nose', 'left eye', 'right eye']
    assert len(panel.lines) == 3


def test_boxes() -> None:
    left, right = draw_boxes(point(0, 0), point(1, 0.2), JOINTS).axes
    annotated, detected = left.containers
    assert [annotated[0].get_height(), detected[0].get_height()] == pytest.approx([0.6, 0.4])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([-0.2] * 3)


def test_what_coco_does_not_define_has_no_bar() -> None:
    annotated = point(0, 0)
    annotated.statistics['AP .75'] = -1
    left, _ = draw_boxes(annotated, point(1, 0.2), JOINTS).axes
    assert np.isnan(left.containers[0][2].get_height())
    assert not any('-1' in text.get_text() for text in left.texts)
