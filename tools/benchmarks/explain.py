#!/usr/bin/env python
"""What it saves that all joints share their passes: ``tools/benchmarks/explain.py --json OUT``.

One rendered person, all joints, a model with random weights (or those of ``--checkpoint``). Captum explains joint by
joint, with as many crops in a pass.

``integrated_gradients``: against Captum's IntegratedGradients with the same points; at least 2 times as fast wanted.
``occlusion``: against Captum's Occlusion with the same windows; at least 15 times.
``dependency``: effects of hiding six joints, and of controls, on all joints, against Captum's FeatureAblation with the
same discs for each joint; at least 15 times. ``dependency_needed``: where Captum gets for each joint only those discs
that its row needs, which takes somebody who plans them for Captum. ``crops`` and ``captum_crops`` are how many crops
both see; their ratio is what sharing passes can save.

``difference`` is the largest difference of the two results, in parts of a joint's largest value; both count as equal
up to 1e-4. Of integrated gradients ``equal`` is that at double precision. At single precision a few of 40 million ReLU6
lie nearer to a kink than rounding, which then decides whether gradients pass: now our result, now Captum's is off by up
to 1e-2 of that at double precision (``ours_off``, ``theirs_off``, ``difference_single``).
"""

import argparse
import functools
import logging
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

import posescope  # noqa: F401  makes MMPose importable
from posescope.engine.command import command
from posescope.explain.attribution.captum_method import TargetModule
from posescope.explain.attribution.integrated_gradients import IntegratedGradients
from posescope.explain.attribution.occlusion import Occlusion
from posescope.explain.dependency import LabelledPeople, measure_effects
from posescope.explain.dependency.discs import DiscSettings, plan_discs
from posescope.explain.dependency.feature_ablation import ablate_joint_by_joint
from posescope.explain.dependency.fills import MeanColour
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget, default_target
from posescope.report.benchmarks import interleaved, record, write_records

ROOT = Path(__file__).parents[2]
CONFIGS, PEOPLE = ROOT / 'configs/selection/coco', ROOT / 'data/rendered_people'
MODELS = {
    'movenet': 'td-hm_movenet-lightning_coco-192x192.py',
    'thunder': 'td-hm_movenet-thunder_coco-256x256.py',
    'resnet': 'td-hm_res50_coco-256x192.py',
    'vit': 'td-hm_ViTPose-small_coco-256x192.py',
}
REPEATS, STEPS, BATCH = 5, 8, 16
EQUAL = 1e-4
HIDDEN = 6
LOOKED_AT = 40
"""People among whom the one with most visible joints is taken."""


class Case:
    """A model and a person.

    Attributes:
        function: The model.
        people: The person, labelled.
        bound: The head's default target, bound to the person.
        joints: All of them.
        repeats: Of each measurement.
        steps: Points of integrated gradients.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        cfg = Config.fromfile(CONFIGS / MODELS[args.model])
        dataset = {'data_root': str(PEOPLE), 'ann_file': 'annotations/dev.json', 'data_prefix': {'img': 'dev/'}}
        cfg.test_dataloader.dataset.update(**dataset, bbox_file=None)
        torch.manual_seed(0)
        self.function = PoseFunction.from_config(cfg, args.checkpoint)
        self.people = labelled_person(self.function, cfg)
        with torch.no_grad():
            outputs = self.function(self.people.inputs)
        pose = self.function.decode(outputs)
        self.bound: BoundTarget = default_target(self.function.kind).bind(self.function, outputs, pose)
        self.joints = list(range(len(self.function.joints)))
        self.repeats, self.steps = args.repeats, args.steps

    @property
    def rows(self) -> Tensor:
        """Whose crop the one crop is."""
        return torch.zeros(1, dtype=torch.long)

    def medians(self, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
        """Seconds of both."""
        mine, other = interleaved((ours, theirs), self.repeats)
        return statistics.median(mine), statistics.median(other)


def labelled_person(function: PoseFunction, cfg: Config) -> LabelledPeople:
    """Of the first people of the data set, the one with most visible joints, of which :data:`HIDDEN` are hidden."""
    from mmpose.registry import DATASETS

    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        samples = [dataset[index] for index in range(LOOKED_AT)]
    people = LabelledPeople.of_crops(function.batch(samples))
    person = people.take([int(people.visible.sum(1).argmax())])
    there = np.flatnonzero(person.visible[0])
    chosen = np.isin(np.arange(person.visible.shape[1]), there[:: max(1, len(there) // HIDDEN)][:HIDDEN])
    return replace(person, visible=person.visible & chosen)


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference of maps (N, K, H, W), in parts of a joint's largest value."""
    largest = theirs.abs().amax((2, 3)).clamp(min=torch.finfo(theirs.dtype).tiny)
    return float(((ours - theirs).abs().amax((2, 3)) / largest).max())


def gradients_by_captum(case: Case, inputs: Tensor, joints: Sequence[int]) -> Tensor:
    """Integrated gradients (1, K, H, W), joint by joint."""
    from captum.attr import IntegratedGradients as CaptumIntegratedGradients

    method = CaptumIntegratedGradients(TargetModule(case.function, case.bound))
    with case.function.frozen():  # gradients of parameters would cost Captum time and change nothing
        found = [
            method.attribute(
                inputs.clone().requires_grad_(),
                target=joint,
                additional_forward_args=(case.rows,),
                n_steps=case.steps,
                internal_batch_size=BATCH,
            )
            .detach()
            .sum(1)
            for joint in joints
        ]
    return torch.stack(found, 1)


def benchmark_integrated_gradients(case: Case) -> dict[str, Any]:
    """Compare at single precision, and the results at double precision as well."""
    inputs, method = case.people.inputs, IntegratedGradients(BATCH, case.steps, rule='gauss_legendre')
    found: dict[str, Tensor] = {}

    def ours() -> None:
        found['ours'] = method.attribute(case.function, inputs, case.bound)

    def theirs() -> None:
        found['theirs'] = gradients_by_captum(case, inputs, case.joints)

    seconds = case.medians(ours, theirs)
    case.function.model.double()
    try:
        with case.function.frozen():
            exact = method.maps(case.function, inputs.double(), case.bound, case.joints)
        captum = gradients_by_captum(case, inputs.double(), case.joints)
    finally:
        case.function.model.float()
    exactly = difference(exact, captum)
    entry = record('integrated_gradients', 'captum IntegratedGradients', *seconds, 's', exactly < EQUAL)
    return {
        **entry,
        'difference': exactly,
        'difference_single': difference(found['ours'], found['theirs']),
        'ours_off': difference(found['ours'].double(), captum),
        'theirs_off': difference(found['theirs'].double(), captum),
        'steps': case.steps,
    }


def benchmark_occlusion(case: Case) -> dict[str, Any]:
    """Compare occlusion by windows a quarter as high as the input, side by side."""
    from captum.attr import Occlusion as CaptumOcclusion

    inputs = case.people.inputs
    window = inputs.shape[2] // 4
    method = Occlusion(BATCH, window, window)
    peer = CaptumOcclusion(TargetModule(case.function, case.bound))
    found: dict[str, Tensor] = {}

    def ours() -> None:
        found['ours'] = method.attribute(case.function, inputs, case.bound)

    @torch.no_grad()
    def theirs() -> None:
        by_joint = [
            peer.attribute(
                inputs,
                target=joint,
                additional_forward_args=(case.rows,),
                sliding_window_shapes=(3, window, window),
                strides=(3, window, window),
                perturbations_per_eval=BATCH,
            )[:, 0]
            for joint in case.joints
        ]
        found['theirs'] = torch.stack(by_joint, 1)

    seconds = case.medians(ours, theirs)
    apart = difference(found['ours'], found['theirs'])
    entry = record('occlusion', 'captum Occlusion', *seconds, 's', apart < EQUAL)
    return {**entry, 'difference': apart}


def benchmark_dependency(case: Case, needed_only: bool = False) -> dict[str, Any]:
    """Compare displacements, in roots of the person's area, of all joints by all discs, or those that a joint needs."""
    function, people = case.function, case.people
    settings = DiscSettings()
    seen = places_when_seen(function, people.inputs, BATCH)
    places = np.where(np.isfinite(people.truth), people.truth, seen)
    plan = plan_discs(people, places, np.ones_like(people.visible), people.visible, settings)
    surface = MeanColour().surface(people, torch.from_numpy(settings.radii(people)))
    found: dict[str, Any] = {}

    def ours() -> None:
        fills = [MeanColour()]
        found['ours'] = measure_effects(function, people, settings=settings, fills=fills, good=-1, batch_size=BATCH)

    def theirs() -> None:
        found['theirs'] = ablate_joint_by_joint(function, people, plan, surface, 'displacement', BATCH, needed_only)

    crops = {}
    for key, run in (('crops', ours), ('captum_crops', theirs)):
        with counted_crops(function) as passes:
            run()
        crops[key] = sum(passes)
    seconds = case.medians(ours, theirs)
    effects = found['ours'].hidden['displacement'][0], found['ours'].control['displacement'][0]
    compared = np.isfinite(effects[1])  # pairs with a control: without one there is no difference to take
    apart = [np.abs(a - b)[compared].max() for a, b in zip(effects, found['theirs'], strict=True)]
    name = 'dependency_needed' if needed_only else 'dependency'
    entry = record(name, 'captum FeatureAblation', *seconds, 's', bool(max(apart) < EQUAL))
    counts = {'discs': len(plan), 'hidden': int(people.hideable.sum()), **crops}
    return {**entry, 'difference': float(max(apart)), **counts}


@contextmanager
def counted_crops(function: PoseFunction) -> Iterator[list[int]]:
    """Count the crops of each pass through the backbone of a model."""
    backbone: Any = function.model.backbone
    passes: list[int] = []
    handle = backbone.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
    try:
        yield passes
    finally:
        handle.remove()


BENCHMARKS: dict[str, Callable[[Case], dict[str, Any]]] = {
    'integrated_gradients': benchmark_integrated_gradients,
    'occlusion': benchmark_occlusion,
    'dependency': benchmark_dependency,
    'dependency_needed': functools.partial(benchmark_dependency, needed_only=True),
}


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparisons and print or write their list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, metavar='OUT', help='write the results there as well')
    parser.add_argument(
        '--only', choices=tuple(BENCHMARKS), nargs='+', default=tuple(BENCHMARKS), metavar='NAME', help='some of them'
    )
    parser.add_argument('--model', choices=tuple(MODELS), default='movenet', help='default %(default)s')
    parser.add_argument('--checkpoint', help='weights of the model, default random ones')
    parser.add_argument('--repeats', type=int, default=REPEATS, metavar='N', help='default %(default)s')
    parser.add_argument(
        '--steps', type=int, default=STEPS, metavar='N', help='points of integrated gradients, default %(default)s'
    )
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error('a median takes one of --repeats')
    logging.disable(logging.WARNING)
    warnings.simplefilter('ignore')
    case = Case(args)
    records = []
    for name in BENCHMARKS:
        if name in args.only:
            records.append({**BENCHMARKS[name](case), 'model': args.model})
            print(records[-1], flush=True)
    write_records(args.json, records)
    return 0 if all(entry['equal'] for entry in records) else 1


if __name__ == '__main__':
    sys.exit(main())
