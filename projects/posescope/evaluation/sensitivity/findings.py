"""What was measured about a model's sensitivity, and the file ``sensitivity.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity.curve import Curve, Effect, Point, refusal
from posescope.evaluation.sensitivity.factors import FACTORS
from posescope.evaluation.sensitivity.outcome import ERROR_TYPES

__all__ = ['Findings']


@dataclass(frozen=True)
class Findings:
    """What was measured.

    Attributes:
        joints: (K,) names.
        images: Images with people.
        people: People with labelled joints.
        plain: The unchanged test.
        curves: One for each factor.
        mirror: (1 + K) mirror distances in √area: of all joints, then of each; None if not asked for.
        boxes: The tests on annotated and on detected boxes, people matched as COCO does; None if not asked for.
        without_area: People whom ``mirror`` leaves out because their area is 0.
    """

    joints: Sequence[str]
    images: int
    people: int
    plain: Point
    curves: Sequence[Curve]
    mirror: Sequence[Interval] | None
    boxes: tuple[Point, Point] | None
    without_area: int = 0

    def note(self) -> str:
        """Say why there are no intervals, and who is left out; empty if there is nothing to say."""
        left_out = f'no mirror distance of people with an area of 0: {self.without_area} of {self.people}'
        return '; '.join(filter(None, [refusal(self.images), left_out if self.without_area else '']))

    def to_json(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Put everything into what JSON can hold; what is not defined is null.

        Args:
            about: Config, checkpoint and whatever else the file should say about itself.
        """
        mirror: dict[str, Any] | None = None
        if self.mirror is not None:
            everything, *joints = map(_interval, self.mirror)
            mirror = {'all': everything, 'joints': dict(zip(self.joints, joints, strict=True))}
        boxes = None
        if self.boxes is not None:
            annotated, detected = (self._point(point) for point in self.boxes)
            boxes = {'annotated': annotated, 'detected': detected}
        return {
            **about,
            'images': self.images,
            'people': self.people,
            'note': self.note(),
            'plain': self._point(self.plain),
            'curves': {
                curve.factor: {'unit': FACTORS[curve.factor].unit, 'points': [self._point(p) for p in curve.points]}
                for curve in self.curves
            },
            'mirror': mirror,
            'boxes': boxes,
        }

    def _point(self, point: Point) -> dict[str, Any]:
        joints = {
            name: {'ks': _effect(effect), 'errors': _errors(errors)}
            for name, effect, errors in zip(self.joints, point.joints, point.joint_errors, strict=True)
        }
        return {
            'value': point.amount,
            'ap': _effect(point.ap),
            'oks': _effect(point.oks),
            'errors': _errors(point.errors),
            'joints': joints,
            'statistics': {name: None if value < 0 else value for name, value in point.statistics.items()},
        }


def _errors(effects: Sequence[Effect]) -> dict[str, Any]:
    return dict(zip(ERROR_TYPES, map(_effect, effects), strict=True))


def _effect(effect: Effect) -> dict[str, float | None]:
    delta = effect.delta
    return {'value': effect.value, 'delta': delta.value, 'low': delta.low, 'high': delta.high}


def _interval(one: Interval) -> dict[str, float | None]:
    return {'value': one.value, 'low': one.low, 'high': one.high}
