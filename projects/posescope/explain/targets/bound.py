"""A target whose places no longer move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.outputs import Outputs

__all__ = ['BoundTarget']


@dataclass(frozen=True)
class BoundTarget:
    """One number for each person and joint, at places that the unperturbed run fixed.

    Attributes:
        name: Of the target.
        places: (P, K, 2) x and y of the places, pixels of the input.
        valid: (P, K) bool, where the target means something: not for a joint without counterpart or label. Elsewhere
            scores are 0 and no gradient passes.
        measure: Takes outputs of B crops and ``fixed`` for these, gives (B, K).
        fixed: What the unperturbed run fixed for each of the P people, by name, (P, …).
    """

    name: str
    places: Tensor
    valid: Tensor
    measure: Callable[[Outputs, Mapping[str, Tensor]], Tensor] = field(repr=False)
    fixed: Mapping[str, Tensor] = field(repr=False)

    def __len__(self) -> int:
        """Number of people P."""
        return len(self.places)

    def score(self, outputs: Outputs, rows: Tensor | None = None) -> Tensor:
        """Measure outputs of crops, perturbed or not.

        Args:
            outputs: Of B crops.
            rows: (B,) ints, whose crop each is; None where all P are there in order.

        Returns:
            (B, K); gradients pass.

        Raises:
            InputError: ``rows`` is missing or of another length.
        """
        if rows is None:
            rows = torch.arange(len(self), device=self.places.device)
        if len(rows) != len(outputs):
            raise InputError(
                f"target '{self.name}' is bound to {len(self)} people and got {len(outputs)} crops with {len(rows)} "
                'rows: these have to say of each crop whose it is'
            )
        rows = rows.to(self.places.device)
        scores = self.measure(outputs, {name: values[rows] for name, values in self.fixed.items()})
        return torch.where(self.valid[rows], scores, torch.zeros_like(scores))

    def of_people(self, people: Tensor) -> 'BoundTarget':
        """The same target bound to some of the people alone, (N,) ints."""
        people = people.to(self.places.device)
        fixed = {name: values[people] for name, values in self.fixed.items()}
        return BoundTarget(self.name, self.places[people], self.valid[people], self.measure, fixed)
