"""Measure on people of a data set which joint leans on which."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner
from mmpose.registry import HOOKS

from posescope.atomic import atomic_write, replacing
from posescope.errors import InputError
from posescope.explain.hooks.explaining_hook import ExplainingHook

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posescope.explain.dependency import DependencyMatrix, DiscSettings, Effects, LabelledPeople, Relation
    from posescope.explain.dependency.bounded_groups import BoundedGroups
    from posescope.explain.dependency.fills import Fill
    from posescope.explain.pose_function import PoseFunction

__all__ = ['DependencyHook']

_PEOPLE_AT_ONCE = 16


@HOOKS.register_module()
class DependencyHook(ExplainingHook):
    """Writes the effect of hiding each joint on every joint, beyond that of an equal disc that hides none.

    Labelled people evenly spaced over the test data are measured. ``<work_dir>/dependency.json`` gets both matrices
    (KS lost, and displacement) with intervals, and what they are compared with: distance along the skeleton, their
    transposes, and, in ``relations``, where attribution (``ri``) and attention of a joint lie; what a model does not
    have tells the reason. ``dependency_ks.png`` and ``dependency_displacement.png`` show them, ``…_body.png`` the
    strongest pairs on a body; where no body is known, as for hands and animals, on the mean labelled pose. With
    ``groups`` or ``shapley`` the file gets groups of joints, and Shapley values within and across them. During a
    training the same comes from the validation data, with ``_epoch_<n>`` in the names.

    Args:
        people: Most people.
        radius: Of discs, in roots of a person's area.
        fills: What discs show, one or several of :data:`posescope.explain.dependency.fills.FILLS`; on rendered people
            also ``'rendered_occluder'``, objects cut out of their pictures.
        compared_people: How many people attribution and attention are read of, to compare them; 0 for no comparison
            with them.
        compared_method: Method of that attribution; None for the one that is taken where none is named.
        groups: Lists of names of joints, or how many groups are to be found in the matrix of KS; None for the number
            that it suggests, if there is ``shapley``.
        shapley: Whether Shapley values of KS are measured within and across groups.
        shapley_people: Most people for them; under 50 pictures there are no intervals.
        shapley_crops: Most crops that are seen for them; where that does not suffice for all, fewer people are taken.
        interval: Epochs between two looks during a training; 0 for none.
        batch_size: Crops at once.
        out: Name of the files, without its ending.
        permutations: Of each test.
        seed: Of resampling and permutations.

    Raises:
        InputError: An option makes no sense.
    """

    def __init__(
        self,
        people: int = 100,
        radius: float = 0.15,
        fills: Sequence[str] | str = ('mean_colour', 'blur'),
        compared_people: int = 16,
        compared_method: str | None = None,
        groups: int | Sequence[Sequence[str]] | None = None,
        shapley: bool = False,
        shapley_people: int = 50,
        shapley_crops: int = 20_000,
        interval: int = 0,
        batch_size: int = 16,
        out: str = 'dependency',
        permutations: int = 9999,
        seed: int = 0,
        **unknown: Any,
    ) -> None:
        super().__init__(interval, **unknown)
        self.check_whole({'people': people, 'batch_size': batch_size, 'permutations': permutations}, 1)
        self.check_whole({'shapley_people': shapley_people, 'shapley_crops': shapley_crops}, 1)
        self.check_whole({'seed': seed, 'compared_people': compared_people}, 0)
        if not isinstance(shapley, bool):
            raise InputError(f'DependencyHook: shapley={shapley!r} is neither True nor False')
        self.people, self.radius, self.fills = people, radius, (fills,) if isinstance(fills, str) else tuple(fills)
        self.batch_size, self.out = batch_size, out
        self.compared_people, self.compared_method = compared_people, compared_method
        self.groups, self.shapley = groups, shapley
        self.shapley_people, self.shapley_crops = shapley_people, shapley_crops
        self.permutations, self.seed = permutations, seed

    def check(self, runner: Runner, function: 'PoseFunction', dataset: Any, training: bool) -> None:
        """Refuse what cannot be filled, compared or grouped, joints without a spread, and people without labels."""
        from posescope.explain.dependency.attribution_relation import relation_method
        from posescope.explain.depth import DatasetPeople

        try:
            fills = self._made_fills(function, dataset)
            if self.compared_people:
                relation_method(function, self.compared_method, self.batch_size)
            if self._grouping is not None:
                self._grouping.check(function.joints, len(fills))
        except InputError as error:
            raise InputError(f'DependencyHook: {error}') from None
        self._settings()
        function.sigmas  # noqa: B018  what KS needs
        if not any(people.visible.any() for people in DatasetPeople(function, dataset, self.people, _PEOPLE_AT_ONCE)):
            raise InputError(
                f'DependencyHook: none of {min(self.people, len(dataset))} people has a visible labelled joint to '
                'hide: give labelled people with their own boxes, or leave the hook out'
            )

    def explain(self, runner: Runner, function: 'PoseFunction', dataset: Any, epoch: int | None) -> None:
        """Measure and write."""
        from posescope.explain.dependency import summarise

        try:
            effects, places = self._measure(function, dataset)
        except InputError as error:
            if epoch is None:
                raise
            runner.logger.warning(f'{error}; the training goes on, and epoch {epoch} has no {self.out}')
            return
        matrices = {
            quantity: summarise(effects, quantity, permutations=self.permutations, seed=self.seed)
            for quantity in effects.hidden
        }
        stem = self.out if epoch is None else f'{self.out}_epoch_{epoch}'
        relations = self._relations(function, dataset)
        content = {
            'version': 1,
            'people': len(effects),
            'left_out': effects.left_out,
            'discs': asdict(self._settings()),
            'matrices': {name: self._content(function, matrix, relations) for name, matrix in matrices.items()},
            'relations': {name: relation.content() for name, relation in relations.items()},
            **self._grouped(function, dataset, matrices['ks']),
        }
        for name, matrix in matrices.items():
            self._draw(runner, function, matrix, f'{stem}_{name}', places)
        path = Path(runner.work_dir) / f'{stem}.json'
        atomic_write(path, (json.dumps(content, indent=1, allow_nan=False) + '\n').encode())
        runner.logger.info(f'dependency of joints, measured on {len(effects)} people, is in {path} and pictures beside')

    def _measure(self, function: 'PoseFunction', dataset: Any) -> tuple['Effects', 'NDArray[np.float64]']:
        """Effects, and where joints lie on the mean pose of those who were measured."""
        import numpy as np

        from posescope.explain.dependency import Effects
        from posescope.explain.dependency.mean_pose import mean_pose
        from posescope.explain.depth import DatasetPeople
        from posescope.explain.memory import halving

        fills = self._made_fills(function, dataset)
        parts, poses, left_out, reason = [], [], 0, ''
        for people in _shown(DatasetPeople(function, dataset, self.people, _PEOPLE_AT_ONCE)):
            run = partial(self._effects_of, function, people, fills)
            found, self.batch_size = halving(run, self.batch_size, 'DependencyHook')
            if isinstance(found, str):
                left_out, reason = left_out + len(people), found
            else:
                parts.append(found)
                poses.append(people.truth / people.roots[:, None, None])
        if not parts:
            raise InputError(f'DependencyHook: nobody of {left_out} people could be measured: {reason}')
        joined = Effects.join(parts)
        effects = Effects(**{**vars(joined), 'left_out': joined.left_out + left_out})
        return effects, mean_pose(np.concatenate(poses))

    def _effects_of(
        self, function: 'PoseFunction', people: 'LabelledPeople', fills: tuple['Fill', ...], batch_size: int
    ) -> 'Effects | str':
        """Measure some people; of these few, nobody may have a joint to hide and one to read, which is said instead."""
        from posescope.explain.dependency import measure_effects
        from posescope.explain.memory import ran_out_of_memory

        settings = self._settings()
        try:
            return measure_effects(function, people, settings=settings, fills=fills, batch_size=batch_size)
        except InputError as error:
            if ran_out_of_memory(error):
                raise  # who does not fit into memory is not left out without a word
            return str(error)

    def _settings(self) -> 'DiscSettings':
        from posescope.explain.dependency import DiscSettings

        return DiscSettings(radius=self.radius)

    def _made_fills(self, function: 'PoseFunction', dataset: Any) -> tuple['Fill', ...]:
        from posescope.explain.dependency.fills import RENDERED, build_fills
        from posescope.explain.dependency.rendered_occluders import pictures_of

        return build_fills(self.fills, function, pictures_of(dataset) if RENDERED in self.fills else None)

    @property
    def _grouping(self) -> 'BoundedGroups | None':
        """What is asked of groups; None for nothing."""
        from posescope.explain.dependency.bounded_groups import BoundedGroups

        if self.groups is None and not self.shapley:
            return None
        return BoundedGroups(self.groups, self.shapley, self.shapley_people, self.shapley_crops, self.seed)

    def _relations(self, function: 'PoseFunction', dataset: Any) -> dict[str, 'Relation']:
        """Read attribution and attention of a few people."""
        from posescope.explain.dependency import measure_relations
        from posescope.explain.depth import DatasetPeople

        if not self.compared_people:
            return {}
        people = DatasetPeople(function, dataset, self.compared_people, _PEOPLE_AT_ONCE)
        return measure_relations(function, people, self.compared_method, self._settings(), self.batch_size)

    def _grouped(self, function: 'PoseFunction', dataset: Any, matrix: 'DependencyMatrix') -> dict[str, Any]:
        """Groups, and their Shapley values, if they are asked for."""
        from posescope.explain.depth import DatasetPeople

        if self._grouping is None:
            return {}
        fills, settings = self._made_fills(function, dataset), self._settings()

        def people(count: int) -> Iterator['LabelledPeople']:
            return _shown(DatasetPeople(function, dataset, count, _PEOPLE_AT_ONCE), 'hiding groups of joints')

        return self._grouping.content(function, matrix, people, fills, settings, self.batch_size)

    def _content(
        self, function: 'PoseFunction', matrix: 'DependencyMatrix', relations: dict[str, 'Relation']
    ) -> dict[str, Any]:
        from posescope.explain.dependency import compare_matrix

        compared = compare_matrix(matrix.value, function.links, permutations=self.permutations, seed=self.seed)
        for name, relation in relations.items():
            compared[name] = relation.agreement(matrix.value, self.permutations, self.seed)
        return {**matrix.content(), 'compared_with': {name: asdict(found) for name, found in compared.items()}}

    def _draw(
        self,
        runner: Runner,
        function: 'PoseFunction',
        matrix: 'DependencyMatrix',
        name: str,
        places: 'NDArray[np.float64]',
    ) -> None:
        from posescope.capture.pictures import SkeletonStyle
        from posescope.explain.dependency.body_graph import draw_on_body, stands
        from posescope.explain.dependency.matrix_figure import draw_matrix

        figures = {name: draw_matrix(matrix)}
        try:
            style = SkeletonStyle.of_metainfo(function.skeleton.metainfo)
            where = None if stands(matrix.joints) else places
            figures[f'{name}_body'] = draw_on_body(matrix, style, places=where)
        except InputError as error:
            runner.logger.info(f'{name} is not drawn on a body: {error}')
        for stem, figure in figures.items():
            with replacing(Path(runner.work_dir) / f'{stem}.png') as unfinished:
                figure.savefig(unfinished, format='png', dpi=130)


def _shown(batches: Any, what: str = 'hiding joints') -> Iterator[Any]:
    """Show on stderr how many people are measured."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=len(batches))
        for people in batches:
            yield people
            progress.advance(task, len(people))
