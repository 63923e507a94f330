import numpy as np
import pytest

from posescope.evaluation.strata import stratify, table


def person(annotation: int, image: int, visible: list[int], area: float = 5000.0, rendered: dict | None = None) -> dict:
    keypoints = [number for v in visible for number in (1.0, 2.0, v)]
    return {'id': annotation, 'image_id': image, 'keypoints': keypoints, 'area': area} | (
        {'rendered': rendered} if rendered else {}
    )


def rendered(sector: int = 0, truncated: bool = False, unoccluded: bool = True) -> dict:
    return {'sector': sector, 'pose_class': 'lying', 'truncated': truncated, 'unoccluded': unoccluded}


def test_strata_of_any_coco_file() -> None:
    content = {
        'annotations': [
            person(1, 1, [2] * 17),
            person(2, 2, [2] * 12 + [1] * 3 + [0] * 2, area=96**2),
            person(3, 2, [1] * 5 + [2] * 5 + [0] * 7, area=32**2 - 1),
            person(4, 3, [0] * 17),
        ]
    }
    found = stratify(content)
    assert found[1, 1] == {
        'all': 'everyone', 'people': 'one', 'hidden joints': 'none', 'labelled joints': 'all', 'size': 'medium',
    }  # fmt: skip
    # 3 of 15 labelled joints are hidden: exactly the bound of 20 %, which belongs to the lower stratum.
    assert found[2, 2]['hidden joints'] == 'up to 20 %'
    assert found[2, 2]['labelled joints'] == 'three quarters'  # 15 of 17
    assert (found[2, 2]['size'], found[2, 3]['size']) == ('large', 'small')
    assert (found[2, 3]['hidden joints'], found[2, 3]['labelled joints']) == ('over 40 %', 'fewer')
    assert found[2, 2]['people'] == 'several'
    assert 'hidden joints' not in found[3, 4]


@pytest.mark.parametrize(
    ('annotation', 'clear'),
    [
        (rendered(), True),
        (rendered(truncated=True), False),
        (rendered(unoccluded=False), False),
    ],
)
def test_clear_people(annotation: dict, clear: bool) -> None:
    one = person(1, 1, [2] * 17, rendered=annotation)
    assert ('clear' in stratify({'annotations': [one]})[1, 1]) is clear
    assert 'clear' not in stratify({'annotations': [one, person(2, 1, [2] * 17)]})[1, 1]


def test_what_the_renderer_did_not_tell_is_not_known() -> None:
    every = rendered(sector=2)
    told = {'sector': 'heading', 'pose_class': 'pose', 'truncated': 'clear', 'unoccluded': 'clear'}
    families = {'heading', 'pose', 'clear'}
    for lacking, family in told.items():
        entry = {key: value for key, value in every.items() if key != lacking}
        found = stratify({'annotations': [person(1, 1, [2] * 17, rendered=entry)]})[1, 1]
        assert families & set(found) == families - {family}
    for other in (True, ['standing'], {'sector': 8}, {'sector': None}, {'sector': '2'}):
        one = {**person(1, 1, [2] * 17), 'rendered': other}
        assert not families & set(stratify({'annotations': [one]})[1, 1])


def test_table_gives_mean_and_standard_error() -> None:
    values = [0.2, 0.5, 0.8, 0.9]
    one = {'annotations': [person(i, i, [2] * 17, rendered=rendered(sector=i % 2)) for i in range(4)]}
    other = {'annotations': [person(9, 9, [2] * 17)]}
    text = table(
        {
            'ours': (one, {(i, i): value for i, value in enumerate(values)}),
            'theirs': (other, {(9, 9): 0.75}),
        }
    )
    lines = {tuple(cell.strip() for cell in line.split('|')[1:3]): line for line in text.splitlines()}
    error = np.std(values, ddof=1) / 2
    assert f'| 0.600 ± {error:.3f} | 4 | 0.750 | 1 |' in lines['all', 'everyone']
    assert '| 0.500 ± 0.300 | 2 | – | 0 |' in lines['heading', '0° (front)']
    assert '| 0.700 ± 0.200 | 2 |' in lines['', '45°']


def test_people_without_oks_do_not_count() -> None:
    one = {'annotations': [person(1, 1, [2] * 17), person(2, 2, [2] * 4 + [0] * 13)]}
    assert '| 0.400 | 1 |' in table({'ours': (one, {(1, 1): 0.4})}).splitlines()[2]


def test_null_is_what_is_not_there() -> None:
    """As files have it for crowds, and where nobody measured areas."""
    person = {'image_id': 1, 'id': 7, 'keypoints': None, 'area': None}
    assert stratify({'annotations': [person]})[1, 7] == {'all': 'everyone', 'people': 'one'}
