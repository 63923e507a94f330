"""A study as its file declares it: runs, splits, budget, and the comparisons that were chosen beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from posescope.errors import InputError, nearest
from posescope.evaluation.comparison import MARGIN

__all__ = ['ComparisonPlan', 'Noise', 'RunPlan', 'Split', 'StudyPlan']


@dataclass(frozen=True)
class Split:
    """Data that runs are tested on.

    Attributes:
        name: E.g. ``dev``, ``test``.
        annotations: COCO-format file; None: what each run's config tests on.
        images: Folder of its pictures.
        boxes: COCO-format detections that give the person boxes; None for annotated boxes.
        units: JSON object from image id to scene; images of one scene are drawn together. None: every image by itself.
        note: Where the data come from, said to whoever lacks them.
    """

    name: str
    annotations: str | None = None
    images: str | None = None
    boxes: str | None = None
    units: str | None = None
    note: str = ''


@dataclass(frozen=True)
class RunPlan:
    """One way of training (or of testing given weights), repeated with every seed.

    Attributes:
        name: Unique within the study; also the name of its folder.
        config: Path of an MMPose config.
        options: Changes of the config, as ``--cfg-options`` takes them. ``{seed}`` in a text stands for the trial's
            seed, as a number where it is the whole text, and ``{start}`` for the folder of the trial that it starts
            from, which holds ``dev/diagnosis.json`` and the like.
        seeds: One training each. Without training: those of ``start``, one test each.
        start: Checkpoint (file or URL) that it starts from, or the name of another run; None for the config's own.
        train: False: ``start`` is tested as it is.
        finding: ``findings.json#id`` that motivates it.
        controls: Runs that it is compared with.
        interpret: Whether it is also looked into: True for what ``--interpret`` writes, or a file with ``interpret``.
        note: Anything to be said in the report, and to whoever lacks ``start``.
    """

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    start: str | None = None
    train: bool = True
    finding: str | None = None
    controls: tuple[str, ...] = ()
    interpret: bool | str = False
    note: str = ''

    @property
    def repeats(self) -> int:
        """How many times chance was let in by seeds: none where weights are given that are not one for each seed."""
        return len(self.seeds) if self.train or len(self.seeds) > 1 else 0


@dataclass(frozen=True)
class ComparisonPlan:
    """A difference that will be tested, declared before anything ran.

    Attributes:
        name: Of the comparison.
        run: Ours.
        control: Theirs.
        split: Tested on.
        criterion: One of COCO's ten statistics, such as ``coco/AP``.
        margin: Smallest difference that matters.
        paired: Whether seeds of both sides belong together, as those of the same start and order of samples do.
    """

    name: str
    run: str
    control: str
    split: str
    criterion: str = 'coco/AP'
    margin: float = MARGIN
    paired: bool = False


@dataclass(frozen=True)
class Noise:
    """What an earlier study found, from which the least detectable difference follows before anything has run.

    Attributes:
        seeds: Standard deviation of the criterion between seeds of one way of training.
        images: Standard error, by the images, of the difference of two ways of training.
    """

    seeds: float
    images: float


@dataclass(frozen=True)
class StudyPlan:
    """A whole study.

    Attributes:
        name: Names the folder below ``work_dirs``.
        runs: By name, in the file's order.
        splits: By name.
        comparisons: Those of ``comparisons`` and those that follow from the runs' ``controls``.
        criterion: Metric by which runs are ranked.
        higher_is_better: Whether the best run has the highest value of it.
        choose_on: Split on which the best run is chosen; None chooses nothing.
        compare_on: Split of the comparisons, read for nothing else.
        budget: Settings of all runs, which none may change.
        validate: Whether trainings evaluate on the config's validation data.
        calibrate: Whether scores are calibrated on the split of the choice.
        cost: Whether the models' cost is measured.
        threads: Of each training; None: the cores divided by the workers.
        resamples: Of the images, for intervals.
        noise: From an earlier study; None if unknown.
        title: What the study asks, one sentence.
    """

    name: str
    runs: dict[str, RunPlan]
    splits: dict[str, Split]
    comparisons: tuple[ComparisonPlan, ...]
    criterion: str = 'coco/AP'
    higher_is_better: bool = True
    choose_on: str | None = None
    compare_on: str = 'test'
    budget: dict[str, Any] = field(default_factory=dict)
    validate: bool = True
    calibrate: bool = True
    cost: bool = True
    threads: int | None = None
    resamples: int = 1000
    noise: Noise | None = None
    title: str = ''

    @property
    def inner_split(self) -> str:
        """The split that may be looked at as often as one likes: that of the choice, else the first."""
        others = [name for name in self.splits if name not in ('test', self.compare_on)]
        return self.choose_on or (others or list(self.splits))[0]

    @property
    def test_split(self) -> Split | None:
        """The split that says how good something is, and that nothing may be chosen by; None if there is but one."""
        name = 'test' if 'test' in self.splits else self.compare_on
        return self.splits.get(name) if name == 'test' or len(self.splits) > 1 else None

    def trials(self) -> list[tuple[RunPlan, int]]:
        """Every run with each of its seeds: first all runs with their first seed, then with their second, ….

        A study that is stopped early so has one seed of everything rather than everything of one run.
        """
        longest = max((len(run.seeds) for run in self.runs.values()), default=0)
        return [(run, run.seeds[i]) for i in range(longest) for run in self.runs.values() if i < len(run.seeds)]

    def named(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """Choose trials by ``run`` or ``run:seed``; all of them if no name is given.

        Raises:
            InputError: The study has no such trial.
        """
        every = [(run.name, seed) for run, seed in self.trials()]
        chosen = []
        for name in names:
            found = [trial for trial in every if name in (trial[0], f'{trial[0]}:{trial[1]}')]
            if not found:
                known = [f'{run}:{seed}' for run, seed in every]
                raise InputError(f'--only {name}: the study has no such run (nearest: {nearest(name, known)})')
            chosen += found
        return chosen if names else every

    def start_of(self, run: RunPlan, seed: int) -> tuple[RunPlan, int] | None:
        """The run and seed whose weights another one starts from; None if it starts from a file or from nothing.

        A starting run with one seed is the start of all seeds; otherwise each seed starts from the same one.
        """
        start = self.runs.get(run.start or '')
        if start is None:
            return None
        return start, start.seeds[0] if len(start.seeds) == 1 else seed
