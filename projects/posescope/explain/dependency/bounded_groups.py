"""Groups of joints and their Shapley values, within a bound on people and on passes through the model."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import DependencyMatrix
from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.fills import Fill
from posescope.explain.dependency.group_shapley import GroupShapley, crops_a_person, measure_group_shapley
from posescope.explain.dependency.groups import checked_groups, group_joints
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['BoundedGroups']

_ORDERS = 16
"""Orders in which players come where they are too many for all coalitions."""


@dataclass(frozen=True)
class BoundedGroups:
    """What is asked of groups of joints, and what it may cost.

    Attributes:
        groups: Names of the joints of each group, or how many groups are to be found in the dependency matrix; None for
            the number that it suggests.
        shapley: Whether Shapley values are measured, within and across groups.
        people: Most people for them.
        crops: Most crops that are seen for them, with all fills; where that does not suffice for all, fewer people are
            measured.
        seed: Of the orders that are sampled, and of resampling.

    Raises:
        InputError: ``groups`` is neither a number nor lists of names.
    """

    groups: int | Sequence[Sequence[str]] | None = None
    shapley: bool = False
    people: int = 50
    crops: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.groups is None or (isinstance(self.groups, int) and not isinstance(self.groups, bool)):
            return
        if not isinstance(self.groups, list | tuple) or not all(_are_names(group) for group in self.groups):
            raise InputError(
                f"groups={self.groups!r} is neither a number of groups nor lists of names of joints: [['nose', …], …]"
            )

    def check(self, joints: Sequence[str], fills: int) -> None:
        """Refuse groups that cannot be, and Shapley values that a bound leaves nobody for.

        Args:
            joints: Names of the skeleton.
            fills: How many fills there are.

        Raises:
            InputError: With what has to be changed.
        """
        if isinstance(self.groups, int):
            if not 1 <= self.groups <= len(joints):
                raise InputError(f'groups={self.groups}: {len(joints)} joints make from 1 to {len(joints)} groups')
        elif self.groups is not None:
            checked_groups(self.groups, joints)
            if self.shapley:
                self._most_people(self.groups, joints, fills)

    def content(
        self,
        function: PoseFunction,
        matrix: DependencyMatrix,
        people: Callable[[int], Iterable[LabelledPeople]],
        fills: tuple[Fill, ...],
        settings: DiscSettings | None = None,
        batch_size: int = 16,
    ) -> dict[str, Any]:
        """Find the groups, and measure.

        Args:
            function: The model.
            matrix: From which groups are found where none are given.
            people: Gives batches of as many people as it is asked for.
            fills: What discs show.
            settings: Sizes of discs.
            batch_size: Most crops in a forward pass.

        Returns:
            ``groups``, lists of names, and ``shapley``; None where it is not asked for, or cannot be had, and why that
            is in ``reason`` of ``shapley``. Plain values, as JSON can hold them.
        """
        try:
            groups = self._found(matrix)
        except InputError as error:
            return {'groups': None, 'shapley': {'reason': str(error)} if self.shapley else None}
        found: dict[str, Any] = {'groups': [list(group) for group in groups], 'shapley': None}
        if self.shapley:
            try:
                count = self._most_people(groups, function.joints, len(fills))
            except InputError as error:
                return {**found, 'shapley': {'reason': str(error)}}
            measured = [
                measure_group_shapley(
                    function,
                    some,
                    groups,
                    settings=settings,
                    fills=fills,
                    permutations=_ORDERS,
                    seed=self.seed,
                    batch_size=batch_size,
                )
                for some in people(count)
            ]
            fill_names = [fill.name for fill in fills]
            found['shapley'] = {
                **GroupShapley.join(measured).content(seed=self.seed),
                'fills': fill_names,
                'reason': '',
            }
        return found

    def _found(self, matrix: DependencyMatrix) -> Sequence[Sequence[str]]:
        if self.groups is None or isinstance(self.groups, int):
            return group_joints(matrix, self.groups)
        return self.groups

    def _most_people(self, groups: Sequence[Sequence[str]], joints: Sequence[str], fills: int) -> int:
        """How many people may be measured.

        Raises:
            InputError: Nobody.
        """
        one = crops_a_person(groups, joints, _ORDERS, self.seed) * fills
        if one > self.crops:
            largest = max(len(group) for group in groups)
            raise InputError(
                f'Shapley values of {len(groups)} groups, the largest of {largest} joints, take up to {one} crops a '
                f'person, more than {self.crops} in all: take smaller groups, or allow more'
            )
        return min(self.people, self.crops // one)


def _are_names(group: object) -> bool:
    return isinstance(group, list | tuple) and all(isinstance(name, str) for name in group)
