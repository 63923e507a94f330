"""A row of attention beside what masking its keys did, with their agreement."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.errors import InputError, nearest
from posescope.explain.attention_trial.trial import QUANTITIES, AttentionTrial
from posescope.explain.joint_names import find_joints

__all__ = ['draw_trial', 'effect_map']


def draw_trial(
    trial: AttentionTrial,
    crop: Crop,
    joint: str,
    *,
    person: int = 0,
    layer: str | None = None,
    quantity: str = 'displacement',
    opacity: float = 0.65,
) -> Figure:
    """Draw where a joint's query looks, which keys were masked, and what masking each group of keys did.

    The title says how far the two agree over all people that were tested; the panels are of one.

    Args:
        trial: Measured.
        crop: The person.
        joint: Its name.
        person: Number of the person among those tested.
        layer: Name of a layer; None for the last.
        quantity: One of :data:`posescope.explain.attention_trial.trial.QUANTITIES`.
        opacity: Below 1, a pale photograph shines through.

    Raises:
        InputError: There is no such joint, person, layer or quantity.
    """
    agreement = trial.agreement(joint, quantity)
    (column,) = find_joints([joint], trial.joints)
    shown = _layer(trial, layer)
    people = len(trial.rows[shown].weights)
    if not 0 <= person < people:
        raise InputError(f'person {person} was not tested: there are 0 to {people - 1}')
    rows = trial.rows[shown]
    pointed = trial.plans[shown].variants[0, person, column].reshape(rows.size)
    weights = rows.weights[person, column].astype(np.float64)
    maps = {'attention weight, mean over heads': weights, 'the keys that were masked': np.where(pointed, weights, 0)}
    effect = effect_map(trial, shown, person, column, quantity)
    if effect is not None:
        maps[QUANTITIES[quantity]] = effect
    figure, panels = panel_grid(1, 1 + len(maps), crop.aspect, heading=1.0)
    name = trial.joints[column]
    draw_person(panels[0, 0], crop, name)
    scale = ColourScale.of([weights], quantile=0.995)
    for panel, (what, values) in zip(panels[0, 1:], maps.items(), strict=True):
        of_effect = values is effect
        own = ColourScale.of([values]) if of_effect else scale
        draw_background(panel, crop, grey=opacity < 1)
        picture = draw_map(panel, crop, rows.grid, values, own, opacity=opacity)
        draw_joints(panel, crop, faint=True)
        mark_joint(panel, crop, name)
        panel.set(xticks=[], yticks=[])
        title(panel, 'masked, group by group' if of_effect else what.partition(',')[0])
        if of_effect or what.startswith('attention'):
            colour_bar(figure, picture, [panel], own, what)
    together = '' if len(trial.layers) == 1 else f', masked with {len(trial.layers) - 1} more layers'
    finish(figure, f'{shortened(shown, 60)}{together}\n{_in_words(trial, column, agreement, quantity)}', crop, name)
    return figure


def effect_map(
    trial: AttentionTrial, layer: str, person: int, column: int, quantity: str
) -> NDArray[np.float64] | None:
    """(h, w) what masking the group of keys that a cell is in did to a joint, NaN in none; None without groups."""
    first = 1 + trial.settings.controls
    groups = trial.plans[layer].variants[first:, person, column]
    effects = trial.measured[quantity][first:, person, column]
    if not len(groups) or not np.isfinite(effects).any():
        return None
    found = np.where(groups.any(0), (groups * np.nan_to_num(effects)[:, None]).sum(0), np.nan)
    return found.reshape(trial.rows[layer].size)


def _layer(trial: AttentionTrial, layer: str | None) -> str:
    name = trial.layers[-1] if layer is None else layer
    if name not in trial.rows:
        raise InputError(f"layer '{name}' was not tested (nearest: {nearest(name, trial.rows)})")
    return name


def _in_words(trial: AttentionTrial, column: int, agreement: object, quantity: str) -> str:
    share = f'{agreement}: keys with {trial.settings.share:.0%} of the weight against as many as far away'
    rank = trial.ranks.get(quantity)
    if rank is None or not np.isfinite(rank.value[column]):
        return share
    return f'{share}; weight and effect of groups: Spearman {rank.value[column]:+.2f}'
