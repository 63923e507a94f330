"""The error budget on a terminal."""

import math
from collections.abc import Iterator

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.diagnosis.diagnosis import Diagnosis
from posescope.evaluation.diagnosis.error_classes import ErrorClass
from posescope.evaluation.diagnosis.shares import LEAST_IMAGES, Share
from posescope.evaluation.matching import MAX_DETECTIONS

__all__ = ['MEANINGS', 'ROWS', 'budget', 'marked_slices', 'print_diagnosis']

ROWS = (
    ErrorClass.GOOD,
    ErrorClass.UNCLASSIFIED,
    ErrorClass.MISS,
    ErrorClass.SWAP,
    ErrorClass.INVERSION,
    ErrorClass.SIDE_AMBIGUOUS,
    ErrorClass.JITTER,
    ErrorClass.UNMATCHED,
)
"""Classes in the order of a table; those that can be corrected are in the order in which they are."""
MEANINGS = {
    'good': 'KS above .85 with the own label',
    'unclassified': 'KS of exactly .85',
    'miss': 'at nobody’s joint',
    'swap': 'at another person’s joint',
    'inversion': 'at the own joint of the other side',
    'side_ambiguous': 'the same, but both labels are at one place',
    'jitter': 'KS of .5 to .85 with the own label',
    'unmatched': 'of people without a detection',
    'scoring': 'people whose best scored detection is not their best',
    'false_positives': 'detections matched with nobody',
    'false_negatives': 'people without a detection',
}
_CAPTION = 'AP alone: gained if this kind alone were corrected. AP in order: reached with it and all above corrected.'
_MOST_SLICES = 10
_WIDE = 130
_MISSING = '–'


def budget(diagnosis: Diagnosis, *, explained: bool = True) -> Table:
    """Lay out the classes of all labelled joints and the errors of whole detections.

    Every kind of error stands with its number, its share with an interval, the AP that correcting it alone would gain
    and the AP reached if it and all above it were corrected.

    Args:
        diagnosis: What was found.
        explained: Say in a last column what each kind of error is.
    """
    table = Table(title='error budget', title_justify='left', caption=_CAPTION, caption_justify='left')
    table.add_column('error')
    for name in ('number', 'share', '95 %', 'AP alone', 'AP in order'):
        table.add_column(name, justify='right')
    if explained:
        table.add_column('what it is')
    width = len(table.columns)
    for cells in _class_rows(diagnosis):
        table.add_row(*cells[:width])
    total = diagnosis.shares[ErrorClass.GOOD].whole
    table.add_section()
    table.add_row('all labelled joints', f'{total:,}', _percent(1.0 if total else math.nan))
    table.add_section()
    for cells in _detection_rows(diagnosis):
        table.add_row(*cells[:width])
    return table


def _class_rows(diagnosis: Diagnosis) -> Iterator[tuple[str, ...]]:
    for one in ROWS:
        part = diagnosis.shares[one]
        if one in (ErrorClass.UNCLASSIFIED, ErrorClass.SIDE_AMBIGUOUS) and not part.part:
            continue
        gains = _gains(diagnosis, one.label)
        yield _title(one.label), f'{part.part:,}', *_estimate(part), *gains, MEANINGS[one.label]


def _detection_rows(diagnosis: Diagnosis) -> Iterator[tuple[str, ...]]:
    false, scoring = diagnosis.false, diagnosis.scoring
    doubles = f': {false.background:,} background, {false.doubles:,} doubles'
    for kind, number, of, more in (
        ('scoring', scoring.wrong, scoring.contested, ''),
        ('false_positives', false.background + false.doubles, false.evaluated, doubles),
        ('false_negatives', false.false_negatives, false.people, ''),
    ):
        share = _percent(number / of if of else math.nan)
        yield _title(kind), f'{number:,}', share, f'of {of:,}', *_gains(diagnosis, kind), MEANINGS[kind] + more


def marked_slices(diagnosis: Diagnosis) -> Table | None:
    """List where errors are clearly more frequent than in the rest of a family; None if nowhere."""
    errors = [
        cell for cell in diagnosis.slices if cell.error != ErrorClass.GOOD and cell.marked and cell.difference > 0
    ]
    clear = sorted(errors, key=lambda cell: -cell.difference)
    if not clear:
        return None
    title = (
        f'where errors are more frequent: {min(len(clear), _MOST_SLICES)} of {len(clear)} (false discovery rate 5 %)'
    )
    table = Table(title=title, title_justify='left')
    for name in ('population', 'error'):
        table.add_column(name)
    for name in ('share', '95 %', 'joints', '% more'):
        table.add_column(name, justify='right')
    for cell in clear[:_MOST_SLICES]:
        part, gap = cell.share, f'{100 * cell.difference:+.1f}'
        joints = f'{part.part:,} of {part.whole:,}'
        where = escape(f'{cell.family}: {cell.population}')
        table.add_row(where, _title(cell.error.label), *_estimate(part), joints, gap)
    return table


def print_diagnosis(diagnosis: Diagnosis, console: Console, *, statistics: bool = True) -> None:
    """Print the error budget, and what is clear about populations and the models' second thoughts.

    Args:
        diagnosis: What was found.
        console: Where to.
        statistics: Print AP first.
    """
    measured = diagnosis.headroom.measured
    numbers = '  '.join(f'{name} {_number(measured[name])}' for name in STATISTICS if name.startswith('AP'))
    parts: list[Text | Table] = [Text(numbers)] if statistics else []
    parts.append(budget(diagnosis, explained=console.width >= _WIDE))
    slices = marked_slices(diagnosis)
    if slices is not None:
        parts.append(slices)
    parts += [Text(line) for line in _notes(diagnosis)]
    console.print(Group(*parts))


def _notes(diagnosis: Diagnosis) -> Iterator[str]:
    images = diagnosis.shares[ErrorClass.GOOD].images
    if images < LEAST_IMAGES:
        yield f'No intervals and no tests: labelled people on {images} images, and these take {LEAST_IMAGES}.'
    beyond = diagnosis.detections - diagnosis.false.evaluated
    if beyond:
        yield (
            f'{beyond:,} of {diagnosis.detections:,} detections are not among the {MAX_DETECTIONS} best of an image, '
            'which alone are evaluated.'
        )
    if diagnosis.legacy:
        yield 'Conventions of the code published in 2017: headroom of misses and jitter is overstated.'
    for kind, counts in (diagnosis.modes or {}).items():
        answered = sum(counts.values()) - counts['without_scores']
        if answered:
            second = counts['second'] + counts['third']
            yield (
                f'{_title(kind)}: of {answered:,} with scores at hand, the right place was under the second or third '
                f'peak of {second:,}, under the best of {counts["first"]:,}, under none of {counts["none"]:,}.'
            )


def _gains(diagnosis: Diagnosis, kind: str) -> tuple[str, str]:
    measured = diagnosis.headroom.measured['AP']
    if kind == ErrorClass.GOOD.label:
        return '', _number(measured)
    if kind not in diagnosis.headroom.alone:
        return '', ''
    gain = diagnosis.gain(kind)
    shown = f'{gain:+.3f}' if math.isfinite(gain) else _MISSING
    return shown, _number(diagnosis.headroom.sequence[kind]['AP'])


def _estimate(part: Share) -> tuple[str, str]:
    interval = f'{100 * part.low:.1f} to {_percent(part.high)}' if math.isfinite(part.low) else _MISSING
    return _percent(part.value), interval


def _title(kind: str) -> str:
    return kind.replace('_', ' ')


def _percent(value: float) -> str:
    return f'{100 * value:.1f} %' if math.isfinite(value) else _MISSING


def _number(value: float) -> str:
    return _MISSING if value == -1 or not math.isfinite(value) else f'{value:.3f}'
