"""Which channels serve which joint: a table, and its drawing."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, finish
from posescope.errors import InputError
from posescope.evaluation.diagnosis.slices import FALSE_DISCOVERIES
from posescope.explain.units.overlap import PartOverlap
from posescope.explain.units.selectivity import CHANCE, Selectivity

__all__ = ['Unit', 'draw_units', 'unit_table']

_DOT = '#1a9850'


@dataclass(frozen=True)
class Unit:
    """A channel and the joint that it responds to most.

    Attributes:
        channel: Its number.
        joint: Name of the joint.
        auc: For that joint.
        low: Lower end of its interval; None where there is none.
        high: Upper end.
        standardised: See :class:`~posescope.explain.units.selectivity.Selectivity`; None where undefined.
        marked: Whether it remains among all channels and joints.
        part: Part of the body with the largest overlap; empty where parts are not known.
        iou: Of that part; None where parts are not known.
        chance: What it would be by chance.
    """

    channel: int
    joint: str
    auc: float
    low: float | None
    high: float | None
    standardised: float | None
    marked: bool
    part: str = ''
    iou: float | None = None
    chance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything by name."""
        return asdict(self)


def unit_table(
    selectivity: Selectivity, overlap: PartOverlap | None = None, *, most: int = 40, only_marked: bool = True
) -> list[Unit]:
    """List the most selective channels, sorted by joint, and for each joint by AUC.

    Args:
        selectivity: Of a layer.
        overlap: Of the same layer, where parts of the body are known.
        most: Most channels in all.
        only_marked: Leave out those that may be chance.

    Raises:
        InputError: The two are of different layers.
    """
    if overlap is not None and (overlap.layer, len(overlap.iou)) != (selectivity.layer, len(selectivity.auc)):
        raise InputError(f'overlap is of {overlap.layer}, and selectivity of {selectivity.layer}: take one layer')
    units = sorted(_units(selectivity, overlap), key=lambda unit: -unit.auc)
    kept = [unit for unit in units if unit.auc > CHANCE and (unit.marked or not only_marked)][:most]
    order = {joint: place for place, joint in enumerate(selectivity.joints)}
    return sorted(kept, key=lambda unit: (order[unit.joint], -unit.auc))


def draw_units(
    selectivity: Selectivity,
    overlap: PartOverlap | None = None,
    *,
    most: int = 40,
    only_marked: bool = True,
    title: str = 'which channels serve which joint',
) -> Figure:
    """Draw the AUC of the most selective channels for every joint; a dot marks what remains among all.

    Args:
        selectivity: Of a layer.
        overlap: Of the same layer; its parts are written beside the channels.
        most: Most channels.
        only_marked: Leave out channels that may be chance.
        title: Of the figure.

    Raises:
        InputError: No channel is left to draw.
    """
    units = unit_table(selectivity, overlap, most=most, only_marked=only_marked)
    if not units:
        raise InputError(
            f'no channel of {selectivity.layer} responds to a joint beyond chance (false discoveries kept to '
            f'{FALSE_DISCOVERIES:.0%}); only_marked=False draws the most selective all the same'
        )
    rows = [unit.channel for unit in units]
    values = selectivity.auc[rows] - CHANCE
    scale = ColourScale.of([np.append(values, [[-CHANCE, CHANCE]])])  # all layers share their colours
    height = float(np.clip(0.19 * len(units), 1.6, 14))
    # Small letters are wider at other resolutions than that of the layout.
    figure = Figure(
        figsize=(0.24 * len(selectivity.joints) + 4.4, height + 2.0),
        layout=ConstrainedLayoutEngine(w_pad=0.15),
        facecolor='white',
    )
    panel = figure.subplots()
    picture = panel.imshow(
        np.ma.masked_invalid(values), cmap=scale.colours, norm=scale.norm, interpolation='nearest', aspect='auto'
    )
    marked, columns = np.nonzero(selectivity.marked[rows])
    panel.scatter(columns, marked, s=7, c=_DOT, edgecolors='white', linewidths=0.4, gid='marked')
    _label(panel, selectivity, units)
    colour_bar(figure, picture, [panel], scale, 'AUC − 1/2')
    rows_are = 'channel · part of the body, IoU' if any(unit.part for unit in units) else 'channel'
    finish(figure, f'{title}\n{shortened(selectivity.layer, 60)}: {_who(selectivity, len(units))}; rows: {rows_are}')
    return figure


def _units(selectivity: Selectivity, overlap: PartOverlap | None) -> Iterator[Unit]:
    """A unit for every channel that has an AUC."""
    parts = None if overlap is None else overlap.best_part()
    for channel, joint in enumerate(selectivity.best_joint().tolist()):
        if joint < 0:
            continue
        part = '' if parts is None else parts[channel]
        place = None if overlap is None or not part else overlap.parts.index(part)
        yield Unit(
            channel,
            selectivity.joints[joint],
            float(selectivity.auc[channel, joint]),
            _number(selectivity.low[channel, joint]),
            _number(selectivity.high[channel, joint]),
            _number(selectivity.standardised[channel, joint]),
            bool(selectivity.marked[channel, joint]),
            part,
            None if overlap is None or place is None else float(overlap.iou[channel, place]),
            None if overlap is None or place is None else float(overlap.chance[channel, place]),
        )


def _label(panel: Axes, selectivity: Selectivity, units: list[Unit]) -> None:
    names = [joint.replace('_', ' ') for joint in selectivity.joints]
    panel.set_xticks(range(len(names)), names, rotation=90, fontsize=7, parse_math=False)
    texts = [
        f'{unit.channel}' + (f' · {unit.part.replace("_", " ")} {unit.iou:.2f}' if unit.part else '') for unit in units
    ]
    panel.set_yticks(range(len(units)), texts, fontsize=6, parse_math=False)


def _who(selectivity: Selectivity, count: int) -> str:
    people = selectivity.people[selectivity.people > 0]
    least, most = int(people.min()), int(people.max())
    number = f'{least}' if least == most else f'{least} to {most}'
    return (
        f'{count} of {len(selectivity.auc)} channels; {number} people a joint; dots: remain at a false discovery rate '
        f'of {FALSE_DISCOVERIES:.0%}'
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
