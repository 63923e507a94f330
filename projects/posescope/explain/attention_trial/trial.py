"""What masking the keys that joints' rows point at did to the joints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError, nearest
from posescope.explain.attention_trial.agreement import Agreement, RankAgreement
from posescope.explain.attention_trial.key_plan import KeyPlan, PlanSettings
from posescope.explain.attention_trial.rows import LayerRows
from posescope.explain.joint_names import find_joints
from posescope.explain.units.paired_effects import PairedEffects, plain

__all__ = ['QUANTITIES', 'AttentionTrial']

QUANTITIES = {
    'displacement': 'displacement, roots of the area',
    'ks': 'KS lost',
    'target': 'target lost',
}
"""What is measured of a joint; all grow with what masking does."""


@dataclass(frozen=True)
class AttentionTrial:
    """Of K joints' queries in one or more layers, which were masked together.

    Attributes:
        layers: Names of the layers.
        joints: K names.
        target: Name of the target.
        settings: How keys were chosen.
        effects: By quantity of :data:`QUANTITIES`, what masking the keys that the row points at does, against as many
            others at the same distances.
        overall: The same of each person's mean over joints, as one joint.
        ranks: By quantity, the correlation over groups of keys; empty without groups.
        keys: (K,) mean number of keys that were masked, in a layer.
        mass: (K,) mean weight of these keys.
        too_even: (K,) people left out, in whose row so many keys share the weight that the rest makes no control.
        rows: By layer, the rows that were tested.
        plans: By layer, the keys that were masked.
        measured: By quantity, (1 + D + G, N, K): of the pointed keys, the controls and the groups.
    """

    layers: tuple[str, ...]
    joints: tuple[str, ...]
    target: str
    settings: PlanSettings
    effects: Mapping[str, PairedEffects]
    overall: Mapping[str, PairedEffects]
    ranks: Mapping[str, RankAgreement]
    keys: NDArray[np.float64]
    mass: NDArray[np.float64]
    too_even: NDArray[np.int64]
    rows: Mapping[str, LayerRows] = field(repr=False)
    plans: Mapping[str, KeyPlan] = field(repr=False)
    measured: Mapping[str, NDArray[np.float64]] = field(repr=False)

    def agreement(self, joint: str | None = None, quantity: str = 'displacement') -> Agreement:
        """How much more often masking what the row points at matters more than a control than less.

        Args:
            joint: Its name; None for all joints together.
            quantity: One of :data:`QUANTITIES`.

        Raises:
            InputError: There is no such joint or quantity; the message offers the nearest.
        """
        if quantity not in self.effects:
            raise InputError(f"quantity '{quantity}' was not measured (nearest: {nearest(quantity, self.effects)})")
        found = self.overall[quantity] if joint is None else self.effects[quantity]
        place = 0 if joint is None else find_joints([joint], self.joints)[0]
        numbers = (found.dominance[place], found.dominance_low[place], found.dominance_high[place])
        value, low, high = (float(number) if np.isfinite(number) else None for number in numbers)
        return Agreement(value, low, high, int(found.images[place]))

    def to_json(self) -> dict[str, Any]:
        """All numbers as what JSON can hold; NaN becomes None. Rows and single people are left out."""
        settings = {name: getattr(self.settings, name) for name in ('share', 'keep_self', 'controls', 'groups', 'seed')}
        ranks = {
            quantity: {name: plain(getattr(rank, name)) for name in ('value', 'low', 'high', 'people')}
            for quantity, rank in self.ranks.items()
        }
        return {
            'layers': list(self.layers),
            'joints': list(self.joints),
            'target': self.target,
            **settings,
            'effects': {quantity: effects.to_json() for quantity, effects in self.effects.items()},
            'overall': {quantity: effects.to_json() for quantity, effects in self.overall.items()},
            'ranks': ranks,
            'keys': plain(self.keys),
            'mass': plain(self.mass),
            'too_even': self.too_even.tolist(),
        }
