#!/usr/bin/env python
"""Explain on any photograph what a model's prediction of each joint rests on."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import replacing
from posescope.engine.command import command
from posescope.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from posescope.explain.explanation import Explainer, Seen
    from posescope.explain.photographs import Photograph

DESCRIPTION = """\
Explain on photographs what a top-down model's prediction of each joint rests on: a map for each joint of each person,
signed where the method has signs, and what it says in numbers and words.

  tools/explain.py CONFIG CHECKPOINT photo.jpg
  tools/explain.py CONFIG CHECKPOINT photo.jpg --bbox 120,40,180,390 --bbox 300,55,160,380 --joints left_wrist,nose
  tools/explain.py CONFIG CHECKPOINT *.jpg --det-config DET.py --det-checkpoint DET.pth
  tools/explain.py CONFIG CHECKPOINT photo.jpg --method hirescam,integrated_gradients --target against_mirror
  tools/explain.py CONFIG CHECKPOINT photo.jpg --method rise,occlusion:window=24,occlusion:window=48

People are those of --bbox, those that a detector of MMDetection finds, or else the whole picture is taken for one. Each
is seen once, without a mirrored second pass (flip_test). Of several pictures, those that are damaged, or on which the
detector finds nobody, are skipped with a warning.

A folder for each picture, named like it, gets
  explanation.json   people: box, joints with their places in pixels of the picture, and of each joint and method what
                     its map says: sums, peak, centre of mass, spread, shares within the box and near each joint,
                     PoseIG's indices beside those of a centred Gaussian and of noise, and a sentence. FI takes --mask.
  maps.safetensors   METHOD/JOINT: (height, width) float32 in pixels of the picture; a map sums to what it sums to over
                     the model's input. Of several people: person_1/METHOD/JOINT, person_2/…, in the order of
                     explanation.json
                     A method that is asked for twice is called by what differs: occlusion-window-24
  people.png, person_1_METHOD.png, …   who is explained, and all maps of each

methods: saliency, input_x_gradient, smoothgrad, integrated_gradients, blur_integrated_gradients, hirescam, layercam,
  gradcam, occlusion, rise, attention_rollout, attention_relevance, captum
targets: value (heatmaps), weighted_score (MoveNet), log_probability (heatmaps, SimCC), displacement and log_likelihood
  (coordinates); for all of them against_mirror, the joint here and not at its counterpart's place, and against_person,
  here and not at the same joint of the nearest other person; against_truth and likelihood need labels
Options follow a colon: occlusion:window=24,stride=8, hirescam:layer=backbone.layer3, displacement:direction=0,1
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a top-down model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('images', nargs='+', type=Path, metavar='IMAGE', help='pictures in any format of OpenCV')
    parser.add_argument(
        '--bbox', action='append', default=[], metavar='X,Y,W,H', help='a person, in pixels; repeat for more'
    )
    parser.add_argument(
        '--mask',
        action='append',
        default=[],
        type=Path,
        metavar='PICTURE',
        help='picture of the same size that is black beside the person; repeat for each --bbox in turn',
    )
    parser.add_argument('--det-config', metavar='CONFIG', help='a detector of MMDetection that finds people')
    parser.add_argument('--det-checkpoint', metavar='CKPT', help='its weights')
    parser.add_argument(
        '--det-threshold', type=float, default=0.3, metavar='S', help='score that a person needs, default %(default)s'
    )
    parser.add_argument('--joints', metavar='A,B', help='names of joints, default all')
    parser.add_argument(
        '--method',
        metavar='A,B:OPTION=VALUE',
        help='methods of those above; default hirescam, or integrated_gradients for models without maps',
    )
    parser.add_argument(
        '--target',
        metavar='NAME:OPTION=VALUE',
        help='what is attributed, of those above; default: the one that fits the head',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='where class activation maps are read; default: the last stage of the backbone with 6 × 6 cells or more',
    )
    parser.add_argument('--batch-size', type=int, default=16, metavar='N', help='crops at once, default %(default)s')
    parser.add_argument('--device', help='default: the first accelerator, or the CPU without one')
    parser.add_argument('--without-photograph', action='store_true', help='draw maps alone')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/explain'), metavar='DIR', help='default %(default)s'
    )
    return parser


def check_options(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself, before anything is loaded.

    Raises:
        InputError: Naming the options.
    """
    if args.bbox and len(args.images) > 1:
        raise InputError(
            f'--bbox says who is on one picture, and there are {len(args.images)}: explain them one by one'
        )
    if args.mask and len(args.mask) != max(1, len(args.bbox)):
        raise InputError(f'--mask is given {len(args.mask)} times and --bbox {len(args.bbox)} times: give one for each')
    if args.mask and (args.det_config or len(args.images) > 1):
        raise InputError('--mask takes one picture, whose people are not found by a detector: explain them one by one')
    if bool(args.det_config) != bool(args.det_checkpoint):
        raise InputError('--det-config and --det-checkpoint belong together: a detector takes both')
    if args.bbox and args.det_config:
        raise InputError('--bbox and --det-config both say who is on the picture: give one of them')
    if args.batch_size < 1:
        raise InputError(f'--batch-size {args.batch_size}: at least one crop has to be seen')


def names_of(text: str | None) -> list[str] | None:
    """Names between commas; None stays."""
    return None if text is None else [name.strip() for name in text.split(',') if name.strip()]


def find_people(args: argparse.Namespace) -> list['Photograph']:
    """Read every picture once, and find who is on it.

    Of several pictures, damaged ones and those without people are left out, which is warned of.

    Raises:
        InputError: A box is bad, a picture does not exist, a folder is taken, or no picture is left.
    """
    from posescope.explain.explanation_folder import check_free
    from posescope.explain.person_boxes import PersonDetector, read_box
    from posescope.explain.person_crops import checked_boxes
    from posescope.explain.photographs import Photograph, folders_of, those_that_work
    from posescope.explain.picture_file import read_picture

    given = [read_box(text) for text in args.bbox]
    places = list(zip(args.images, folders_of(args.images, args.out), strict=True))
    for path, folder in places:
        if not path.expanduser().exists():
            raise InputError(f'picture {path} does not exist')
        check_free(folder)
    if given:
        height, width = read_picture(args.images[0]).shape[:2]
        checked_boxes(given, (width, height))
    detector = None
    if args.det_config:
        detector = PersonDetector(args.det_config, args.det_checkpoint, args.det_threshold, args.device)

    def look(path: Path, folder: Path) -> 'Photograph':
        image = read_picture(path)
        if detector is not None:
            found = Photograph(path, folder, *detector.find(image, str(path)), 'detector')
        else:
            boxes = np.array(given) if given else None
            found = Photograph(path, folder, boxes, None, 'given' if given else 'whole picture', tuple(args.mask))
        if args.target == 'against_person' and len(found) < 2:
            raise InputError(
                f"target 'against_person' needs another person in the same picture, and there is one alone in {path}"
            )
        return found

    return those_that_work(places, look)


def load_explainer(args: argparse.Namespace) -> 'Explainer':
    """Load the model, and say what is asked of it.

    Raises:
        InputError: Config, weights, methods, target or joints are wrong.
    """
    from posescope.explain.choice_text import read_choice, read_choices
    from posescope.explain.explanation import Explainer
    from posescope.explain.method_set import build_methods
    from posescope.explain.pose_function import PoseFunction
    from posescope.explain.targets import target_of

    methods = None if args.method is None else read_choices(args.method, 'method')
    target = None if args.target is None else target_of(read_choice(args.target, 'target'))
    if methods is not None:
        build_methods(methods, args.layer)  # refuses others before the model is loaded
    function = PoseFunction.from_files(args.config, args.checkpoint, args.device)
    return Explainer(function, methods, target, names_of(args.joints), args.layer, args.batch_size)


def explain(
    explainer: 'Explainer', photograph: 'Photograph', args: argparse.Namespace, step: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Explain everybody on a picture, and write all of it.

    Args:
        explainer: What is asked.
        photograph: The picture.
        args: The command line.
        step: Told whose turn it is.

    Returns:
        What was found of each person.
    """
    from posescope.explain.explanation_content import about_content, person_content
    from posescope.explain.explanation_figures import overview_figure, person_figures
    from posescope.explain.explanation_folder import new_folder, write_content, write_maps
    from posescope.explain.photographs import masks_of
    from posescope.explain.picture_file import read_picture

    image = read_picture(photograph.path)
    shown = None if args.without_photograph else image[..., ::-1]
    crops = explainer.function.people_of(image, photograph.boxes)
    seen = explainer.look(crops, same_picture=True)
    masks = masks_of(photograph, crops)
    people: list[dict[str, Any]] = []
    found: list[dict[str, Tensor]] = []
    with new_folder(photograph.folder) as folder:
        for person in range(len(seen)):
            step(f'person {person + 1} of {len(seen)} on {photograph.path.name}')
            maps = {name: explainer.maps(seen, person, name) for name in explainer.methods}
            people.append({'number': person + 1, **person_content(explainer, seen, person, maps, masks[person])})
            if photograph.box_scores is not None:
                people[-1]['box_score'] = photograph.box_scores[person]
            found.append(maps)
            name = f'person {person + 1}' if len(seen) > 1 else photograph.path.name
            for method, figure in person_figures(explainer, seen, person, maps, shown, name, people[-1]).items():
                save(figure, folder / f'person_{person + 1}_{method}.png')
        if shown is not None:
            save(overview_figure(explainer, seen, shown, photograph.path.name), folder / 'people.png')
        size = image.shape[1], image.shape[0]
        write_maps(picture_maps(explainer, seen, found, size), folder)
        about = {
            **about_content(explainer),
            'config': args.config,
            'checkpoint': args.checkpoint,
            'picture': str(photograph.path),
            'size': list(size),
            'boxes': photograph.found_by,
            'maps': 'pixels of the picture',
        }
        write_content({**about, 'people': people}, folder)
    return people


def picture_maps(
    explainer: 'Explainer', seen: 'Seen', found: Sequence[dict[str, 'Tensor']], size: tuple[int, int]
) -> dict[str, Callable[[], NDArray[np.float32]]]:
    """By name in ``maps.safetensors``, what lays a map on the picture."""
    from posescope.explain.picture_maps import to_picture

    names = explainer.function.joints
    return {
        ('' if len(found) == 1 else f'person_{person + 1}/') + f'{method}/{names[joint]}': partial(
            to_picture, each[number], seen.crops.to_image[person], size
        )
        for person, maps in enumerate(found)
        for method, each in maps.items()
        for number, joint in enumerate(explainer.joints)
    }


def save(figure: Any, path: Path) -> None:
    """Write a figure."""
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format='png', dpi=110)


def tell(photograph: 'Photograph', people: Sequence[dict[str, Any]]) -> None:
    """Print what maps say in words."""
    from posescope.explain.explanation_content import sentences

    for person in people:
        box = ', '.join(f'{value:.0f}' for value in person['box'])
        print(f'{photograph.path.name}, person {person["number"]} (box {box}), mean score {person["score"]:.2f}')
        if person['note']:
            print(f'  note: {person["note"]}')
        for method, lines in sentences(person).items():
            print(f'  {method}')
            for line in lines:
                print(f'    {line}')


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Explain as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    from rich.console import Console
    from rich.progress import Progress

    start = time.perf_counter()
    args = make_parser().parse_args(joined(sys.argv[1:] if argv is None else argv))
    check_options(args)
    photographs = find_people(args)
    explainer = load_explainer(args)
    console = Console(stderr=True)
    count = sum(map(len, photographs))
    found = []
    with Progress(console=console, transient=True, redirect_stdout=False, disable=not console.is_terminal) as progress:
        task = progress.add_task('explaining', total=count)
        for photograph in photographs:

            def step(text: str) -> None:
                progress.update(task, description=text, advance=1)

            found.append(explain(explainer, photograph, args, step))
    for photograph, people in zip(photographs, found, strict=True):
        tell(photograph, people)
    seconds = time.perf_counter() - start
    many = f'{count} people' if count > 1 else '1 person'
    print(f'{many} explained in {seconds:.0f} s; explanation.json, maps.safetensors and pictures are in')
    for photograph in photographs:
        print(f'  {photograph.folder}')
    return 0


def joined(argv: Sequence[str]) -> list[str]:
    """Join ``--bbox`` and its value: argparse takes one that begins with a minus for an option."""
    found: list[str] = []
    for argument in argv:
        if found and found[-1] == '--bbox':
            found[-1] = f'--bbox={argument}'
        else:
            found.append(argument)
    return found


if __name__ == '__main__':
    sys.exit(main())
