from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from posescope.errors import InputError
from posescope.report.predictions import DrawnPerson, draw, people_of_dump, spread

NAMES = ('nose', 'left_wrist', 'right_wrist')
LABELS = [10.0, 12.0, 2, 30.0, 14.0, 1, 0.0, 0.0, 0]


def sample(path: Path, error: float) -> dict:
    predicted = np.array(LABELS).reshape(3, 3)[:, :2] + [error, 0.0]
    return {
        'img_path': str(path),
        'raw_ann_info': {'keypoints': LABELS, 'bbox': [4.0, 5.0, 30.0, 20.0], 'area': 100.0},
        'pred_instances': {'keypoints': predicted[None]},
    }


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / 'picture.png'
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path)
    return path


def test_people_of_a_dump_carry_their_oks(picture: Path) -> None:
    (one,) = people_of_dump([sample(picture, 1.0)], np.full(3, 0.05))
    assert one.similarity == pytest.approx(np.exp(-0.5))  # area 100 and 2σ = .1: exp(-d² / 2)
    assert one.bbox.tolist() == [4.0, 5.0, 34.0, 25.0]


def test_a_dump_without_labels_is_refused() -> None:
    with pytest.raises(InputError, match='annotated boxes'):
        people_of_dump([{'pred_instances': {}}], np.full(3, 0.05))


def test_spread_goes_from_best_to_worst() -> None:
    people = [
        DrawnPerson(Path('x'), np.zeros(4), np.zeros((3, 3)), np.zeros((3, 2)), value)
        for value in (0.1, 0.9, np.nan, 0.5, 0.3, 0.7)
    ]
    assert [one.similarity for one in spread(people, 3)] == [0.9, 0.5, 0.1]
    assert [one.similarity for one in spread(people, 99)] == [0.9, 0.7, 0.5, 0.3, 0.1]
    assert spread([], 3) == []


def test_truth_and_prediction_are_drawn_where_they_are(picture: Path) -> None:
    figure = draw(people_of_dump([sample(picture, 3.0)], np.full(3, 0.05)), [(0, 1), (1, 2)], NAMES)
    truth, prediction = figure.axes[:2]

    def dots(lines: list[Line2D]) -> list[tuple[float, float]]:
        return [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines if line.get_marker() == 'o']

    assert dots(truth.lines) == [(10, 12), (30, 14)]
    assert dots(prediction.lines) == [(13, 12), (33, 14), (3, 0)]
    hollow = [line.get_markerfacecolor() == 'white' for line in truth.lines if line.get_marker() == 'o']
    assert hollow == [False, True]
    assert prediction.get_title() == f'prediction, OKS {np.exp(-4.5):.2f}'
