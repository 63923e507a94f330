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
    from posescope.explain.dependency import DependencyMatrix, DiscSettings, Effects, LabelledPeople
    from posescope.explain.pose_function import PoseFunction

__all__ = ['DependencyHook']

_PEOPLE_AT_ONCE = 16


@HOOKS.register_module()
class DependencyHook(ExplainingHook):
    """Writes the effect of hiding each joint on every joint, beyond that of an equal disc that hides none.

    Labelled people evenly spaced over the test data are measured. ``<work_dir>/dependency.json`` gets both matrices
    (KS lost, and displacement) with intervals, and what they are compared with; ``dependency_ks.png`` and
    ``dependency_displacement.png`` show them, ``…_body.png`` the strongest pairs on a body. During a training the same
    comes from the validation data, with ``_epoch_<n>`` in the names.

    Args:
        people: Most people.
        radius: Of discs, in roots of a person's area.
        fills: What discs show, one or several of :data:`posescope.explain.dependency.fills.FILLS`.
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
        interval: int = 0,
        batch_size: int = 16,
        out: str = 'dependency',
        permutations: int = 9999,
        seed: int = 0,
        **unknown: Any,
    ) -> None:
        super().__init__(interval, **unknown)
        self.check_whole({'people': people, 'batch_size': batch_size, 'permutations': permutations}, 1)
        self.check_whole({'seed': seed}, 0)
        self.people, self.radius, self.fills = people, radius, (fills,) if isinstance(fills, str) else tuple(fills)
        self.batch_size, self.out = batch_size, out
        self.permutations, self.seed = permutations, seed

    def check(self, runner: Runner, function: 'PoseFunction', dataset: Any, training: bool) -> None:
        """Refuse unknown fills, impossible discs, joints without a spread, and people without labels."""
        from posescope.explain.dependency.fills import build_fills
        from posescope.explain.depth import DatasetPeople

        build_fills(self.fills)
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
            effects = self._measure(function, dataset)
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
        content = {
            'version': 1,
            'people': len(effects),
            'left_out': effects.left_out,
            'discs': asdict(self._settings()),
            'matrices': {name: self._content(function, matrix) for name, matrix in matrices.items()},
        }
        for name, matrix in matrices.items():
            self._draw(runner, function, matrix, f'{stem}_{name}')
        path = Path(runner.work_dir) / f'{stem}.json'
        atomic_write(path, (json.dumps(content, indent=1, allow_nan=False) + '\n').encode())
        runner.logger.info(f'dependency of joints, measured on {len(effects)} people, is in {path} and pictures beside')

    def _measure(self, function: 'PoseFunction', dataset: Any) -> 'Effects':
        from posescope.explain.dependency import Effects
        from posescope.explain.depth import DatasetPeople
        from posescope.explain.memory import halving

        parts, left_out, reason = [], 0, ''
        for people in _shown(DatasetPeople(function, dataset, self.people, _PEOPLE_AT_ONCE)):
            run = partial(self._effects_of, function, people)
            found, self.batch_size = halving(run, self.batch_size, 'DependencyHook')
            if isinstance(found, str):
                left_out, reason = left_out + len(people), found
            else:
                parts.append(found)
        if not parts:
            raise InputError(f'DependencyHook: nobody of {left_out} people could be measured: {reason}')
        joined = Effects.join(parts)
        return Effects(**{**vars(joined), 'left_out': joined.left_out + left_out})

    def _effects_of(self, function: 'PoseFunction', people: 'LabelledPeople', batch_size: int) -> 'Effects | str':
        """Measure some people; of these few, nobody may have a joint to hide and one to read, which is said instead."""
        from posescope.explain.dependency import measure_effects

        settings = self._settings()
        try:
            return measure_effects(function, people, settings=settings, fills=self.fills, batch_size=batch_size)
        except InputError as error:
            return str(error)

    def _settings(self) -> 'DiscSettings':
        from posescope.explain.dependency import DiscSettings

        return DiscSettings(radius=self.radius)

    def _content(self, function: 'PoseFunction', matrix: 'DependencyMatrix') -> dict[str, Any]:
        from posescope.explain.dependency import compare_matrix

        compared = {}
        if function.links:
            compared = compare_matrix(matrix.value, function.links, permutations=self.permutations, seed=self.seed)
        return {**matrix.content(), 'compared_with': {name: asdict(found) for name, found in compared.items()}}

    def _draw(self, runner: Runner, function: 'PoseFunction', matrix: 'DependencyMatrix', name: str) -> None:
        from posescope.capture.pictures import SkeletonStyle
        from posescope.explain.dependency.body_graph import draw_on_body
        from posescope.explain.dependency.matrix_figure import draw_matrix

        figures = {name: draw_matrix(matrix)}
        try:
            style = SkeletonStyle.of_metainfo(function.skeleton.metainfo)
            figures[f'{name}_body'] = draw_on_body(matrix, style)
        except InputError as error:
            runner.logger.info(f'{name} is not drawn on a body: {error}')
        for stem, figure in figures.items():
            with replacing(Path(runner.work_dir) / f'{stem}.png') as unfinished:
                figure.savefig(unfinished, format='png', dpi=130)


def _shown(batches: Any) -> Iterator[Any]:
    """Show on stderr how many people are measured."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task('hiding joints', total=len(batches))
        for people in batches:
            yield people
            progress.advance(task, len(people))
