"""How far a map is from adding up to what it claims to explain, in a number and in words."""

import math
from dataclasses import dataclass

__all__ = ['MOST_MISSING', 'Completeness']

MOST_MISSING = 0.1
"""Share of the target's gain by which a complete map's sum may be off before it is said."""


@dataclass(frozen=True)
class Completeness:
    """Of a map that should sum to the target's gain over a baseline.

    Attributes:
        residual: The map's sum less the gain.
        share: Its size in parts of the gain's; None where there is no gain.
    """

    residual: float
    share: float | None

    @classmethod
    def of(cls, total: float, residual: float) -> 'Completeness':
        """Take a map's sum and its residual."""
        gain = abs(total - residual)
        share = abs(residual) / gain if gain > 0 else math.inf
        return cls(residual, share if math.isfinite(share) else None)

    @property
    def warning(self) -> str | None:
        """What has to be said of the map, if anything."""
        if self.share is None:
            return 'the target gains nothing over the baseline' if self.residual else None
        return f"the sum is off by {self._size} the target's gain" if self._matters else None

    @property
    def note(self) -> str | None:
        """The same in as few words as stand under a joint's name."""
        if self.share is None:
            return 'no gain' if self.residual else None
        return f'sum off by {self._size.removesuffix(" of")}' if self._matters else None

    @property
    def _matters(self) -> bool:
        return self.share is not None and self.share > MOST_MISSING

    @property
    def _size(self) -> str:
        assert self.share is not None
        return f'{self.share:.0%} of' if self.share < 1 else f'{self.share:.2g} times'
