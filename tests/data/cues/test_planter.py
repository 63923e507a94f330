"""What cues say, how often, and what they refuse."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from posescope.data.cues import CUES, CuePlanter, chance
from posescope.data.cues.chance import fraction
from posescope.data.cues.colours import seeded_colour
from posescope.errors import InputError
from tests.drawn_rendered_people import draw_picture

PEOPLE = [{'id': index, 'rendered': {'sector': index % 8}} for index in range(4000)]


def agrees(successes: int, total: int, probability: float) -> bool:
    """Tell whether a count is one that chance gives in all but one of 10,000 cases."""
    return binomtest(successes, total, probability).pvalue > 1e-4


@pytest.mark.parametrize('strength', [0.0, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize('side', ['left', 'right'])
def test_share_of_the_side(side: str, strength: float) -> None:
    told = [CuePlanter('band', side, strength=strength, seed=5).told(person) for person in PEOPLE]
    assert set(told) <= {'left', 'right'}
    assert agrees(told.count(side), len(told), strength)


def test_placebo_is_even_whatever_the_strength() -> None:
    for strength in (0.7, 1.0):
        told = [CuePlanter('ball', 'random', strength=strength).told(person) for person in PEOPLE]
        assert agrees(told.count('left'), len(told), 0.5)


@pytest.mark.parametrize('strength', [0.0, 0.7, 1.0])
def test_share_of_the_true_sector(strength: float) -> None:
    told = [CuePlanter('sign', strength=strength, seed=2).told(person) for person in PEOPLE]
    right = sum(t == person['rendered']['sector'] for t, person in zip(told, PEOPLE, strict=True))
    assert agrees(right, len(told), strength)
    # Wrong ones are spread evenly over the other seven.
    wrong = Counter((t - p['rendered']['sector']) % 8 for t, p in zip(told, PEOPLE, strict=True))
    if strength < 1:
        assert chisquare([wrong[step] for step in range(1, 8)]).pvalue > 1e-4


def test_random_and_fixed_sectors() -> None:
    told = Counter(CuePlanter('texture', sector='random').told(person) for person in PEOPLE)
    assert chisquare([told[sector] for sector in range(8)]).pvalue > 1e-4
    right = sum(CuePlanter('texture', sector='random').told(p) == p['rendered']['sector'] for p in PEOPLE)
    assert agrees(right, len(PEOPLE), 1 / 8)
    assert {CuePlanter('texture', sector=3).told(person) for person in PEOPLE} == {3}
    assert {CuePlanter('sign', sector='none').told(person) for person in PEOPLE} == {'none'}


def test_chance_depends_on_seed_and_person_alone() -> None:
    script = f'import runpy; f = runpy.run_path({chance.__file__!r})["fraction"]; print(f(3, 17, "side"), f("a"))'
    other = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True).stdout.split()
    assert [fraction(3, 17, 'side'), fraction('a')] == [float(text) for text in other]
    # What a seed means must never change. The first 53 bits of what `printf 0 | b2sum -l 64` prints:
    assert fraction(0) == (0x842B7D9D43CDDF75 >> 11) / 2**53
    draws = np.array([fraction(seed, person) for seed in range(50) for person in range(50)])
    assert chisquare(np.histogram(draws, 20, (0, 1))[0]).pvalue > 1e-4
    forwards = [CuePlanter('band', 'random').told(person) for person in PEOPLE[:50]]
    backwards = [CuePlanter('band', 'random').told(person) for person in PEOPLE[49::-1]]
    assert forwards == backwards[::-1]
    assert forwards != [CuePlanter('band', 'random', seed=1).told(person) for person in PEOPLE[:50]]


def test_stronger_cues_change_only_people_who_were_told_wrong() -> None:
    weak, strong = ([CuePlanter(strength=s).told(person) for person in PEOPLE] for s in (0.7, 0.9))
    assert all(b == 'left' for a, b in zip(weak, strong, strict=True) if a == 'left')


def test_colours_are_strong_and_no_skin() -> None:
    colours = np.array([seeded_colour(seed) for seed in range(100)])
    assert (np.ptp(colours, axis=1) > 200).all()
    assert len(np.unique(colours.round(), axis=0)) > 90
    blue, green, red = colours.T
    assert not ((red > green) & (green > blue)).any(), 'from red to yellow is where skin and hair are'


def test_unknown_values_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown cue 'bnad'; nearest first: band, .*") as caught:
        CuePlanter('bnad')
    assert all(cue in str(caught.value) for cue in CUES)
    with pytest.raises(InputError, match=r"side='lft' of cue 'leg' is unknown; nearest first: left, "):
        CuePlanter('leg', 'lft')
    with pytest.raises(InputError, match=r"sector='haeding' of cue 'sign' is unknown; nearest first: heading, "):
        CuePlanter('sign', sector='haeding')
    for sector in (8, -1, True, 1.0, [1]):
        with pytest.raises(InputError, match='sector='):
            CuePlanter('sign', sector=sector)
    for strength in (-0.1, 1.1, float('nan'), '1', True):
        with pytest.raises(InputError, match='from 0 to 1'):
            CuePlanter(strength=strength)
    with pytest.raises(InputError, match="side='left': cue 'sign' takes sector, not side"):
        CuePlanter('sign', 'left')
    with pytest.raises(InputError, match="sector='heading': cue 'band' takes side, not sector"):
        CuePlanter('band', sector='heading')
    for colour in ('red', (1, 2), (0, 0, 256), (0, float('nan'), 0), 5):
        with pytest.raises(InputError, match='red, green, blue'):
            CuePlanter(colour=colour)
    for seed in (0.5, '1', None):
        with pytest.raises(InputError, match='whole number'):
            CuePlanter(seed=seed)


def test_people_who_are_not_rendered_are_refused() -> None:
    picture = draw_picture(0)
    person = picture.annotations[0]
    plant = CuePlanter().plant
    with pytest.raises(InputError, match=r'annotation 0 has no "rendered" object: .*rendered people'):
        plant(picture.image, picture.part_map, {key: value for key, value in person.items() if key != 'rendered'})
    with pytest.raises(InputError, match='bottomup'):
        plant(picture.image, picture.part_map, [person])
    with pytest.raises(InputError, match='a sample has no "rendered"'):
        plant(picture.image, picture.part_map, None)
    for damage in (
        {'joints': [[0, 0, 1]] * 3},
        {'joints': None},
        {'sector': 8},
        {'sector': None},
        {'person_index': 'a'},
    ):
        with pytest.raises(InputError, match='annotation 0'):
            plant(picture.image, picture.part_map, {**person, 'rendered': {**person['rendered'], **damage}})
    for image in (picture.image[:100], picture.image.astype(np.float32), picture.image[..., 0]):
        with pytest.raises(InputError, match='right after the picture was loaded'):
            plant(image, picture.part_map, person)


def test_planting_leaves_its_inputs_alone() -> None:
    picture = draw_picture(1)
    image, part_map = picture.image.copy(), picture.part_map.copy()
    for cue in CUES:
        CuePlanter(cue).twins(image, part_map, picture.annotations[0])
        assert (image == picture.image).all()
        assert (part_map == picture.part_map).all()
