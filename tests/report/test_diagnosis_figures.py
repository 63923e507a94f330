"""Figures and tables of a diagnosis: they say what was found, for many people and for none."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from posescope.evaluation.diagnosis import Diagnosis, ErrorClass, diagnose
from posescope.report.diagnosis_figures import draw_budget, draw_joints, draw_slices
from posescope.report.diagnosis_table import print_diagnosis
from tests.evaluation.diagnosis.planted import detections_at, people_at, random_scene


def diagnosis(images: int = 80, **options: bool) -> Diagnosis:
    people, detections, sigmas, flip = random_scene(0, 5, images)
    content = {
        'images': [{'id': image, 'width': 200, 'height': 200} for image in range(images)],
        'annotations': [
            {'id': int(one), 'image_id': int(people.image[one]), 'keypoints': people.keypoints[one].ravel().tolist()}
            for one in people.ids
        ],
    }
    names = ['nose', 'left_eye', 'right_eye', 'left_hand', 'right_hand']
    return diagnose(content, people, detections, sigmas, flip, names, **options)


def texts(figure: Figure) -> str:
    buffer = io.BytesIO()
    with plt.rc_context({'svg.fonttype': 'none'}):
        figure.savefig(buffer, format='svg')
    return buffer.getvalue().decode()


def printed(found: Diagnosis, width: int = 150) -> str:
    console = Console(width=width, file=io.StringIO())
    print_diagnosis(found, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_budget_names_all_classes_and_their_numbers() -> None:
    found = diagnosis()
    shown = texts(draw_budget(found))
    for one in (ErrorClass.MISS, ErrorClass.INVERSION, ErrorClass.UNMATCHED):
        assert one.label in shown
        assert f'({found.shares[one].part:,})' in shown
    assert f'{found.headroom.measured["AP"]:.3f}' in shown
    assert 'unclassified' not in shown


def test_joints_and_slices() -> None:
    found = diagnosis()
    shown = texts(draw_joints(found))
    assert 'left hand' in shown
    assert 'AP gained' in shown
    assert 'AP gained' not in texts(draw_joints(diagnosis(by_joint=False)))
    shown = texts(draw_slices(found))
    for word in ('visibility', 'hidden', 'crowding', 'IoU over .1', 'miss'):
        assert word in shown


@pytest.mark.parametrize('legacy', [False, True])
def test_table(legacy: bool) -> None:
    found = diagnosis(legacy=legacy)
    shown = printed(found)
    assert f'AP {found.headroom.measured["AP"]:.3f}' in shown
    rows = {line.split('│')[1].strip(): line for line in shown.splitlines() if line.count('│') > 5}
    total = found.shares[ErrorClass.GOOD].whole
    counts = [
        int(rows[one.label.replace('_', ' ')].split('│')[2].replace(',', ''))
        for one in ErrorClass
        if one.label.replace('_', ' ') in rows
    ]
    assert sum(counts) == total == int(rows['all labelled joints'].split('│')[2].replace(',', ''))
    assert ('2017' in shown) == legacy
    assert max(map(len, printed(found, 80).splitlines())) <= 80


def test_few_images_have_no_interval() -> None:
    shown = printed(diagnosis(images=20))
    assert 'No intervals' in shown
    assert ' to ' not in next(line for line in shown.splitlines() if '│ miss' in line).split('│')[4]


def test_false_positives_are_part_of_those_that_were_evaluated() -> None:
    """Of thirty detections on an image, COCO looks at the twenty best; one of them is right."""
    people = people_at([[[10, 10], [20, 10]]], [100])
    places = np.full((30, 2, 2), 5000.0)
    places[0] = [[10, 10], [20, 10]]
    detections = detections_at(places, np.zeros(30, int))
    content = {'images': [{'id': 0}], 'annotations': []}
    given = [0.05, 0.05], [0, 1], ['head', 'tail']
    shown = printed(diagnose(content, people, detections, *given))
    row = next(line for line in shown.splitlines() if 'false positives' in line)
    assert [cell.strip() for cell in row.split('│')[2:5]] == ['19', '95.0 %', 'of 20']
    assert '10 of 30 detections are not among the 20 best of an image' in shown
    assert 'not among' not in printed(diagnose(content, people, detections[:20], *given))


def test_nothing_to_draw() -> None:
    nobody = people_at(np.zeros((0, 1, 2)), [])
    found = diagnose(
        {'images': [], 'annotations': []}, nobody, detections_at(np.zeros((0, 1, 2))), [0.1], [0], ['nose']
    )
    assert '–' in printed(found)
    for draw in (draw_budget, draw_joints, draw_slices):
        assert texts(draw(found)).startswith('<?xml')
