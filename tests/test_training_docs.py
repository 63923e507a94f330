"""Numbers of docs/training.md are those of the record beside it."""

import json
from statistics import mean

import pytest

from posescope.evaluation.equivalence import equivalence
from tests.conftest import ROOT


def test_the_equivalence_is_that_of_the_seeds() -> None:
    record = json.loads((ROOT / 'docs/training/equivalence.json').read_text())
    ours, theirs = record['AP']['ours'], record['AP']['theirs']
    tested = equivalence(ours, theirs)
    assert {name: record[name] for name in tested} == pytest.approx(tested)
    text = (ROOT / 'docs/training.md').read_text().replace('\u2212', '-')
    means = ' | '.join(f'{mean(side):.4f}'.removeprefix('0') for side in (ours, theirs))
    delta, low, high = (f'{tested[name]:+.4f}'.replace('0.', '.') for name in ('delta', 'low', 'high'))
    p = f'{tested["p"]:.3f}'.removeprefix('0')
    assert f'mean AP of {len(ours)} seeds | {means} | {delta} ({low} to {high}) | {p} |' in text


def test_the_speed_is_that_of_the_record() -> None:
    step, whole = json.loads((ROOT / 'docs/training/speed-xeon.json').read_text())
    text = (ROOT / 'docs/training.md').read_text()

    def ratio(entry: dict) -> str:
        assert entry['equal']
        assert entry['ratio_low'] <= entry['ratio'] <= entry['ratio_high']
        return f'{entry["ratio"]:.2f} ({entry["ratio_low"]:.2f} to {entry["ratio_high"]:.2f})'

    assert step['ratio'] >= step['wanted']
    assert step['people_a_second'] == pytest.approx([1000 / step[side] for side in ('ours', 'theirs')])
    people = ' | '.join(f'{side:.0f}' for side in step['people_a_second'])
    assert f'| Xeon: people a second, from the second epoch on | {people} | {ratio(step)} |' in text
    seconds = f'{whole["ours"]:.1f} s | {whole["theirs"]:.1f} s'
    assert f'| Xeon: the whole run of 4 epochs of 512 people | {seconds} | {ratio(whole)} |' in text
