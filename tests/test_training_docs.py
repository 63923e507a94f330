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
