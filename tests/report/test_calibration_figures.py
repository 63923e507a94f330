"""Reliability diagrams show what was found."""

import numpy as np
import pytest

from posescope.evaluation.calibration import Pairs, calibrate, recalibrate
from posescope.report.calibration_figures import draw_joint_reliability, draw_reliability


@pytest.mark.parametrize('images', [30, 80])
def test_reliability(images: int) -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(0.6, 0.3, 800)
    pairs = Pairs(scores, np.clip(scores, 0, 1) ** 2, np.arange(800) % images)
    calibration = calibrate(pairs, resamples=100)
    found = {'joints': (calibration, recalibrate(pairs, resamples=100)), 'persons': (calibration, None)}
    figure = draw_reliability(found, {'joints': 'KS', 'persons': 'OKS'})
    joints, persons = figure.axes[:2]
    assert joints.get_ylabel() == 'mean KS'
    assert f'ECE {calibration.ece:.3f}' in persons.get_title()
    # The diagonal, a line through the bins, and an interval for each bin if there are enough images.
    assert len(persons.lines) == 2 + (len(calibration.bins) if images >= 50 else 0)
    np.testing.assert_allclose(persons.lines[-1].get_ydata(), [row.quality for row in calibration.bins])
    for panel in (joints, persons):
        assert panel.get_xlim()[0] < scores.min()
        assert panel.get_xlim()[1] > scores.max()


def test_equal_scores_have_no_slope() -> None:
    calibration = calibrate(Pairs(np.full(60, 0.5), np.linspace(0, 1, 60), np.arange(60)), resamples=100)
    figure = draw_reliability({'persons': (calibration, None)}, {'persons': 'OKS'})
    assert 'slope –,' in figure.axes[0].get_title()


def test_joints() -> None:
    pairs = Pairs(np.linspace(0, 1, 100), np.linspace(0, 1, 100), np.arange(100))
    found = {'left_eye': calibrate(pairs, resamples=100), 'tail': None, 'nose': calibrate(pairs, resamples=100)}
    figure = draw_joint_reliability(found, columns=2)
    titles = [panel.get_title() for panel in figure.axes if panel.get_visible()]
    assert titles == ['left eye', 'tail', 'nose']
