"""Attribute joints of a few people of a data set, and gather what joints look at over everyone."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from posescope.atomic import replacing
from posescope.errors import InputError
from posescope.explain.hooks.explaining_hook import ExplainingHook
from posescope.explain.named_choice import choice_of, choices_of

if TYPE_CHECKING:
    from torch import Tensor

    from posescope.explain.attribution import BoneFrames
    from posescope.explain.crops import Crops
    from posescope.explain.explanation import Explainer, Seen
    from posescope.explain.pose_function import PoseFunction

__all__ = ['AttributionHook']

_NEEDED = ('img_id', 'id', 'ori_shape')
"""What data samples have to tell besides where their crops lie."""


@HOOKS.register_module()
class AttributionHook(ExplainingHook):
    """Writes what each joint looks at, for people evenly spaced over the test data.

    ``<work_dir>/attribution/`` gets ``explanation.json`` with everybody, ``maps.safetensors`` with
    ``<image>_<person>/<method>/<joint>``, (H, W) in pixels of the input, for those who are drawn, and
    ``bone_relative/<method>/<joint>``, means over everybody in coordinates of the joint's bone, for joints that the
    skeleton links to another; and pictures of both. Where two people have the same ids, as those of several data sets
    in one may, the second one's maps are called ``<image>_<person>_2``. A method that is there several times, with
    different options, is called by what differs, as ``integrated_gradients-baseline-blur``. PoseIG's FI takes the
    person's mask from ``segmentation`` of the annotation, or the part map of a rendered picture. Where a method shows
    attention, the agreement of an intervention stands beside the maps that are drawn.
    During a training the same comes from the validation data, in ``attribution_epoch_<n>/``.

    Args:
        method: A method, or several, of :data:`posescope.explain.attribution.METHODS`, each a name or
            ``dict(type=NAME, OPTION=VALUE)``; None for the one that is taken where none is named, see
            :class:`posescope.explain.explanation.Explainer`.
        target: What is attributed, of :data:`posescope.explain.targets.TARGETS`, a name or
            ``dict(type=NAME, OPTION=VALUE)``; None for the head's default.
        layer: Where methods look that take a layer and do not say one themselves.
        joints: Names of joints; None for all.
        people: How many people.
        pictures: How many of them are drawn.
        photograph: Whether pictures show the photograph below the maps.
        interval: Epochs between two looks during a training; 0 for none.
        batch_size: Crops at once.
        out_dir: Folder, below the work dir unless it is absolute.

    Raises:
        InputError: An option makes no sense.
    """

    def __init__(
        self,
        method: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,
        target: str | Mapping[str, Any] | None = None,
        layer: str | None = None,
        joints: Sequence[str] | None = None,
        people: int = 32,
        pictures: int = 4,
        photograph: bool = True,
        interval: int = 0,
        batch_size: int = 16,
        out_dir: str = 'attribution',
        **unknown: Any,
    ) -> None:
        super().__init__(interval, **unknown)
        self.check_whole({'people': people, 'batch_size': batch_size}, 1)
        self.check_whole({'pictures': pictures}, 0)
        self.method = None if method is None else choices_of(method, 'method')
        self.target = None if target is None else choice_of(target, 'target')
        self.layer, self.joints = layer, None if joints is None else list(joints)
        self.people, self.pictures, self.photograph = people, pictures, photograph
        self.batch_size, self.out_dir = batch_size, out_dir

    def check(self, runner: Runner, function: 'PoseFunction', dataset: Any, training: bool) -> None:
        """Explain a joint of one person in as few passes as can be, and refuse a folder with other things."""
        from posescope.capture.pictures import SkeletonStyle
        from posescope.explain.explanation_content import person_content
        from posescope.explain.explanation_folder import check_free
        from posescope.explain.targets.registry import target_names

        epochs = range(self.interval, runner.max_epochs + 1, self.interval) if training else [None]
        for epoch in epochs:
            check_free(self._folder(runner, epoch))
        if self.target is not None and self.target.name == 'against_person':
            raise InputError(
                "AttributionHook: target 'against_person' needs two people of one picture, and a hook sees each alone: "
                f'take another of {", ".join(target_names(function.kind))}, or tools/explain.py'
            )
        explainer = self._explainer(function).trial()
        crops = function.batch([dataset[0]])
        missing = [key for key in _NEEDED if key not in crops.samples[0].metainfo]
        if missing:
            raise InputError(
                f'AttributionHook: data samples lack {", ".join(missing)}: let PackPoseInputs of the pipeline pack '
                'them (meta_keys)'
            )
        if self.pictures:
            SkeletonStyle.of_metainfo(function.skeleton.metainfo)
        seen = explainer.look(crops)
        person_content(explainer, seen, 0, {name: explainer.maps(seen, 0, name) for name in explainer.methods})

    def explain(self, runner: Runner, function: 'PoseFunction', dataset: Any, epoch: int | None) -> None:
        """Explain and write."""
        from posescope.explain.explanation_folder import new_folder

        folder = self._folder(runner, epoch)
        with new_folder(folder) as unfinished:
            self._fill(unfinished, self._explainer(function), dataset)
        runner.logger.info(f'{min(self.people, len(dataset))} people are explained in {folder}')

    def _folder(self, runner: Runner, epoch: int | None) -> Path:
        return Path(runner.work_dir) / (self.out_dir if epoch is None else f'{self.out_dir}_epoch_{epoch}')

    def _fill(self, folder: Path, explainer: 'Explainer', dataset: Any) -> None:
        from posescope.explain.attention_agreement import attention_agreement
        from posescope.explain.attribution import BoneFrames
        from posescope.explain.explanation_content import about_content, person_content
        from posescope.explain.explanation_folder import write_content, write_maps

        function = explainer.function
        frames = {name: BoneFrames(function.skeleton) for name in explainer.methods}
        contents: list[dict[str, Any]] = []
        kept: dict[str, Any] = {}
        taken: set[str] = set()
        for seen in self._seen(explainer, dataset):
            for person in range(len(seen)):
                maps = {name: explainer.maps(seen, person, name) for name in explainer.methods}
                for name, found in maps.items():
                    frames[name].add(found[None], seen.pose.places[person : person + 1].cpu(), explainer.joints)
                meta = seen.crops.samples[person].metainfo
                who = {'picture': str(meta.get('img_path', '')), 'image_id': meta['img_id'], 'person_id': meta['id']}
                contents.append({**who, **person_content(explainer, seen, person, maps)})
                if len(contents) <= self.pictures:
                    contents[-1]['attention'] = attention_agreement(explainer, seen.crops, person)
                    key = _free_name(f'{meta["img_id"]}_{meta["id"]}'.replace('/', '_'), taken)
                    self._draw(folder, key, explainer, seen, person, maps, contents[-1])
                    for name, found in maps.items():
                        for number, joint in enumerate(explainer.joints):
                            kept[f'{key}/{name}/{function.joints[joint]}'] = partial(np.asarray, found[number])
        self._draw_averages(folder, explainer, frames, kept)
        write_content({**about_content(explainer), 'maps': 'pixels of the input', 'people': contents}, folder)
        write_maps(kept, folder)

    def _explainer(self, function: 'PoseFunction') -> 'Explainer':
        from posescope.explain.explanation import Explainer

        return Explainer(function, self.method, self.target, self.joints, self.layer, self.batch_size)

    def _seen(self, explainer: 'Explainer', dataset: Any) -> Iterator['Seen']:
        """Look at people evenly spaced over the data set, batch by batch."""
        count = min(self.people, len(dataset))
        indices = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
        for start in range(0, count, self.batch_size):
            samples = [dataset[index] for index in indices[start : start + self.batch_size]]
            crops: Crops = explainer.function.batch(samples)
            yield explainer.look(crops)

    def _draw(
        self,
        folder: Path,
        key: str,
        explainer: 'Explainer',
        seen: 'Seen',
        person: int,
        maps: dict[str, 'Tensor'],
        content: dict[str, Any],
    ) -> None:
        from mmcv import imread

        from posescope.explain.explanation_figures import person_figures

        path = seen.crops.samples[person].metainfo.get('img_path')
        photograph = imread(str(path), channel_order='rgb') if self.photograph and path else None
        for name, figure in person_figures(explainer, seen, person, maps, photograph, key, content).items():
            with replacing(folder / f'{key}_{name}.png') as unfinished:
                figure.savefig(unfinished, format='png', dpi=110)

    def _draw_averages(
        self, folder: Path, explainer: 'Explainer', frames: dict[str, 'BoneFrames'], kept: dict[str, Any]
    ) -> None:
        """Draw means over people, and add them to the maps that are kept."""
        from posescope.explain.explanation_figures import pages
        from posescope.explain.pictures import draw_bone_average

        names = explainer.function.joints
        for name, frame in frames.items():
            average = frame.average()
            shown = [joint for joint in explainer.joints if frame.parents[joint] >= 0]
            for joint in shown:
                kept[f'bone_relative/{name}/{names[joint]}'] = partial(np.asarray, average.mean[joint])
            for suffix, joints in pages(shown):
                figure = draw_bone_average(
                    average, names, frame.parents, f'what joints look at, over everyone, by {name}', joints
                )
                with replacing(folder / f'bone_relative_{name}{suffix}.png') as unfinished:
                    figure.savefig(unfinished, format='png', dpi=110)


def _free_name(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken; it is taken then."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f'{name}_{number}'
    taken.add(found)
    return found
